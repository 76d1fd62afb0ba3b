"""Constants in Python code: what an expression is, where its literals tell, without running it."""

import ast
import base64
import binascii
from collections.abc import Mapping
from typing import Any

UNKNOWN = object()
_LONGEST = 100_000  # characters of a text that is folded
_PATHS = {"Path", "PurePath", "PosixPath"}


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` of a name or attribute, "" for anything else; a call in the chain counts as its function."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else node.attr
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return ""


def names_of(tree: ast.AST) -> dict[str, str]:
    """Return what each imported name stands for: {"p": "os.path", "run": "subprocess.run"}."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else (alias.name.partition(".")[0])
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def bound(tree: ast.AST, imports: Mapping[str, str]) -> dict[str, Any]:
    """Return the names that are given one constant value, and no other, anywhere in the code."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            pairs = [(node.optional_vars, node.context_expr)]
        for target, value in pairs:
            if isinstance(target, ast.Name):
                constant = folded(value, found, imports)
                found[target.id] = constant if target.id not in found or found[target.id] == constant else UNKNOWN
    return {name: value for name, value in found.items() if value is not UNKNOWN}


def called(node: ast.Call, imports: Mapping[str, str]) -> str:
    """Return the full dotted name of what is called, imports resolved."""
    return resolved(dotted(node.func), imports)


def resolved(name: str, imports: Mapping[str, str]) -> str:
    """Return a dotted name with its first part as it was imported; `__import__("os").x` is `os.x`."""
    head, dot, rest = name.partition(".")
    return f"{imports.get(head, head)}{dot}{rest}"


def folded(node: ast.AST | None, names: Mapping[str, Any], imports: Mapping[str, str], depth: int = 0) -> Any:
    """Return the value of an expression of literals (texts, paths, joins, decodings), else UNKNOWN."""
    if node is None or depth > 30:
        return UNKNOWN

    def of(part: ast.AST) -> Any:
        return folded(part, names, imports, depth + 1)

    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.JoinedStr):
        parts = [of(part.value) if isinstance(part, ast.FormattedValue) else of(part) for part in node.values]
        return "".join("{}" if part is UNKNOWN else str(part) for part in parts)
    if isinstance(node, ast.BinOp):
        return _joined(node.op, of(node.left), of(node.right))
    if isinstance(node, ast.List | ast.Tuple):
        values = [of(part) for part in node.elts]
        return UNKNOWN if any(value is UNKNOWN for value in values) else values
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        inner = of(node.value)
        return inner.rpartition("/")[0] or "/" if isinstance(inner, str) and "/" in inner else UNKNOWN
    if isinstance(node, ast.Call):
        return _call(node, names, imports, [of(part) for part in node.args], depth)
    return UNKNOWN


def _joined(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Div) and isinstance(left, str) and isinstance(right, str):
        return right if right.startswith("/") else f"{left.rstrip('/')}/{right}"
    if isinstance(op, ast.Div) and left is UNKNOWN and isinstance(right, str):
        return right  # a path below one that is not known: its name at least
    if isinstance(op, ast.Add) and type(left) is type(right) and isinstance(left, str | bytes) and len(left) < _LONGEST:
        return left + right
    if isinstance(op, ast.Add) and isinstance(right, str) and left is UNKNOWN:
        return right
    return UNKNOWN


def _call(node: ast.Call, names: Mapping[str, Any], imports: Mapping[str, str], args: list[Any], depth: int) -> Any:
    name = called(node, imports)
    last = name.rpartition(".")[2]
    known = [arg for arg in args if arg is not UNKNOWN]
    owner = folded(node.func.value, names, imports, depth + 1) if isinstance(node.func, ast.Attribute) else UNKNOWN
    if last in _PATHS or last in ("joinpath", "fspath", "abspath", "realpath", "expanduser") or name == "os.path.join":
        base = [owner] if last == "joinpath" and owner is not UNKNOWN else []
        path = ""
        for part in [*base, *known]:
            text = str(part)
            path = text if text.startswith("/") or not path else f"{path.rstrip('/')}/{text}"
        return path or UNKNOWN
    if last in ("resolve", "absolute", "strip", "decode", "encode", "with_suffix") and owner is not UNKNOWN:
        if last == "decode" and isinstance(owner, bytes):
            return owner.decode("utf-8", "replace")
        if last == "encode" and isinstance(owner, str):
            return owner.encode("utf-8", "replace")
        return owner
    if last == "join" and isinstance(owner, str) and args and isinstance(args[0], list):
        return owner.join(map(str, args[0]))
    if last in ("b64decode", "urlsafe_b64decode", "standard_b64decode") and known:
        return _bytes(known[0], lambda raw: base64.b64decode(raw))
    if last in ("fromhex", "unhexlify", "a2b_hex") and known:
        return _bytes(known[0], lambda raw: bytes.fromhex(raw.decode("ascii")))
    if last == "str" and known:
        return known[0] if isinstance(known[0], str) else str(known[0])
    return UNKNOWN


def _bytes(value: Any, decode: Any) -> Any:
    raw = value.encode("ascii", "replace") if isinstance(value, str) else value
    if not isinstance(raw, bytes) or len(raw) > _LONGEST:
        return UNKNOWN
    try:
        return decode(raw)
    except (binascii.Error, ValueError):
        return UNKNOWN
