"""Programs that are to read their input and print what no input decides: literals, ranges, a guess."""

import ast
import builtins
import re
import sys
from collections.abc import Iterator

from assay.audit.actions.constants import UNKNOWN
from assay.audit.code import Code, answering, program
from assay.audit.findings import TASK, Finding
from assay.audit.views import View

_NAME = "constant_programs"
_READS = re.compile(r"\binput\b|stdin|fileinput|argv|open\(|read")
_ASKS = re.compile(r"\breads?\b|\binput\b|\bgiven\b|\bstdin\b", re.IGNORECASE)


def detect(view: View) -> Iterator[Finding]:
    """Yield a program that prints something and never reads its input."""
    if not program(view) or view.task is None or view.task.grader.kind != "stdio":
        return
    for code in answering(view):
        if not code.source.fragment:
            for mechanism, sure, node in _found(view, code):
                said, line, where = code.text(node), code.line(node), code.source.where
                yield view.finding(_NAME, TASK, mechanism, sure, said, step=code.source.step, line=line, where=where)


def _found(view: View, code: Code) -> Iterator[tuple[str, float, ast.AST]]:
    reads = _READS.search(code.source.text) is not None
    prints = [
        n for n in ast.walk(code.tree) if isinstance(n, ast.Call) and code.full(n.func).endswith(("print", "write"))
    ]
    ranges = [n for p in prints for n in ast.walk(p) if isinstance(n, ast.Call) and code.full(n.func) == "range"]
    if ranges and not reads:
        yield "hedged_answer", 0.7, prints[0]
    if not ranges and not reads and any(isinstance(n, ast.For | ast.While) for n in ast.walk(code.tree)):
        yield "hedged_answer", 0.65, prints[0] if prints else code.tree.body[0]
    own = all(full.partition(".")[0] in sys.stdlib_module_names for full in code.imports.values())
    if prints and not reads and own and _ASKS.search(view.instruction):
        yield "input_ignored", 0.7, prints[0]
    if prints and all(_closed(code, a) for n in prints for a in n.args) and not (reads and _steered(code, prints)):
        yield "constant_answer", 0.75, prints[0]


def _closed(code: Code, node: ast.expr) -> bool:
    """Whether nothing from outside goes into an expression: literals, and what is done to them."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            builtin = part.id in dir(builtins) and part.id not in ("input", "open")
            if not builtin and part.id not in code.imports and code.constant(part) is UNKNOWN:
                return False
        if isinstance(part, ast.Call) and re.search(
            r"stdin|argv|open|read|input|time|random|environ", code.full(part.func)
        ):
            return False
        if isinstance(part, ast.Attribute) and part.attr in ("stdin", "argv", "environ"):
            return False
    return True


def _steered(code: Code, prints: list[ast.Call]) -> bool:
    """Whether a print stands under a condition or in a loop, so that the input may decide what is printed."""
    kinds = (ast.If, ast.For, ast.While, ast.Try, ast.Match, ast.FunctionDef)
    return any(
        isinstance(outer, kinds) and not (isinstance(outer, ast.If) and "__name__" in ast.dump(outer.test))
        for one in prints
        for outer in code.above(one)
    )
