"""Constants in Python code: what an expression is, where its literals tell, without running it."""

import ast
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from assay.audit.actions.folding import UNKNOWN, Folder

_LONGEST = 100_000  # characters of a text that is folded
_RUNNERS = {"exec", "eval", "compile", "open", "getattr", "setattr", "exit", "quit", "__import__", "print", "id"}
_GROWS = {"append", "extend", "insert", "update", "add", "pop", "remove", "clear", "sort", "reverse", "setdefault"}
SITE = "/usr/lib/python3/site-packages"  # where installed packages lie, as far as an audit needs to know
_INSTALLED = {"pytest", "_pytest", "pluggy", "unittest", "site", "coverage", "hypothesis", "numpy", "nose", "doctest"}
_PATHS = {"Path", "PurePath", "PosixPath"}
_SELF = "./module.py"  # what `__file__` is taken for: a file beside the others
_GIVEN = {
    "pathlib.Path.home": "~", "Path.home": "~", "$HOME": "~", "os.getcwd": ".", "pathlib.Path.cwd": ".",
    "tempfile.gettempdir": "/tmp", "tempfile.mkdtemp": "/tmp/made", "sys.prefix": "/usr", "sys.base_prefix": "/usr",
    "sys.exec_prefix": "/usr", "sys.executable": "/usr/bin/python3", "site.USER_SITE": SITE,
    "site.USER_BASE": "~/.local", "site.getuserbase": "~/.local", "tempfile.tempdir": "/tmp",
}  # fmt: skip
_PARTS: dict[str, Callable[[str], Any]] = {
    "parent": lambda path: posixpath.dirname(path) or ("." if "/" not in path else "/"),
    "name": posixpath.basename, "suffix": lambda path: posixpath.splitext(path)[1],
    "stem": lambda path: posixpath.splitext(posixpath.basename(path))[0],
}  # fmt: skip
_CHANGED: dict[str, Callable[[str, str], Any]] = {
    "with_suffix": lambda path, suffix: posixpath.splitext(path)[0] + suffix,
    "with_name": lambda path, name: posixpath.join(posixpath.dirname(path), name),
    "with_stem": lambda path, stem: posixpath.join(posixpath.dirname(path), stem + posixpath.splitext(path)[1]),
}


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
    return found | _aliases(tree, found)


def _aliases(tree: ast.AST, imports: Mapping[str, str]) -> dict[str, str]:
    """Return the names that are given something of a module, or a builtin, and nothing else: `e = os._exit`."""
    given: dict[str, list[ast.expr]] = {}
    other: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.NamedExpr):
            given.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.arg):
            other.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            other.add(node.name)
    found: dict[str, str] = {}
    for _ in range(3):  # an alias of an alias
        for name, values in given.items():
            value = values[0]
            if len(values) > 1 or name in other or name in imports or not _chain(value):
                continue
            full = resolved(dotted(value), {**imports, **found})
            head = dotted(value).partition(".")[0]
            if head in imports or head in found or full in _RUNNERS:
                found[name] = full
    return found


def _chain(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def bound(tree: ast.AST, imports: Mapping[str, str]) -> dict[str, Any]:
    """Return the names that have one constant value, and no other, anywhere in the code.

    What is added to a text or a list outside of loops counts towards its value; what changes otherwise has none.
    """
    found: dict[str, Any] = {}
    repeated = {
        inner for node in ast.walk(tree) if isinstance(node, ast.For | ast.While) for inner in ast.walk(node)
    }  # fmt: skip
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
            pairs += [pair for target in node.targets for pair in _each(target, node.value)]
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            pairs = [(node.optional_vars, node.context_expr)]
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            added = folded(node.value, found, imports) if isinstance(node.op, ast.Add) else UNKNOWN
            _grow(found, node.target.id, UNKNOWN if node in repeated else added)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            found[node.target.id] = UNKNOWN
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.attr in _GROWS
            and node.func.value.id in found
        ):
            added = folded(node.args[0], found, imports) if len(node.args) == 1 else UNKNOWN
            known = node not in repeated and added is not UNKNOWN and node.func.attr in ("append", "extend")
            more = [added] if node.func.attr == "append" else added
            _grow(found, node.func.value.id, more if known else UNKNOWN)
        for target, value in pairs:
            if isinstance(target, ast.Name):
                constant = folded(value, found, imports)
                found[target.id] = constant if target.id not in found or found[target.id] == constant else UNKNOWN
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                found[target.value.id] = UNKNOWN
    return {name: value for name, value in found.items() if value is not UNKNOWN}


