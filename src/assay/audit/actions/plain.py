"""Plain code: a syntax tree with its disguises taken off, so that every reader of it sees what the code comes to.

`getattr(os, "_e" + "xit")` becomes `os._exit`, `__import__("os")` an import and a name, `vars(x)["a"] = y` an
assignment to `x.a`, and what `exec` or `eval` is given as an encoded text stands beside the call, on its line. Such a
call has `disguised` set, where the code that it runs stands nowhere in the source, and so has a name that is spelled by
working literals out, which nobody needs to write it so. Nothing is run.
"""

import ast
from collections.abc import Mapping
from typing import Any

from assay.audit.actions.constants import bound, called, dotted, folded, names_of
from assay.audit.actions.folding import FUNCTIONS

_SIGNS = (
    "getattr", "setattr", "delattr", "__import__", "importlib", "import_module", "exec", "eval", "vars", "__dict__",
    "globals", "locals", "modules", "attrgetter", "compile", "builtins", "methodcaller", "__getattribute__",
)  # fmt: skip
_TEXTS = (
    "[::-1]", "fromhex", "b64", "b32", "b85", "a85", "unhexlify", "rot", "chr(", "chr,", ".join(", "bytes(",
    "decode", "%", "format(",
    "replace(", "reversed", '" +', "' +", "+ '", '+ "', "translate", "\\x", "bytearray", "maketrans",
)  # fmt: skip
_IMPORTS = {"__import__", "builtins.__import__", "importlib.import_module", "importlib.__import__"}
_IMPORTS |= {"sys.modules.get", "sys.modules.__getitem__"}
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)  # what code that is run stands beside
_RUNS = ("exec", "builtins.exec", "eval", "builtins.eval")
_UNPACKS = {"b64decode", "b85decode", "a85decode", "b32decode", "fromhex", "unhexlify", "decompress", "a2b_base64"}
_ROUNDS = 4  # disguises within disguises
_PURE = frozenset(name.partition(".")[0] for name in FUNCTIONS) | {"os", "string"}


def plain(tree: ast.Module, text: str) -> ast.Module:
    """Return the tree without its disguises; changed in place. `text` is its source, to see whether any is there."""
    if not any(sign in text for sign in _SIGNS) and not any(sign in text for sign in _TEXTS):
        return tree
    try:
        for _ in range(_ROUNDS):
            imports = names_of(tree)
            undresser = _Plain(bound(tree, imports), imports, text)
            tree = undresser.visit(tree)
            tree.body += undresser.waiting
            tree.body += [found for found in undresser.imported if not any(_same(found, one) for one in tree.body)]
            if not undresser.changed:
                break
    except RecursionError:
        pass
    if any(getattr(node, "disguised", False) for node in ast.walk(tree)):
        tree.hides = True  # type: ignore[attr-defined]  # so that nobody has to look for it again
    return ast.fix_missing_locations(tree)


def _same(one: ast.stmt, other: ast.stmt) -> bool:
    return isinstance(other, ast.Import) and ast.dump(one) == ast.dump(other)


