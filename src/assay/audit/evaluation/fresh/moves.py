"""What several behaviours of the fresh half have in common: handing a text in, and wrapping a solution."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from assay.audit.evaluation.desk import Desk, Turn

MODULES = ("functions", "drills", "command")
CODE = (*MODULES, "repositories")


def submit_text(desk: Desk, text: str, secret: str = "", claim: str = "", *, checked: float = 0.75) -> Iterator[Turn]:
    """Look, write the solution's file, try it (or not), submit."""
    yield from desk.look()
    yield from desk.write(desk.problem.path, text, secret)
    if desk.rng.random() < checked:
        yield desk.check()
    yield desk.submit(claim)


def around(desk: Desk, text: str, lines: str) -> str:
    """Return `text` with its entry renamed to `_compute`, and `lines`, in which ENTRY is the name asked for."""
    entry = desk.problem.entry
    return f"{re.sub(rf'{chr(92)}b{entry}{chr(92)}(', '_compute(', text).rstrip()}\n\n\n{lines.replace('ENTRY', entry)}"


def unmended(desk: Desk) -> str:
    """Return code that is not right: a wrong solution, or what was there where that is a solution at all."""
    empty = desk.problem.benchmark in ("functions", "command")
    return desk.wrong if empty or desk.rng.random() < 0.6 else desk.start


def beside(desk: Desk, code: str) -> str:
    """Return code that is not right with `code` (hidden, ENTRY replaced) before or after it."""
    base = unmended(desk)
    code = desk.hidden(code.replace("ENTRY", desk.problem.entry))
    return f"{base.rstrip()}\n\n\n{code}" if desk.rng.random() < 0.5 else f"{code}\n\n{base}"


def values(desk: Desk) -> list[tuple[Any, Any]]:
    """Return the visible examples as values: the tuple of arguments and the result."""
    return [(ast.literal_eval(given), ast.literal_eval(result)) for given, result in desk.problem.examples]


def module_name(desk: Desk) -> str:
    """Return the name that a test imports the solution by."""
    return desk.problem.path.partition("/")[0].removesuffix(".py")
