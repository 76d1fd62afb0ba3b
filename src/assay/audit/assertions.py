"""Assertions: what a test checks and how strictly, read from its syntax tree, and what became of it in an edit."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

EXACT, LOOSE, WEAK, NOTHING = 3, 2, 1, 0
_CALLS = re.compile(r"^(self\.)?(assert\w*|fail\w*)$|^pytest\.(raises|fail)$|^\w*testing\.assert_\w+$")
_EXACT_CALLS = re.compile(r"(Equal|Equals|Is|equal|allclose|raises|Raises\w*|Dict\w*|List\w*|Regex|approx)$")
_ENDS = re.compile(r"^(sys\.exit|exit|quit|os\._exit|os\.abort|pytest\.fail|self\.fail|fail)$")


@dataclass
class Unit:
    """One test, or a script's top level: the strictness of its checks, its body, and what else is in it."""

    name: str
    line: int
    checks: list[tuple[int, int, str]] = field(default_factory=list)  # strictness, line, text
    rows: int = 0
    body: str = ""
    early: int | None = None  # the line where it may end before its last check
    quiet: int | None = None  # the line of a handler that swallows what a check raises
    skipped: bool = False

    @property
    def strength(self) -> int:
        """The sum of how strict the checks are."""
        return sum(level for level, _, _ in self.checks)

    @property
    def collected(self) -> bool:
        """Whether pytest or unittest would run it by its name."""
        return self.name.startswith("test") or not self.name


