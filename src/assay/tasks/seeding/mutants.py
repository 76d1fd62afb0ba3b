"""The mutation engine: the sites of a function at which an operator applies, and the mutants that they make.

    for function in functions(module_text):
        sites = Sites(function)
        for site in sites.all:
            mutant = sites.make(site)          # None when it does not compile or has the function's own bytecode
            if mutant is not None:
                text = mutant.inside(module_text)

A mutant changes one function; every other byte of the module stays. What is raised, docstrings, annotations,
decorators, assertions and imports are left alone: a changed message is no bug that a test of behaviour should decide.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange, PositionProvider

from assay.tasks.seeding.bytecode import compiled, fingerprint
from assay.tasks.seeding.functions import Function
from assay.tasks.seeding.operators import OPERATORS, Around, Operator
from assay.tasks.seeding.variables import alike

COMBINATION = "combination"
_SKIPPED = (cst.Raise, cst.Assert, cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom, cst.Global, cst.Nonlocal)


@dataclass(frozen=True)
class Site:
    """A place where an operator applies: lines `first` to `last` of the module hold the statement (its head, for a
    compound one) that changes. Two of them are a combination."""

    operator: str
    first: int
    last: int
    changes: tuple[tuple[cst.CSTNode, cst.CSTNode], ...] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Mutant:
    """One bug: the function's text becomes `text`. `bytecode` tells it from others of the same function."""

    function: Function
    operator: str
    first: int
    last: int
    text: str
    bytecode: str

    def inside(self, module: str) -> str:
        """Return the module's text with the bug in it."""
        return self.function.inside(module, self.text)


class Sites:
    """The sites of one function. Raises libcst.ParserSyntaxError (see `sites_of`) when libcst cannot read it."""

    def __init__(self, function: Function, operators: Mapping[str, Operator] = OPERATORS) -> None:
        self.function = function
        wrapper = cst.MetadataWrapper(cst.parse_module(function.alone()), unsafe_skip_copy=True)
        self._module = wrapper.module
        self._head = len("".join(function.headers))
        definition = _definition(self._module)
        own = compiled(function)
        self._own = fingerprint(own) if own is not None else ""
        walk = _Walk(operators, alike(definition), wrapper.resolve(PositionProvider))
        definition.visit(walk)
        shift = function.first - 1 - len(function.headers)
        self.all = [Site(name, first + shift, last + shift, changes) for name, first, last, changes in walk.found]

    def make(self, site: Site) -> Mutant | None:
        """Return the mutant of a site; None when it does not compile, or does what the function does."""
        changes = {id(old): new for old, new in site.changes}
        try:
            code = self._module.visit(_Replace(changes)).code
        except (cst.CSTValidationError, TypeError, ValueError):  # nodes that do not fit together
            return None
        text = code[self._head :]
        if code[: self._head] != "".join(self.function.headers) or text == self.function.text:
            return None
        made = compiled(self.function, text)
        if made is None or not _is_one_definition(text):
            return None
        bytecode = fingerprint(made)
        if bytecode == self._own:
            return None
        return Mutant(self.function, site.operator, site.first, site.last, text, bytecode)

    def combined(self, one: Site, two: Site) -> Site | None:
        """Return the site of both changes, None when they touch the same statement or one lies in the other."""
        if one.first <= two.last and two.first <= one.last:
            return None
        return Site(COMBINATION, min(one.first, two.first), max(one.last, two.last), (*one.changes, *two.changes))


def sites_of(function: Function, operators: Mapping[str, Operator] = OPERATORS) -> Sites | None:
    """Return the sites of a function, None when libcst cannot read it."""
    try:
        return Sites(function, operators)
    except (cst.ParserSyntaxError, RecursionError, UnicodeError):
        return None


def mutants(function: Function, operators: Mapping[str, Operator] = OPERATORS) -> list[Mutant]:
    """Return the single mutants of a function in the order of its text, no two with the same bytecode."""
    sites = sites_of(function, operators)
    made = [mutant for site in sites.all if (mutant := sites.make(site)) is not None] if sites else []
    return list({mutant.bytecode: mutant for mutant in reversed(made)}.values())[::-1]


def _definition(module: cst.Module) -> cst.FunctionDef:
    node: Any = module
    while not isinstance(node, cst.FunctionDef):
        node = node.body[-1] if isinstance(node.body, Sequence) else node.body
    return node


def _is_one_definition(text: str) -> bool:
    """Whether no statement but those of the function came out: an operator may not write past its end."""
    return text.lstrip().startswith(("def ", "async ", "@"))


def _fitting(operator: Operator, node: cst.CSTNode, around: Around) -> Iterator[cst.CSTNode]:
    """Yield what an operator makes of a node, up to what cannot be written there: `while(x)` has no room for `not`."""
    try:
        yield from operator(node, around)
    except cst.CSTValidationError:
        return


class _Replace(cst.CSTTransformer):
    """Puts other nodes in the place of some, told by identity."""

    def __init__(self, changes: Mapping[int, cst.CSTNode]) -> None:
        super().__init__()
        self.changes = changes

    def on_visit(self, node: cst.CSTNode) -> bool:
        return id(node) not in self.changes

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        return self.changes.get(id(original), updated)


class _Walk(cst.CSTVisitor):
    """Every (operator, first line, last line, change) of a function, in the order of its text."""

    def __init__(
        self,
        operators: Mapping[str, Operator],
        variables: Mapping[str, tuple[str, ...]],
        positions: Mapping[cst.CSTNode, CodeRange],
    ) -> None:
        super().__init__()
        self.operators = operators
        self.positions = positions
        self.around = Around(alike=variables)
        self.lines: list[tuple[int, int]] = []
        self.found: list[tuple[str, int, int, tuple[tuple[cst.CSTNode, cst.CSTNode], ...]]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._is_left_alone(node):
            return False
        self.lines.append(self._statement(node))
        first, last = self.lines[-1]
        for name, operator in self.operators.items():
            for new in _fitting(operator, node, self.around):
                where = self._head_of(new, node) or (first, last)
                self.found.append((name, *where, ((node, new),)))
        self.around.parents.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self.around.parents and self.around.parents[-1] is original_node:
            self.around.parents.pop()
            self.lines.pop()

    def _is_left_alone(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _SKIPPED) or (isinstance(node, cst.Arg) and self._is_said(node)):
            return True
        # A text that stands alone is a docstring or a comment.
        texts = cst.SimpleString | cst.ConcatenatedString
        return isinstance(node, cst.Expr) and isinstance(node.value, texts)

    @staticmethod
    def _is_said(node: cst.Arg) -> bool:
        return node.keyword is not None and node.keyword.value in ("help", "doc", "msg", "message", "stacklevel")

    def _statement(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the lines of the innermost statement around a node: of a compound one, those of its head."""
        if isinstance(node, cst.SimpleStatementLine):
            span = self.positions[node]
            return span.start.line, span.end.line
        if isinstance(node, cst.BaseCompoundStatement | cst.ExceptHandler | cst.Else):
            start = self.positions[node].start.line
            return start, max(start, self.positions[node.body].start.line - 1)
        return self.lines[-1] if self.lines else (1, 1)

    def _head_of(self, new: cst.CSTNode, node: cst.CSTNode) -> tuple[int, int] | None:
        """Return the lines of the two statements that change places in a block."""
        if isinstance(node, cst.IndentedBlock) and isinstance(new, cst.IndentedBlock):
            moved = [old for old, other in zip(node.body, new.body, strict=False) if old is not other]
            if moved:
                return self.positions[moved[0]].start.line, self.positions[moved[-1]].end.line
        return None
