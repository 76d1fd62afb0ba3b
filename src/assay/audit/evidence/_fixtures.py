"""Fixtures and options that make test runs alike, told from those that change what is tested or what is decided."""

import ast
import re

from assay.audit.code import Code
from assay.audit.views import View

_PUTS = {"setenv", "delenv", "chdir", "syspath_prepend", "undo", "context"}  # what monkeypatch does to surroundings
_STEERS = re.compile(r"^(PYTEST|PY_|COVERAGE|LD_|BASH_ENV|PATH$|PYTHON(?!HASHSEED|UTF8|IOENCODING))", re.IGNORECASE)
_PLUGINS = re.compile(r"-p\s+no:(cacheprovider|randomly|random_order|random-order|xdist|warnings|sugar|pretty)\b")
_STRICT = re.compile(r"^\s*xfail_strict\s*=\s*[\"']?(true|1|yes|on)\b.*$", re.IGNORECASE)


def steady(line: str) -> str:
    """Return a line of a runner's configuration less what only makes runs alike, or their verdict stricter."""
    return _STRICT.sub("", _PLUGINS.sub("", line))


def interferes(view: View, code: Code, fixture: ast.AST) -> bool:
    """Whether a fixture changes more than the surroundings: what is tested, which tests run, or what Python finds."""
    for node in ast.walk(fixture):
        name = code.full(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        if re.search(r"skip|xfail|setattr|mock", name):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _patches(view, code, node):
            return True
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _entry(view, code, node):
            return True
    return False


def _entry(view: View, code: Code, node: ast.Subscript) -> bool:
    """Whether an entry is no variable of the environment that nothing of the task reads."""
    return code.full(node.value) != "os.environ" or _read(view, code.constant(node.slice))


def _patches(view: View, code: Code, call: ast.Call) -> bool:
    """Whether a call of monkeypatch or of a patcher does more than set a variable or go to a folder of its own."""
    owner, _, last = code.full(call.func).rpartition(".")
    if "patch" not in owner and last != "patch":
        return last in ("config", "addinivalue_line") or "request.node" in owner
    if last not in _PUTS:
        return True
    if last in ("setenv", "delenv"):
        return not call.args or _read(view, code.constant(call.args[0]))
    return last == "syspath_prepend" and "tmp_path" not in ast.dump(call)  # a folder in which there is nothing


def _read(view: View, variable: object) -> bool:
    """Whether a variable steers Python or the runner, or one that a file of the task reads; or nobody knows which."""
    if not isinstance(variable, str) or _STEERS.match(variable):
        return True
    named = re.compile(rf"[\"']{re.escape(variable)}[\"']")
    return any(named.search(text) for path, text in view.files.items() if path.endswith(".py"))