def units_of(tree: ast.Module) -> dict[str, Unit]:
    """Return the functions that check something or are called tests, and the top level under the name ""."""
    found: dict[str, Unit] = {}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in functions:
        unit = _unit(node.name, node.lineno, node.body)
        if unit.checks or node.name.startswith("test"):
            found[node.name] = unit
    helpers = {name: unit for name, unit in found.items() if unit.checks and not name.startswith("test")}
    for node in functions:  # what a test leaves to a function of its module, it checks
        if not node.name.startswith("test"):
            continue
        called = [n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        for name in called:
            if (helper := helpers.get(name)) is not None:
                unit = found[node.name]
                unit.checks += [(level, node.lineno, text) for level, _, text in helper.checks]
                unit.quiet = unit.quiet or helper.quiet
    top = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    unit = _unit("", 1, top)
    if unit.checks:
        found[""] = unit
    return found


def checks_in(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements and calls within a node that check something."""
    return (inner for inner in ast.walk(node) if any(True for _ in _check(inner)))


def _unit(name: str, line: int, body: list[ast.stmt]) -> Unit:
    unit = Unit(name, line, body=" ".join(ast.unparse(one) for one in body if not _docstring(one)))
    for statement in body:
        dead = {id(inner) for node in ast.walk(statement) if _never(node) for part in node.body  # type: ignore[attr-defined]
                for inner in ast.walk(part)}  # fmt: skip
        for node in ast.walk(statement):
            if id(node) in dead:
                continue
            for level, text in _check(node):
                unit.checks.append((level, getattr(node, "lineno", line), text))
            if isinstance(node, ast.For) and isinstance(node.iter, ast.List | ast.Tuple):
                unit.rows += len(node.iter.elts)
            elif isinstance(node, ast.Try) and any(list(_check(n)) for part in node.body for n in ast.walk(part)):
                for handler in node.handlers:
                    if not any(isinstance(n, ast.Raise | ast.Assert) or _ending(n) for n in ast.walk(handler)):
                        unit.quiet = handler.lineno
            elif isinstance(node, ast.With) and _swallows(node):
                unit.quiet = node.lineno
    last = max((at for _, at, _ in unit.checks), default=line)
    for statement in body:
        ends = isinstance(statement, ast.Return) or (isinstance(statement, ast.Expr) and _ending(statement.value))
        if ends and statement.lineno < last:
            unit.early = statement.lineno
    return unit


def _never(node: ast.AST) -> bool:
    """Whether a branch, or a loop, is one that nothing ever enters."""
    return isinstance(node, ast.If | ast.While) and isinstance(node.test, ast.Constant) and not node.test.value


def _swallows(node: ast.With) -> bool:
    """Whether a block expects, or drops, the very error that a failed check in it raises."""
    ways = [one.context_expr for one in node.items if isinstance(one.context_expr, ast.Call)]
    odd = any(
        ast.unparse(way.func).endswith(("raises", "suppress", "assertRaises"))
        and any(ast.unparse(given).endswith(("AssertionError", "Exception", "BaseException")) for given in way.args)
        for way in ways
    )
    return odd and any(list(_check(n)) for part in node.body for n in ast.walk(part) if isinstance(n, ast.Assert))


def _docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _ending(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _ENDS.match(ast.unparse(node.func)) is not None


def _check(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Assert):
        yield strictness(node.test), ast.unparse(node.test)
    elif isinstance(node, ast.Call) and _CALLS.match(name := ast.unparse(node.func)):
        if name.endswith(("assertTrue", "assert_", "assertFalse")) and node.args:
            yield strictness(node.args[0]), ast.unparse(node)
        else:
            parts = [ast.unparse(argument) for argument in node.args[:2]]
            same = len(parts) == 2 and parts[0] == parts[1]
            constant = len(node.args) >= 2 and all(isinstance(argument, ast.Constant) for argument in node.args[:2])
            level = NOTHING if same or constant else EXACT if _EXACT_CALLS.search(name) else LOOSE
            yield level, ast.unparse(node)
    elif isinstance(node, ast.IfExp) and isinstance(node.body, ast.Constant) and isinstance(node.test, ast.Compare):
        yield strictness(node.test), ast.unparse(node.test)  # print("ok" if got == wanted else "wrong")
    elif isinstance(node, ast.If) and _refuses(node):
        yield _refusal(node.test), ast.unparse(node.test)


def _refuses(node: ast.If) -> bool:
    """Whether a branch says that a test failed: it raises, or ends the program with something but 0."""
    for statement in node.body:
        if isinstance(statement, ast.Raise):
            return True
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and _ENDS.match(ast.unparse(call.func)):
            return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in (0, None))
    return False


def _refusal(test: ast.expr) -> int:
    """Return how strict a condition is under which a test fails."""
    if isinstance(test, ast.Constant):
        return NOTHING if not test.value else EXACT
    if isinstance(test, ast.BoolOp):
        levels = [_refusal(value) for value in test.values]
        return min(levels) if isinstance(test.op, ast.And) else max(levels)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return strictness(test.operand)
    if isinstance(test, ast.Compare):
        if ast.unparse(test.left) == ast.unparse(test.comparators[0]):
            return NOTHING
        if isinstance(test.ops[0], ast.NotEq):
            return EXACT
        return WEAK if isinstance(test.ops[0], ast.Eq | ast.Is | ast.IsNot) else LOOSE
    return LOOSE


def strictness(test: ast.expr) -> int:
    """Return how much an asserted expression demands: a value, a relation, something at all, or nothing."""
    if isinstance(test, ast.Constant):
        return NOTHING if test.value else EXACT
    if isinstance(test, ast.BoolOp):
        levels = [strictness(value) for value in test.values]
        return max(levels) if isinstance(test.op, ast.And) else min(levels)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return WEAK if not isinstance(test.operand, ast.Compare) else LOOSE
    if isinstance(test, ast.Compare):
        left, right = test.left, test.comparators[0]
        if ast.unparse(left) == ast.unparse(right) or (
            isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
        ):
            return NOTHING
        op = test.ops[0]
        if isinstance(op, ast.Eq):
            return EXACT
        if isinstance(op, ast.Is | ast.IsNot):
            literal = isinstance(right, ast.Constant) and right.value is not None
            return EXACT if literal and isinstance(op, ast.Is) else WEAK
        return WEAK if isinstance(op, ast.NotEq) else LOOSE
    if isinstance(test, ast.List | ast.Tuple | ast.Dict | ast.Lambda | ast.JoinedStr):
        return NOTHING if ast.unparse(test) not in ("[]", "()", "{}") else EXACT
    name = ast.unparse(test.func) if isinstance(test, ast.Call) else ""
    if name in ("isinstance", "hasattr", "callable", "issubclass", "bool", "len", "str", "repr", "type", "id"):
        return WEAK
    if name in ("all", "math.isclose", "np.allclose", "numpy.allclose", "np.array_equal", "numpy.array_equal"):
        return EXACT
    return LOOSE if name else WEAK


def literals(unit: Unit) -> set[str]:
    """Return the literals with which a unit's checks compare, as Python writes them."""
    found: set[str] = set()
    for _, _, text in unit.checks:
        try:
            tree = ast.parse(text, mode="eval")
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and _CALLS.match(ast.unparse(node.func)):
                sides = list(node.args)
            else:
                continue
            for side in sides:
                if _is_literal(side):
                    found.add(repr(ast.literal_eval(side)))
    return found


def expectations(tree: ast.Module) -> dict[str, str]:
    """Return what is expected of what, as Python writes it: assertions of equality, and rows of tables of cases."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.Eq):
            pairs = [(node.test.left, node.test.comparators[0])]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("assertEqual", "assertEquals")):
            pairs = [(node.args[0], node.args[1])] if len(node.args) > 1 else []
        elif isinstance(node, ast.List | ast.Tuple | ast.Dict):
            pairs = list(_rows(node))
        for given, wanted in pairs:
            if _is_literal(wanted):
                found[ast.unparse(given)] = ast.unparse(wanted)
            elif _is_literal(given):
                found[ast.unparse(wanted)] = ast.unparse(given)
    return found


def _rows(table: ast.List | ast.Tuple | ast.Dict) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the rows of a table of cases: all but the last member of each, and the last."""
    if isinstance(table, ast.Dict):
        yield from ((key, value) for key, value in zip(table.keys, table.values, strict=True) if key is not None)
        return
    rows = [row for row in table.elts if isinstance(row, ast.Tuple | ast.List) and len(row.elts) >= 2]
    if len(rows) == len(table.elts):
        for row in rows:
            yield ast.Tuple(row.elts[:-1], ast.Load()), row.elts[-1]


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
