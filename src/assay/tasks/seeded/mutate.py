"""Seeding bugs with libcst: every small edit of one line that an operator here can make to a function.

An operator takes a node and yields replacements for it. What is raised and the docstring are left alone: a changed
message is no bug that a test of behaviour should decide.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import libcst as cst

Edit = Iterator[cst.CSTNode]


@dataclass(frozen=True)
class Mutant:
    """One edit: line `line` (from 1) of the function's text goes from `before` to `after`."""

    operator: str
    line: int
    before: str
    after: str
    text: str


_FLIP: Mapping[type, type] = {
    cst.LessThan: cst.GreaterThan,
    cst.GreaterThan: cst.LessThan,
    cst.LessThanEqual: cst.GreaterThanEqual,
    cst.GreaterThanEqual: cst.LessThanEqual,
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
}
_BOUNDARY: Mapping[type, type] = {
    cst.LessThan: cst.LessThanEqual,
    cst.LessThanEqual: cst.LessThan,
    cst.GreaterThan: cst.GreaterThanEqual,
    cst.GreaterThanEqual: cst.GreaterThan,
}
_MEMBERSHIP: Mapping[type, type] = {cst.Is: cst.IsNot, cst.IsNot: cst.Is, cst.In: cst.NotIn, cst.NotIn: cst.In}
_ARITHMETIC: Mapping[type, type] = {
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
    cst.Multiply: cst.Add,
    cst.FloorDivide: cst.Multiply,
    cst.Divide: cst.Multiply,
    cst.Modulo: cst.FloorDivide,
    cst.Power: cst.Multiply,
}
_ASSIGNMENT: Mapping[type, type] = {
    cst.AddAssign: cst.SubtractAssign,
    cst.SubtractAssign: cst.AddAssign,
    cst.MultiplyAssign: cst.AddAssign,
    cst.FloorDivideAssign: cst.MultiplyAssign,
}
_PAIRS = (
    ("min", "max"),
    ("any", "all"),
    ("append", "extend"),
    ("keys", "values"),
    ("startswith", "endswith"),
    ("lower", "upper"),
    ("lstrip", "rstrip"),
    ("appendleft", "append"),
    ("popleft", "pop"),
    ("floor", "ceil"),
    ("list", "tuple"),
    ("takewhile", "dropwhile"),
    ("filter", "filterfalse"),
    ("bisect_left", "bisect_right"),
)
_NAMES = {**{b: a for a, b in _PAIRS}, **dict(_PAIRS)}


def _swap_operator(node: cst.CSTNode, table: Mapping[type, type]) -> Edit:
    new = table.get(type(node))
    if new is not None:
        kept = {k: getattr(node, k) for k in ("whitespace_before", "whitespace_after") if hasattr(node, k)}
        yield new(**kept)


def _constant(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Integer):
        for step in (1, -1):
            if node.evaluated_value + step >= 0:
                yield node.with_changes(value=str(node.evaluated_value + step))


def _truth(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Name) and node.value in ("True", "False"):
        yield node.with_changes(value="False" if node.value == "True" else "True")


def _and_or(node: cst.CSTNode) -> Edit:
    yield from _swap_operator(node, {cst.And: cst.Or, cst.Or: cst.And})


def _not_dropped(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        yield node.expression


def _minus_dropped(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        yield node.expression


def _negated(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.If | cst.While | cst.IfExp | cst.CompIf) and isinstance(
        node.test, cst.Name | cst.Call | cst.Attribute
    ):
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), node.test))


def _return_value(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Return) and isinstance(node.value, cst.Name | cst.Call | cst.Subscript):
        yield node.with_changes(value=cst.Name("None"))


def _swapped_arguments(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Call):
        for i, (a, b) in enumerate(zip(node.args, node.args[1:], strict=False)):
            if not (a.keyword or b.keyword or a.star or b.star):
                args = list(node.args)
                args[i], args[i + 1] = a.with_changes(value=b.value), b.with_changes(value=a.value)
                yield node.with_changes(args=args)