def _each(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Return `a, b = x, y` as its single assignments."""
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        return list(zip(target.elts, value.elts, strict=False))
    return []


def _grow(found: dict[str, Any], name: str, added: Any) -> None:
    """Note that something is added to a name's value."""
    value = found.get(name, UNKNOWN)
    fits = value is not UNKNOWN and added is not UNKNOWN and type(value) is type(added)
    found[name] = value + added if fits and isinstance(value, str | bytes | list) and len(value) < _LONGEST else UNKNOWN


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

    if depth < 4 and not isinstance(node, ast.Name | ast.Constant):
        exact = Folder(names, lambda part: resolved(dotted(part), imports)).value(node)
        if isinstance(exact, str | bytes | int | float | list | dict | bool) and exact is not UNKNOWN:
            return exact
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, _SELF if node.id == "__file__" else UNKNOWN)
    if isinstance(node, ast.JoinedStr):
        parts = [of(part.value) if isinstance(part, ast.FormattedValue) else of(part) for part in node.values]
        return "".join("{}" if part is UNKNOWN else str(part) for part in parts)
    if isinstance(node, ast.BinOp):
        return _joined(node.op, of(node.left), of(node.right))
    if isinstance(node, ast.List | ast.Tuple):
        values = [of(part) for part in node.elts]
        return UNKNOWN if any(value is UNKNOWN for value in values) else values
    if isinstance(node, ast.Attribute) and node.attr == "__file__":
        module = resolved(dotted(node.value), imports)
        known = module.partition(".")[0] in _INSTALLED
        return f"{SITE}/{module.replace('.', '/')}.py" if known else UNKNOWN
    if isinstance(node, ast.Subscript) and called_site(node.value, imports):
        return SITE
    if isinstance(node, ast.Attribute) and node.attr in _PARTS and isinstance(inner := of(node.value), str):
        return _PARTS[node.attr](inner)
    if isinstance(node, ast.Attribute) and (full := resolved(dotted(node), imports)) in _GIVEN:
        return _GIVEN[full]
    if isinstance(node, ast.Subscript) and resolved(dotted(node.value), imports) == "os.environ":
        return _GIVEN.get(f"${of(node.slice)}", UNKNOWN)
    if isinstance(node, ast.Call):
        return _call(node, names, imports, [of(part) for part in node.args], depth)
    return UNKNOWN


def called_site(node: ast.AST, imports: Mapping[str, str]) -> bool:
    """Whether a call gives the folders in which Python's packages lie."""
    return isinstance(node, ast.Call) and called(node, imports) in ("site.getsitepackages", "sysconfig.get_paths")


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
    if name in ("site.getusersitepackages", "sysconfig.get_path", "distutils.sysconfig.get_python_lib"):
        return SITE
    if name == "shutil.which" and args and isinstance(args[0], str):
        return f"/usr/bin/{args[0]}"
    if name in ("os.path.dirname", "inspect.getfile", "inspect.getsourcefile") and args and isinstance(args[0], str):
        return args[0].rpartition("/")[0] if last == "dirname" else args[0]
    if name in _GIVEN and not args:
        return _GIVEN[name]
    if name in ("os.getenv", "os.environ.get") and args:
        return _GIVEN.get(f"${args[0]}", args[1] if len(args) > 1 else UNKNOWN)
    if name in ("os.path.basename", "os.path.splitext") and args and isinstance(args[0], str):
        stem, suffix = posixpath.splitext(args[0])
        return posixpath.basename(args[0]) if last == "basename" else [stem, suffix]
    known = [arg for arg in args if arg is not UNKNOWN]
    owner = folded(node.func.value, names, imports, depth + 1) if isinstance(node.func, ast.Attribute) else UNKNOWN
    if last in _PATHS or last in ("joinpath", "fspath", "abspath", "realpath", "expanduser") or name == "os.path.join":
        base = [owner] if last == "joinpath" and owner is not UNKNOWN else []
        path = ""
        for part in [*base, *known]:
            text = str(part)
            path = text if text.startswith("/") or not path else f"{path.rstrip('/')}/{text}"
        return path or UNKNOWN
    if last in _CHANGED and isinstance(owner, str) and len(known) == 1 and isinstance(known[0], str):
        return _CHANGED[last](owner, known[0])
    if last in ("resolve", "absolute", "strip", "decode", "encode", "expanduser", "as_posix") and owner is not UNKNOWN:
        if last == "decode" and isinstance(owner, bytes):
            return owner.decode("utf-8", "replace")
        if last == "encode" and isinstance(owner, str):
            return owner.encode("utf-8", "replace")
        return owner
    if last == "join" and isinstance(owner, str) and args and isinstance(args[0], list):
        return owner.join(map(str, args[0]))
    if last == "str" and known:
        return known[0] if isinstance(known[0], str) else str(known[0])
    return UNKNOWN
