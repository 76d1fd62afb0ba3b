"""Surroundings: which variables of its environment a script gives to a program that it runs."""

import ast
import re

from assay.audit.actions.constants import called

_NEUTRAL = re.compile(
    r"^(PYTHON(PATH|HASHSEED|DONTWRITEBYTECODE|UNBUFFERED|IOENCODING|UTF8|WARNINGS)|LC_\w+|LANG|HOME|PATH|"
    r"TZ|TERM|TMPDIR|(OMP|MKL|OPENBLAS|NUMEXPR)_\w+|USER|COLUMNS|NO_COLOR)$"
)
READS = re.compile(r"environb?(?:\.get|\.setdefault|\.pop)?[\[(]\s*[\"'](\w+)|getenv\(\s*[\"'](\w+)")


def told_names(tree: ast.Module, value: ast.expr, imports: dict[str, str]) -> set[str]:
    """Return the names that an expression for `env=` sets, where the script says them, harmless ones left out."""
    found = _names(tree, value, imports, 0)
    return {name for name in found if not _NEUTRAL.match(name)}


def _names(tree: ast.Module, value: ast.expr, imports: dict[str, str], depth: int) -> set[str]:
    if depth > 3:
        return set()
    found: set[str] = set()
    if isinstance(value, ast.Dict):
        for key, part in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant):
                found.add(str(key.value))
            elif key is None:
                found |= _names(tree, part, imports, depth + 1)
    elif isinstance(value, ast.BinOp):
        found |= _names(tree, value.left, imports, depth + 1) | _names(tree, value.right, imports, depth + 1)
    elif isinstance(value, ast.Call) and called(value, imports) in ("dict", "collections.ChainMap"):
        found |= {keyword.arg for keyword in value.keywords if keyword.arg}
        for part in [*value.args, *(keyword.value for keyword in value.keywords if keyword.arg is None)]:
            found |= _names(tree, part, imports, depth + 1)
    elif isinstance(value, ast.Name):
        found |= _of_name(tree, value.id, imports, depth + 1)
    return found


def _of_name(tree: ast.Module, name: str, imports: dict[str, str], depth: int) -> set[str]:
    """Return what is put under a name: by assignments, and by the calls that give it as keywords."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    found |= _names(tree, node.value, imports, depth)
                entry = isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
                if entry and target.value.id == name and isinstance(target.slice, ast.Constant):  # type: ignore[attr-defined]
                    found.add(str(target.slice.value))  # type: ignore[attr-defined]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            if isinstance(node.func.value, ast.Name) and node.func.value.id == name:
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
                found |= set().union(*(_names(tree, part, imports, depth) for part in node.args), set())
        elif isinstance(node, ast.FunctionDef) and node.args.kwarg is not None and node.args.kwarg.arg == name:
            taken = {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and called(call, imports) == node.name:
                    found |= {keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg not in taken}
        elif isinstance(node, ast.FunctionDef) and any(one.arg == name for one in node.args.args):
            place = [one.arg for one in node.args.args].index(name)
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and called(call, imports) == node.name:
                    given = call.args[place : place + 1] + [k.value for k in call.keywords if k.arg == name]
                    found |= set().union(*(_names(tree, part, imports, depth) for part in given), set())
    return found