def _dropped_argument(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Call) and len(node.args) >= 2 and not node.args[-1].star:
        args = [*node.args[:-2], node.args[-2].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        yield node.with_changes(args=args)


def _break_continue(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Break):
        yield cst.Continue()
    if isinstance(node, cst.Continue):
        yield cst.Break()


def _slice_bound(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Slice):
        if (node.lower is None) != (node.upper is None):
            yield node.with_changes(lower=node.upper, upper=node.lower)
        if node.step is not None:
            yield node.with_changes(step=None, second_colon=cst.MaybeSentinel.DEFAULT)


def _name_pair(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Name) and node.value in _NAMES:
        yield node.with_changes(value=_NAMES[node.value])


def _branches_swapped(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.IfExp):
        yield node.with_changes(body=node.orelse, orelse=node.body)


def _yield_from(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Yield) and isinstance(node.value, cst.From):
        yield node.with_changes(value=node.value.item)


def _pair_swapped(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Tuple) and len(node.elements) == 2:
        a, b = node.elements
        if isinstance(a, cst.Element) and isinstance(b, cst.Element):
            yield node.with_changes(elements=[a.with_changes(value=b.value), b.with_changes(value=a.value)])


def _default(node: cst.CSTNode) -> Edit:
    if isinstance(node, cst.Param) and node.default is not None:
        value = node.default
        if isinstance(value, cst.Name) and value.value == "None":
            yield node.with_changes(default=cst.Integer("0"))
        if isinstance(value, cst.SimpleString):
            yield node.with_changes(default=cst.SimpleString("''"))


def _table(table: Mapping[type, type]) -> Callable[[cst.CSTNode], Edit]:
    return lambda node: _swap_operator(node, table)


OPERATORS: dict[str, Callable[[cst.CSTNode], Edit]] = {
    "compare_flip": _table(_FLIP),
    "compare_boundary": _table(_BOUNDARY),
    "membership": _table(_MEMBERSHIP),
    "arithmetic": _table(_ARITHMETIC),
    "assignment": _table(_ASSIGNMENT),
    "constant": _constant,
    "truth": _truth,
    "and_or": _and_or,
    "not_dropped": _not_dropped,
    "minus_dropped": _minus_dropped,
    "negated": _negated,
    "return_value": _return_value,
    "swapped_arguments": _swapped_arguments,
    "dropped_argument": _dropped_argument,
    "break_continue": _break_continue,
    "slice_bound": _slice_bound,
    "name_pair": _name_pair,
    "branches_swapped": _branches_swapped,
    "yield_from": _yield_from,
    "pair_swapped": _pair_swapped,
    "default": _default,
}


class _Sites(cst.CSTVisitor):
    """Every (operator, node, replacement) of a function, in the order of the text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise | cst.SimpleString | cst.Annotation):
            return False
        for name, operator in OPERATORS.items():
            self.found += [(name, node, new) for new in operator(node)]
        return True


def mutants(text: str) -> list[Mutant]:
    """Return the mutants of a function's text, in a fixed order, no two with the same text."""
    module = cst.parse_module(text)
    sites = _Sites()
    module.visit(sites)
    old_lines, seen, made = text.splitlines(), {text}, list[Mutant]()
    for operator, node, replacement in sites.found:
        changed = module.deep_replace(node, replacement)  # type: ignore[arg-type]
        new = changed.code if isinstance(changed, cst.Module) else text
        new_lines = new.splitlines()
        differ = [i for i, (a, b) in enumerate(zip(old_lines, new_lines, strict=False)) if a != b]
        if new in seen or len(new_lines) != len(old_lines) or len(differ) != 1 or not _compiles(new):
            continue
        seen.add(new)
        line = differ[0]
        made.append(Mutant(operator, line + 1, old_lines[line].strip(), new_lines[line].strip(), new))
    return made


def _compiles(text: str) -> bool:
    try:
        compile(text, "mod.py", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True
