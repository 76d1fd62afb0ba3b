"""Answers kept for other inputs: what one call worked out is given to the next that is like it, or to any."""

import ast
from collections.abc import Iterator

from assay.audit.actions.constants import UNKNOWN
from assay.audit.code import CANDIDATE, Code, codes
from assay.audit.dataflow import Function, is_literal, parameters
from assay.audit.evidence.timing import is_timed
from assay.audit.findings import HARNESS, Finding
from assay.audit.views import View

_NAME = "partial_keys"
_LOSSY = {"len", "sum", "min", "max", "hash", "type", "round", "any", "all", "zlib.crc32", "abs", "bool", "int", "id"}
_PUTS = ("append", "add", "insert", "setdefault", "update", "extend", "__setitem__")


def detect(view: View) -> Iterator[Finding]:
    """Yield functions whose answers outlive the call under a key that does not hold the whole input."""
    timed = is_timed(view)
    for code in codes(view, CANDIDATE):
        outer = _outlives(code) | ({"self", "cls"} if timed else set())
        for function in ast.walk(code.tree):
            if isinstance(function, Function) and code.touched(function) and parameters(function):
                for mechanism, node, sure in _kept(code, function, outer):
                    sure = sure if timed else sure - 0.15
                    said, line, where = code.text(node), code.line(node), code.source.where
                    yield view.finding(_NAME, HARNESS, mechanism, sure, said, step=code.source.step, line=line,
                                       where=where)  # fmt: skip


def _outlives(code: Code) -> set[str]:
    """Return the names of the module that hold something that can be changed, or that functions give anew."""
    found = {name for node in ast.walk(code.tree) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    for node in code.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(node.value, ast.List | ast.Dict | ast.Set | ast.Call | ast.DictComp | ast.ListComp):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def _cells(function: Function, outer: set[str]) -> set[str]:
    """Return the names in a function of what outlives its calls."""
    args = function.args
    pairs = [*zip(reversed([*args.posonlyargs, *args.args]), reversed(args.defaults), strict=False)]
    pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None]
    kept = {a.arg for a, d in pairs if isinstance(d, ast.List | ast.Dict | ast.Set | ast.Call)}
    return kept | outer | {function.name}


def _kept(code: Code, function: Function, outer: set[str]) -> Iterator[tuple[str, ast.AST, float]]:
    cells = _cells(function, outer)
    made = _derived(function, set(parameters(function)) - cells) - cells
    for node in ast.walk(function):
        target, value = _stored(node)
        if target is None or value is None or not _reads(value, made) or not any(
            isinstance(n, ast.Call) for n in ast.walk(value)
        ):  # fmt: skip
            continue
        root, key = _place(target)
        if root not in cells or not _given_back(function, root, node):
            continue
        if key is None or code.constant(key) is not UNKNOWN or is_literal(key):
            if _once(code, function, node, made):
                yield "cached_for_any_input", node, 0.75
                return
        elif _partial(code, function, key, made):
            yield "cached_by_part", node, 0.75
            return


def _derived(function: Function, given: set[str]) -> set[str]:
    """Return the names that are made of the input."""
    found = set(given)
    for _ in range(5):
        size = len(found)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if _reads(node.value, found):
                    found |= {target.id for target in targets if isinstance(target, ast.Name)}
        if len(found) == size:
            break
    return found


def _reads(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))


def _stored(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """Return what a statement keeps something in, and what: `x[k] = v`, `f.last = v`, `x = v`, `x.append(v)`."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return node.targets[0], node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args and node.func.attr in _PUTS:
        if node.func.attr == "setdefault" and len(node.args) == 2:
            return ast.Subscript(node.func.value, node.args[0], ast.Store()), node.args[1]
        return (node.func.value, node.args[0]) if node.func.attr in ("append", "add") else (None, None)
    return None, None


def _place(target: ast.expr) -> tuple[str, ast.expr | None]:
    """Return the name in which something is kept, and the key; None where it has none."""
    key = target.slice if isinstance(target, ast.Subscript) else None
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    return (target.id, key) if isinstance(target, ast.Name) else ("", None)


def _given_back(function: Function, root: str, store: ast.AST) -> bool:
    """Whether what is kept under a name is returned."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            inner = [n for n in ast.walk(node.value) if isinstance(n, ast.Name) and n.id == root]
            called = [n for n in ast.walk(node.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
            if inner and not any(n.func in inner for n in called):
                return True
    return False


def _once(code: Code, function: Function, node: ast.AST, made: set[str]) -> bool:
    """Whether a store is made only now and then, by a condition that does not ask for the input."""
    for outer in code.above(node):
        if outer is function:
            return False
        if isinstance(outer, ast.If | ast.IfExp) and not _reads(outer.test, made):
            return True
        if isinstance(outer, ast.ExceptHandler):
            return True
    return False


def _partial(code: Code, function: Function, key: ast.expr, made: set[str]) -> bool:
    """Whether a key is made of the input by what loses a part of it, and holds none of it whole."""
    if isinstance(key, ast.Name):
        values = [n.value for n in ast.walk(function) if isinstance(n, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == key.id for t in n.targets)]  # fmt: skip
        if len(values) != 1:
            return False
        key = values[0]
    if not _reads(key, made):
        return False
    parts = key.elts if isinstance(key, ast.Tuple) else [key]
    return all(_loses(code, part, made) for part in parts if _reads(part, made))


def _loses(code: Code, node: ast.expr, made: set[str]) -> bool:
    """Whether an expression keeps but a part of the input that goes into it."""
    if isinstance(node, ast.IfExp):
        return _loses(code, node.body, made) and _loses(code, node.orelse, made)
    if isinstance(node, ast.Tuple):
        return all(_loses(code, part, made) for part in node.elts if _reads(part, made))
    if isinstance(node, ast.BinOp):
        lossy = isinstance(node.op, ast.FloorDiv | ast.Mod | ast.RShift | ast.BitAnd)
        return lossy or all(_loses(code, side, made) for side in (node.left, node.right) if _reads(side, made))
    if isinstance(node, ast.Subscript):
        return code.constant(node.slice) is not UNKNOWN or isinstance(
            node.slice, ast.Slice | ast.Constant | ast.UnaryOp
        )
    if isinstance(node, ast.Call):
        name = code.full(node.func)
        return name in _LOSSY or (
            name in ("tuple", "str", "repr", "frozenset") and any(_loses(code, part, made) for part in node.args)
        )
    return isinstance(node, ast.Compare)
