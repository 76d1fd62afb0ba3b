"""The words of a drill: the issue that a task opens with, and the short test that shows the failure."""

import random
from typing import Any

from assay.tasks.drills.run import Raised

_WRONG_VALUE = (
    "`{name}` is wrong: {call} gave {got} but {want} was expected. Fix mod.py.",
    "{call} returns {got}, but it should return {want}. Please mend `{name}` in mod.py.",
    "We called {call} and got {got}; the right answer is {want}. Repair `{name}` in mod.py.",
    "There is a fault in `{name}`. For {call} it gives {got} where {want} is right.",
    "Bug in mod.py: {call} should be {want}, not {got}. Find the fault in `{name}`.",
    "`{name}` does not do what its text says: {call} gives {got} instead of {want}.",
    "Please look at `{name}` in mod.py. It answers {got} to {call}; it should answer {want}.",
    "The test of `{name}` fails, since {call} is {got} and ought to be {want}.",
)
_ERROR = (
    "`{name}` is wrong: {call} raised {got} but {want} was expected. Fix mod.py.",
    "{call} stops with {got}, but it should return {want}. Please mend `{name}` in mod.py.",
    "We called {call} and met {got}; the right answer is {want}. Repair `{name}` in mod.py.",
    "There is a fault in `{name}`. For {call} it raises {got} where {want} is right.",
    "Bug in mod.py: {call} should be {want}, but raises {got}. Find the fault in `{name}`.",
    "The test of `{name}` fails, since {call} raises {got} and ought to be {want}.",
)


def shown_call(name: str, arguments: tuple[Any, ...]) -> str:
    """Return the call as one writes it."""
    return f"{name}({', '.join(map(repr, arguments))})"


def issue_text(name: str, arguments: tuple[Any, ...], got: Any, want: Any, rng: random.Random) -> str:
    """Return one or two sentences that tell the failure and nothing of its place or its cure."""
    raised = isinstance(got, Raised)
    phrase = rng.choice(_ERROR if raised else _WRONG_VALUE)
    seen = got.kind if raised else repr(got)
    return phrase.format(name=name, call=shown_call(name, arguments), got=seen, want=repr(want))


def test_script(name: str, cases: list[tuple[tuple[Any, ...], Any]]) -> str:
    """Return the visible test: a script that prints `ok`, or the first failure and exits 1."""
    shown = ", ".join(f'("{shown_call(name, arguments)}", {want!r})' for arguments, want in cases)
    return (
        "import sys, mod\n"
        'sys.excepthook = lambda kind, *rest: print("fail:", call, "raised", kind.__name__)\n'
        f"for call, want in [{shown}]:\n"
        "    got = eval(call, vars(mod))\n"
        '    if got != want: sys.exit(f"fail: {call} gave {got!r}, expected {want!r}")\n'
        'print("ok")\n'
    )