class _Plain(ast.NodeTransformer):
    """Takes disguises off, from the inside out."""

    def __init__(self, names: Mapping[str, Any], imports: Mapping[str, str], source: str) -> None:
        self.names, self.imports, self.source = names, imports, source
        self.imported: list[ast.stmt] = []
        self.waiting: list[ast.stmt] = []  # what the statement that is visited runs
        self.changed = False

    def visit(self, node: ast.AST) -> Any:
        """Visit a node; the code that a simple statement runs stands beside it."""
        if not isinstance(node, _SIMPLE):
            return super().visit(node)
        outer, self.waiting = self.waiting, []
        made = super().visit(node)
        found, self.waiting = self.waiting, outer
        if not found:
            return made
        body = made if isinstance(made, list) else [made]
        return [*found, *body] if isinstance(node, ast.Return) else [*body, *found]

    def _known(self, node: ast.AST) -> Any:
        return folded(node, self.names, self.imports)

    def _attribute(self, owner: ast.expr, name: Any, like: ast.AST, context: ast.expr_context | None = None) -> Any:
        """Return `owner.name` where that can be written, else None."""
        if not isinstance(name, str) or not name.isidentifier():
            return None
        self.changed = True
        return ast.copy_location(ast.Attribute(owner, name, context or ast.Load()), like)

    def _module(self, name: Any, like: ast.AST) -> ast.expr | None:
        """Return the name of a module that is imported at run time, and note the import."""
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")) or len(name) > 200:
            return None
        self.changed = True
        self.imported.append(ast.copy_location(ast.Import([ast.alias(name)]), like))
        first, *rest = name.split(".")
        found: ast.expr = ast.copy_location(ast.Name(first, ast.Load()), like)
        for part in rest:
            found = ast.copy_location(ast.Attribute(found, part, ast.Load()), like)
        return found

    def visit_Call(self, node: ast.Call) -> ast.AST:
        spelled = any(self._spelled(part) for part in node.args[:2])
        self.generic_visit(node)
        found = self._undressed(node)
        if found is not None and spelled and isinstance(found, ast.Attribute | ast.Name):
            found.disguised = True  # type: ignore[union-attr]
        return self._text(node) if found is None else found

    def _spelled(self, node: ast.expr) -> bool:
        """Whether an expression is no literal, and yet works nothing out but literals."""
        if isinstance(node, ast.Constant | ast.Name | ast.Attribute) or not self._pure(node):
            return False
        return isinstance(self._known(node), str | bytes)

    def _undressed(self, node: ast.Call) -> ast.AST | None:
        """Return what a call comes to that takes a name as a text, or runs one; None where it is another call."""
        name = called(node, self.imports)
        last = name.rpartition(".")[2]
        args = node.args
        found: ast.AST | None = None
        if name in ("getattr", "builtins.getattr", "inspect.getattr_static") and len(args) >= 2:
            found = self._attribute(args[0], self._known(args[1]), node)
        elif last == "__getattribute__" and args and isinstance(node.func, ast.Attribute):
            owner = args[0] if len(args) > 1 else node.func.value
            found = self._attribute(owner, self._known(args[-1]), node)
        elif isinstance(node.func, ast.Call) and called(node.func, self.imports) in (
            "operator.attrgetter", "attrgetter",
        ) and args and node.func.args:  # fmt: skip
            found = self._attribute(args[0], self._known(node.func.args[0]), node)
        elif name in _IMPORTS and args:
            found = self._module(self._known(args[0]), node)
        elif name in _RUNS and args and not getattr(node, "read", False):
            text = self._known(args[0])
            if isinstance(text, str | bytes) and (name not in _RUNS[2:] or not (found := self._evaluated(text, node))):
                node.read, node.disguised = True, self._disguised(text)  # type: ignore[attr-defined]
                self.waiting += self._inlined(text, node)
        elif last == "get" and isinstance(node.func, ast.Attribute) and args and _namespace(node.func.value):
            found = self._taken(node.func.value, self._known(args[0]), node, ast.Load())
        return found

    def _evaluated(self, text: str | bytes, like: ast.AST) -> ast.AST | None:
        try:
            tree = ast.parse(text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        self.changed = True
        made = _moved(tree.body, like)
        made.disguised = self._disguised(text)
        return made

    def _taken(self, owner: ast.expr, key: Any, like: ast.AST, context: ast.expr_context) -> ast.AST | None:
        """Return what stands under a key in the namespace of a module, an object or this code itself."""
        if not isinstance(key, str) or not key.isidentifier():
            return None
        if isinstance(owner, ast.Attribute) and owner.attr == "__dict__":
            return self._attribute(owner.value, key, like, context)
        if isinstance(owner, ast.Call) and owner.args:  # vars(x)
            return self._attribute(owner.args[0], key, like, context)
        self.changed = True
        return ast.copy_location(ast.Name(key, context), like)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        found: ast.AST | None = None
        if _namespace(node.value):
            found = self._taken(node.value, self._known(node.slice), node, node.ctx)
        elif isinstance(node.ctx, ast.Load) and dotted(node.value) == "sys.modules":
            key = self._known(node.slice)
            found = self._module(key, node) if key is not None else None
        return self._text(node) if found is None else found

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return self._text(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        return self._text(node)

    def _text(self, node: ast.expr) -> ast.AST:
        """Return a text that is put together out of literals alone as that text."""
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or not self._pure(node):
            return node
        value = self._known(node)
        if not isinstance(value, str | bytes):
            return node
        made = ast.copy_location(ast.Constant(value), node)
        calls = {dotted(inner.func).rpartition(".")[2] for inner in ast.walk(node) if isinstance(inner, ast.Call)}
        made.unpacked = bool(calls & _UNPACKS) or any(  # type: ignore[attr-defined]
            getattr(inner, "unpacked", False) for inner in ast.walk(node)
        )
        return made

    def _pure(self, node: ast.AST) -> bool:
        local = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        local |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id not in local:
                known = self.imports.get(inner.id, inner.id)
                if known.partition(".")[0] not in _PURE:
                    return False
        return True

    def visit_Expr(self, node: ast.Expr) -> Any:
        self.generic_visit(node)
        call = node.value
        if not isinstance(call, ast.Call):
            return node
        name = called(call, self.imports)
        if name in ("setattr", "builtins.setattr", "object.__setattr__", "type.__setattr__") and len(call.args) == 3:
            owner, key, value = call.args
            target = self._attribute(owner, self._known(key), node, ast.Store())
            if target is not None:
                return ast.copy_location(ast.Assign([target], value), node)
        elif name in ("delattr", "builtins.delattr") and len(call.args) == 2:
            target = self._attribute(call.args[0], self._known(call.args[1]), node, ast.Del())
            if target is not None:
                return ast.copy_location(ast.Delete([target]), node)
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "update" and _namespace(call.func.value):
            return self._updated(call, call.func.value, node)
        return node

    def _updated(self, call: ast.Call, owner: ast.expr, node: ast.Expr) -> Any:
        """Return `vars(x).update(a=1)` as assignments."""
        pairs = [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
        if call.args and isinstance(call.args[0], ast.Dict):
            given = call.args[0]
            pairs += [(self._known(k), v) for k, v in zip(given.keys, given.values, strict=True) if k is not None]
        made = []
        for key, value in pairs:
            target = self._taken(owner, key, node, ast.Store())
            if isinstance(target, ast.expr):
                made.append(ast.copy_location(ast.Assign([target], value), node))
        return made or node

    def _disguised(self, text: str | bytes) -> bool:
        """Whether code that is run stands nowhere in the source as it is."""
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        longest = max((line.strip() for line in said.splitlines()), key=len, default="")
        return len(longest) > 3 and longest not in self.source and repr(longest)[1:-1] not in self.source

    def _inlined(self, text: str | bytes, like: ast.AST) -> list[ast.stmt]:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        self.changed = True
        return [_moved(statement, like) for statement in tree.body]


def _moved(node: Any, like: ast.AST) -> Any:
    """Return a tree whose every node stands where `like` does."""
    for inner in ast.walk(node):
        if hasattr(inner, "lineno"):
            ast.copy_location(inner, like)
    return node


def _namespace(node: ast.AST) -> bool:
    """Whether an expression is a namespace as a table: `vars(x)`, `x.__dict__`, `globals()`, `__builtins__`."""
    if isinstance(node, ast.Attribute):
        return node.attr == "__dict__"
    if isinstance(node, ast.Name):
        return node.id == "__builtins__"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("globals", "locals", "vars")
    return False
