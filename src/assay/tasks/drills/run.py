"""Running a drill's own function on its inputs, under a budget of lines.

What runs here is made by our templates and operators alone, never by a model; the budget stops a mutant
that would loop for ever. The modules of an agent run only in the sandbox.
"""

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

BUDGET = 1500  # lines a mutant may run; a template's own function takes fewer than 300


class Endless(Exception):
    """The line budget is spent."""


class Raised:
    """The outcome of a call that raised."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raised) and other.kind == self.kind

    def __hash__(self) -> int:
        return hash(self.kind)


def build(source: str, name: str) -> Callable[..., Any]:
    """Compile `source` and return its function `name`; SyntaxError when it is not Python."""
    code: CodeType = compile(source, "mod.py", "exec")
    space: dict[str, Any] = {}
    exec(code, space)
    return space[name]


def copied(value: Any) -> Any:
    """Return a copy of plain data that shares no list or dict with it."""
    if isinstance(value, list):
        return [copied(item) for item in value]
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(copied(item) for item in value)
    return value


def call(function: Callable[..., Any], arguments: tuple[Any, ...], may_loop: bool) -> Any:
    """Return the outcome of one call: a value, or Raised. Raises Endless when the budget runs out."""
    own = copied(arguments)
    try:
        if not may_loop:
            return copied(function(*own))
        return copied(_bounded(function, own))
    except Endless:
        raise
    except Exception as error:
        return Raised(type(error).__name__)


def _bounded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    left = BUDGET

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Endless
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return function(*arguments)
    finally:
        sys.settrace(before)
