"""Rounds: the calls of Python code with what names stand for there, loops over what is known taken round by round.

A call that is handed on with its arguments, to run later (`finalize(x, os.system, "...")`, `Timer(1, f, [a])`,
`partial(open, path)`, `pool.submit(f, a)`), is given as a call of its own.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assay.audit.actions.constants import UNKNOWN, called, folded
from assay.audit.actions.listing import below

_MOST = 12  # rounds of one loop that are followed
_LISTINGS = {"glob.glob", "glob.iglob", "os.listdir", "os.scandir"}
_SAME = ("sorted", "list", "tuple", "set", "iter", "reversed")
_LOOPS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_NO_CALL = ("isinstance", "hasattr", "getattr", "callable", "id", "repr", "str", "print", "len", "type")

Found = tuple[ast.Call, Mapping[str, Any]]


def calls(tree: ast.AST, known: dict[str, Any], imports: Mapping[str, str], names: Sequence[str]) -> Iterator[Found]:
    """Yield each call with the names' values; `names` are files that are there."""
    yield from _Rounds(imports, names).within(tree, known)


class _Rounds:
    """What does not change while one piece of code is read."""

    def __init__(self, imports: Mapping[str, str], names: Sequence[str]) -> None:
        self.imports, self.names = imports, names

    def within(self, node: ast.AST, known: dict[str, Any], inside: bool = False) -> Iterator[Found]:
        """Yield the calls below a node. `inside` says that a loop is followed, whose names change by the round."""
        if isinstance(node, ast.For) and (items := self._items(node.iter, known)) is not None:
            yield from self.within(node.iter, known, inside)
            for item in items:
                there = {**known, **_bound(node.target, item)}
                for statement in node.body:
                    yield from self.within(statement, there, True)
                    self._assign(statement, there)
            for statement in node.orelse:
                yield from self.within(statement, known, inside)
            return
        if isinstance(node, _LOOPS) and len(node.generators) == 1:
            first = node.generators[0]
            items = self._items(first.iter, known)
            if items is not None:
                yield from self.within(first.iter, known, inside)
                parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
                for item in items:
                    for part in (*first.ifs, *parts):
                        yield from self.within(part, {**known, **_bound(first.target, item)}, True)
                return
        if isinstance(node, ast.Call):
            yield node, known
            for made in self._handed_on(node):
                yield made, known
        for child in ast.iter_child_nodes(node):
            yield from self.within(child, known, inside)
            if inside and isinstance(child, ast.stmt):
                self._assign(child, known)

    def _assign(self, node: ast.AST, known: dict[str, Any]) -> None:
        """Note what a statement of a round gives to a name, and which file a `with` opens under it."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = folded(node.value, known, self.imports)
            if value is not UNKNOWN:
                known[node.targets[0].id] = value

    def _items(self, node: ast.expr, known: dict[str, Any]) -> list[Any] | None:
        """Return what a loop runs over, where that is known and not too much."""
        while isinstance(node, ast.Call) and called(node, self.imports) in _SAME and len(node.args) == 1:
            node = node.args[0]
        if isinstance(node, ast.Call):
            name = called(node, self.imports)
            found = self._listed(node, name, known)
            if found:
                return found
        value = folded(node, known, self.imports)
        if isinstance(value, dict):
            value = list(value)
        return value if isinstance(value, list) and 0 < len(value) <= _MOST else None

    def _listed(self, node: ast.Call, name: str, known: dict[str, Any]) -> list[Any] | None:
        """Return the files that a listing gives, as paths."""
        if not self.names:
            return None
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        first = folded(node.args[0], known, self.imports) if node.args else "."
        if name in _LISTINGS and isinstance(first, str):
            folder = "" if first in (".", "") else f"{first.rstrip('/')}/"
            if "glob" in name:
                return below(first, self.names)
            hits = below(f"{folder}*", self.names)
            return [hit[len(folder) :] for hit in hits] if name == "os.listdir" else hits
        if method in ("glob", "rglob", "iterdir") and isinstance(node.func, ast.Attribute):
            owner = folded(node.func.value, known, self.imports)
            folder = "" if not isinstance(owner, str) or owner in (".", "") else f"{owner.rstrip('/')}/"
            pattern = "*" if method == "iterdir" else first if isinstance(first, str) else "*"
            return below(f"{folder}{'**/' if method == 'rglob' else ''}{pattern}", self.names)
        return None

    def _handed_on(self, node: ast.Call) -> Iterator[ast.Call]:
        """Yield the calls that are handed on as a function and its arguments."""
        given: list[ast.expr] = list(node.args)
        for keyword in node.keywords:
            if keyword.arg in ("target", "function", "func", "callback", "fn", "action"):
                rest = next((k.value for k in node.keywords if k.arg in ("args", "argument")), None)
                yield from _call(keyword.value, [rest] if rest is not None else [], node)
        if called(node, self.imports) in _NO_CALL:
            return
        for place, part in enumerate(given):
            if not isinstance(part, ast.Name | ast.Attribute) or isinstance(getattr(part, "ctx", None), ast.Store):
                continue
            if called(node, self.imports) in ("map", "filter") and place == 0:
                lists = [p for p in given[1:] if isinstance(p, ast.List | ast.Tuple)]
                for item in lists[0].elts if lists else ():
                    yield from _call(part, [item], node)
            elif place + 1 < len(given):
                yield from _call(part, given[place + 1 :], node)


def _call(function: ast.expr, given: list[ast.expr], like: ast.AST) -> Iterator[ast.Call]:
    """Yield a call of a function of some module with these arguments, a list of them spread out."""
    if not isinstance(function, ast.Name | ast.Attribute):
        return
    if len(given) == 1 and isinstance(given[0], ast.List | ast.Tuple) and isinstance(function, ast.Attribute):
        spread = list(given[0].elts)
        yield ast.copy_location(ast.Call(function, spread, []), like)
    yield ast.copy_location(ast.Call(function, given, []), like)


def _bound(target: ast.AST, item: Any) -> dict[str, Any]:
    """Return the names that a loop gives to an item."""
    if isinstance(target, ast.Name):
        return {target.id: item}
    if isinstance(target, ast.Tuple | ast.List) and isinstance(item, list | tuple) and len(item) == len(target.elts):
        found: dict[str, Any] = {}
        for part, value in zip(target.elts, item, strict=True):
            found |= _bound(part, value)
        return found
    return {}
