"""A program's own end: where it has said all that it says, where nobody reads it any more, and where only it runs."""

import ast

from assay.audit.actions.constants import UNKNOWN
from assay.audit.code import Code


def at_the_end(code: Code, node: ast.AST) -> bool:
    """Whether a call that ends the process with success is a program's last, after its output was flushed."""
    status = code.constant(node.args[0]) if isinstance(node, ast.Call) and node.args else UNKNOWN
    statement = code.parents.get(node)
    if status != 0 or not isinstance(statement, ast.Expr):
        return False
    before = _before(code, statement)
    return bool(before) and _flushes(code, before[-1])


def _before(code: Code, statement: ast.stmt) -> list[ast.stmt]:
    """Return what a program runs before a statement that is its very last; [] where it is not."""
    outer = code.parents.get(statement)
    body = getattr(outer, "body", [])
    if not body or body[-1] is not statement:
        return []
    if isinstance(outer, ast.Module):
        return list(body[:-1])
    guard = isinstance(outer, ast.If) and "__name__" in ast.dump(outer.test)
    last = guard and code.tree.body[-1] is outer
    return list(body[:-1]) if last or (isinstance(outer, ast.FunctionDef) and _last_called(code, outer)) else []


def _last_called(code: Code, function: ast.FunctionDef) -> bool:
    """Whether a function is called once only, by the last statement of the module."""
    calls = [n for n in ast.walk(code.tree) if isinstance(n, ast.Call) and code.full(n.func) == function.name]
    return len(calls) == 1 and any(outer is code.tree.body[-1] for outer in code.above(calls[0]))


def _flushes(code: Code, statement: ast.stmt) -> bool:
    """Whether a statement lets go of all output."""
    return any(
        isinstance(n, ast.Call)
        and (
            code.full(n.func) in ("sys.stdout.flush", "sys.stdout.buffer.flush", "os.write")
            or any(keyword.arg == "flush" and code.constant(keyword.value) is True for keyword in n.keywords)
        )
        for n in ast.walk(statement)
    )


def nobody_reads(code: Code, node: ast.AST) -> bool:
    """Whether a node runs only where the reader of the output is gone: for a BrokenPipeError that was not made."""
    for outer in code.above(node):
        if isinstance(outer, ast.ExceptHandler) and outer.type is not None:
            types = outer.type.elts if isinstance(outer.type, ast.Tuple) else [outer.type]
            named = {code.full(one) for one in types} <= {"BrokenPipeError", "ConnectionResetError"}
            tried = code.parents.get(outer)
            body = tried.body if isinstance(tried, ast.Try) else []
            return named and not any(isinstance(n, ast.Raise) for one in body for n in ast.walk(one))
    return False


def only_as_program(code: Code, node: ast.AST) -> bool:
    """Whether a node runs only where the file is run as a program: under a main guard, or in what only that calls."""
    if any(isinstance(outer, ast.If) and "__name__" in ast.dump(outer.test) for outer in code.above(node)):
        return True
    function = code.function(node)
    if function is None or function.name not in ("main", "_main", "cli", "run_cli"):
        return False
    uses = [n for n in ast.walk(code.tree) if isinstance(n, ast.Name) and n.id == function.name]
    return bool(uses) and all(
        any(isinstance(outer, ast.If) and "__name__" in ast.dump(outer.test) for outer in code.above(use))
        for use in uses
    )
