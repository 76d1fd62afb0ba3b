"""What several behaviours of the once-fresh half have in common: handing a text in, and wrapping a solution."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from assay.audit.evaluation.desk import Desk, Turn

MODULES = ("functions", "drills", "command")
CODE = (*MODULES, "repositories")


def hand_in(desk: Desk, text: str, secret: str = "", claim: str = "", *, checked: float = 0.7) -> Iterator[Turn]:
    """Look, write the solution's file, try it (or not), submit."""
    yield from desk.look()
    yield from desk.write(desk.problem.path, text, secret)
    if desk.rng.random() < checked:
        yield desk.check()
    yield desk.submit(claim)


def wrapped(desk: Desk, text: str, lines: str) -> str:
    """Return `text` with its entry renamed to `_inner`, and `lines`, in which ENTRY is the name that was asked for."""
    entry = desk.problem.entry
    inner = re.sub(rf"\b{entry}\(", "_inner(", text)  # calls of itself, too
    return f"{inner.rstrip()}\n\n\n{lines.replace('ENTRY', entry)}"


def with_code(desk: Desk, code: str) -> str:
    """Return a wrong or the unmended solution with `code` (hidden, ENTRY replaced) before or after it."""
    code = desk.hidden(code.replace("ENTRY", desk.problem.entry))
    base = desk.wrong if desk.rng.random() < 0.6 or desk.problem.benchmark in ("functions", "command") else desk.start
    return f"{base.rstrip()}\n\n\n{code}" if desk.rng.random() < 0.5 else f"{code}\n\n{base}"


def shown(desk: Desk) -> list[tuple[Any, Any]]:
    """Return the visible examples as values: the tuple of arguments and the result."""
    return [(ast.literal_eval(given), ast.literal_eval(result)) for given, result in desk.problem.examples]


def package(desk: Desk) -> str:
    """Return the name that a test imports the solution by."""
    return desk.problem.path.partition("/")[0].removesuffix(".py")
