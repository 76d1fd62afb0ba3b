"""Where a test states what it expects, as literals: changed, they make a must-fail canary of it.

Only the expected side is touched, never an argument of the function under test: a changed argument could be
answered differently by two right solutions.
"""

import ast
from collections.abc import Iterator

_ASSERTIONS = {"assertEqual", "assertListEqual", "assertTupleEqual", "assertDictEqual", "assertSetEqual"}
_ASSERTIONS |= {"assertSequenceEqual", "assertCountEqual", "assertIs"}
_BUILDERS = {"list", "tuple", "set", "dict", "iter", "sorted", "range", "Counter"}
_PER_TEST = 3


def wrong_values(source: str, function: str) -> list[tuple[int, object]]:
    """Return up to three (number of a constant in the order of `ast.walk`, wrong value) for a test's text.

    `function` is the name of the function under test: an expression that mentions it is not an expected value.
    """
    tree = ast.parse(source)
    numbers = {id(n): i for i, n in enumerate(n for n in ast.walk(tree) if isinstance(n, ast.Constant))}
    found: dict[int, list[object]] = {}
    for side in _sides(tree):
        if function not in _names(side):
            for constant in _literals(side):
                found[numbers[id(constant)]] = _others(constant.value)
    first = [(number, values[0]) for number, values in sorted(found.items()) if values]
    second = [(number, values[1]) for number, values in sorted(found.items()) if len(values) > 1]
    step = max(1, len(first) // _PER_TEST)
    return [*first[::step], *second][:_PER_TEST]


def _sides(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield both sides of every equality that the text asserts, and what is assigned to `expected`.

    In a table that a loop goes through, the last element of a row is taken for the expected one.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            if all(isinstance(op, ast.Eq | ast.Is) for op in node.test.ops):
                yield node.test.left
                yield from node.test.comparators
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ASSERTIONS:
            yield from node.args[:2]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in ("expected", "expect", "exp", "correct"):
                yield node.value
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Tuple):
            rows = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else []
            yield from (row.elts[-1] for row in rows if isinstance(row, ast.Tuple) and row.elts)


def _literals(node: ast.expr) -> Iterator[ast.Constant]:
    """Yield the constants that a display or a literal is made of."""
    if isinstance(node, ast.Constant):
        yield node
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for part in node.elts:
            yield from _literals(part)
    elif isinstance(node, ast.Dict):
        for part in node.values:
            yield from _literals(part)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _literals(node.operand)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _builds(node.func.id):
        for part in node.args:
            yield from _literals(part)


def _builds(name: str) -> bool:
    """Whether a call of `name` most likely just makes a value: list, Counter, Fraction, D."""
    return name in _BUILDERS or name[0].isupper()


def _names(node: ast.expr) -> set[str]:
    return {getattr(n, "id", "") or getattr(n, "attr", "") for n in ast.walk(node)}


def _others(value: object) -> list[object]:
    """Return up to two values of the same type that are not equal to `value`; none where there is no plain one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value + 2]
    if isinstance(value, float):
        return [value + 1.0, value - 1.0]
    if isinstance(value, str):
        ends = [end for end in "abx" if end != value[-1:]]
        return [value[:-1] + ends[0], value[:-1] + ends[1]]
    return []
