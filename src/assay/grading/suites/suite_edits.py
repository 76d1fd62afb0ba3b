"""Finds what can be made wrong in a test, and makes it wrong: the must-fail canaries of the kind `tests`.

An edit replaces a few characters of a test function's text: a literal that it expects by another of its type, the
exception that it expects by one that is no relation, and, only where there is neither, an assertion by its
opposite. A wrong value comes first because a negated assertion is defeated by an overridden `__eq__`. Only what is
expected is touched, never what is given to the code under test: two right solutions could answer that differently.
The test keeps its name, its place and its length in lines.
"""

import ast
import random
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.grading.suites.suite_spec import Place, SpecError

_EQUALITIES = re.compile(r"assert(List|Tuple|Dict|Set|Sequence|Count|Multi[lL]ine|HTML|XML|JSON|Almost)?Equals?")
_EXPECTED = {"expected", "expect", "exp", "correct", "want", "wanted", "answer", "result_expected"}
_RAISES = {"raises", "assertRaises", "assertRaisesRegex", "assertRaisesMessage"}
_EXCEPTIONS = ("TypeError", "ValueError", "KeyError", "AttributeError", "IndexError", "RuntimeError", "OSError")
_OPPOSITES = {"assertTrue": "assertFalse", "assertIsNone": "assertIsNotNone", "assertIn": "assertNotIn"}
_OPPOSITES |= {"assertIsInstance": "assertNotIsInstance", "assertIs": "assertIsNot", "assertEqual": "assertNotEqual"}
_OPPOSITES |= {wrong: right for right, wrong in _OPPOSITES.items()}
_OPERATORS = {ast.In: " in ", ast.NotIn: " not in ", ast.Is: " is ", ast.IsNot: " is not "}
_OPERATORS |= {ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_FLIPPED = {ast.In: " not in ", ast.NotIn: " in ", ast.Is: " is not ", ast.IsNot: " is "}
_FLIPPED |= {ast.Lt: ">=", ast.Gt: "<=", ast.LtE: ">", ast.GtE: "<", ast.NotEq: "=="}
_DYNAMIC = re.compile(r"import \*|globals\(|setattr\(|exec\(|locals\(|__dict__|type\(|load_tests")
_SAFE_BASES = {"TestCase", "SimpleTestCase", "object"}


@dataclass(frozen=True)
class Edit:
    """Replace `old` at byte `at` of the file's UTF-8 text by `new`: a wrong expectation of the function `test`.

    `fails` are the ids that a right solution then fails, `passes` those of the same function that it still passes.
    Both are known only once gold was run.
    """

    file: str
    test: str
    at: int
    old: str
    new: str
    fails: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        """The test function that it changes."""
        return Place(self.file, self.test)

    def data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**asdict(self), "fails": list(self.fails), "passes": list(self.passes)}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Edit":
        """Return the edit that `data` holds. Raises SpecError."""
        try:
            file, test, old, new = (data[key] for key in ("file", "test", "old", "new"))
            whole = cls(file, test, int(data["at"]), old, new, tuple(data["fails"]), tuple(data["passes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"canaries: {type(error).__name__}: {error}") from error
        if not whole.fails or not all(isinstance(text, str) for text in (file, test, old, new, *whole.fails)):
            raise SpecError("canaries: an edit names no test that fails by it")
        return whole


def applied(text: str, edits: list[Edit]) -> str:
    """Return a file's text with `edits` made. Raises SpecError where it does not read as an edit says."""
    data = text.encode()
    for edit in sorted(edits, key=lambda edit: -edit.at):
        old = edit.old.encode()
        if data[edit.at : edit.at + len(old)] != old:
            raise SpecError(f"canaries: {edit.file} does not have {edit.old!r} at byte {edit.at}")
        data = data[: edit.at] + edit.new.encode() + data[edit.at + len(old) :]
    return data.decode()


class Source:
    """A test file's text, with the functions in it by their names. Raises SyntaxError or ValueError."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.tree = ast.parse(text)
        self._data = text.encode()
        self._starts = [0]
        for line in self._data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.functions = dict(_functions(self.tree.body, ""))

    def at(self, line: int, column: int) -> int:
        """Return the byte at which a line (from 1) and column (in bytes) stand."""
        return self._starts[line - 1] + column

    def span(self, node: ast.expr) -> tuple[int, str]:
        """Return where a node's text begins, and the text."""
        start = self.at(node.lineno, node.col_offset)
        end = self.at(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return start, self._data[start:end].decode()

    def edits(self, test: str, most: int) -> list[Edit]:
        """Return up to `most` edits of the function `test`, the most telling first."""
        node = self.functions.get(test)
        if node is None:
            return []
        values = list(self._values(node))
        spread = values[:: max(1, len(values) // most)] if values else []
        found = [*spread, *self._exceptions(node)] or list(self._opposites(node))
        unique = {(at, new): Edit(self.file, test, at, old, new) for at, old, new in found if old != new}
        return list(unique.values())[:most]

    def _values(self, node: ast.AST) -> Iterator[tuple[int, str, str]]:
        seen = {}
        for side in expected_sides(node):
            for constant in _literals(side):
                seen[(constant.lineno, constant.col_offset)] = constant
        told = _told(node)
        wrong = {place: _wrong(constant.value, told) for place, constant in seen.items()}
        for turn in range(3):
            for place in sorted(seen):
                others = wrong[place]
                start, old = self.span(seen[place])
                if len(others) > turn and "\n" not in old and _means(old, seen[place].value):
                    yield start, old, _written(old, seen[place].value, others[turn])

    def _exceptions(self, node: ast.AST) -> Iterator[tuple[int, str, str]]:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and call.args and _last_name(call.func) in _RAISES:
                kind = call.args[0]
                if isinstance(kind, ast.Name | ast.Attribute) and "\n" not in self.span(kind)[1]:
                    others = [name for name in _EXCEPTIONS if name != _last_name(kind)]
                    for name in random.SystemRandom().sample(others, 3):
                        yield *self.span(kind), name

    def _opposites(self, node: ast.AST) -> Iterator[tuple[int, str, str]]:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in _OPPOSITES:
                start, text = self.span(part.func)
                yield start + len(text.encode()) - len(part.func.attr), part.func.attr, _OPPOSITES[part.func.attr]
            elif isinstance(part, ast.Assert):
                yield from self._opposite(part.test)

    def _opposite(self, test: ast.expr) -> Iterator[tuple[int, str, str]]:
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            kind = type(test.ops[0])
            start = self.at(test.left.end_lineno or 0, test.left.end_col_offset or 0)
            end = self.at(test.comparators[0].lineno, test.comparators[0].col_offset)
            between = self._data[start:end].decode()
            if kind in _FLIPPED and between.strip() == _OPERATORS[kind].strip():
                yield start, between, between.replace(_OPERATORS[kind].strip(), _FLIPPED[kind].strip())
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            start, text = self.span(test)
            if text.startswith("not "):
                yield start, "not ", ""
        elif isinstance(test, ast.Call | ast.Name | ast.Attribute | ast.Subscript):
            start, text = self.span(test)
            yield start, text[:1], f"not {text[:1]}"

    def added(self, tests: list[str], *, plain: bool) -> tuple[int, bytes, str]:
        """Return where one more test that fails in any case comes, beside one of `tests`, its text and its name.

        Where none of them is defined in this file it goes to the end, as a function if `plain`, else in a class.
        """
        chance = random.SystemRandom()
        refusing = self._parametrized_classes()
        here = [name for name in tests if name in self.functions and refusing.isdisjoint(name.split(".")[-2:-1])]
        beside = chance.choice(here) if here else ""
        owner, _, name = beside.rpartition(".")
        name = name or "test_values"
        while name in self.text:
            word = chance.choice(["again", "more", "empty", "other", "simple", "nested", "default"])
            name = f"{name}_{word}" if name.startswith("test") else f"{word}_{name}"  # or no runner takes it for one
        imported = [alias.asname or alias.name.split(".")[0] for node in self.tree.body for alias in _aliases(node)]
        false = f"assert repr({chance.choice(imported or ['__name__'])}) == {chance.randbytes(4).hex()!r}"
        node = self.functions.get(beside)
        indent, end = (node.col_offset, node.end_lineno or node.lineno) if node else (0, len(self._starts) - 1)
        lines = [f"def {name}({'self' if owner else ''}):", f"    {false}"]
        if not here and not plain:
            owner = "TestValues" + "".join(word.title() for word in name.split("_")[2:])
            lines = [f"class {owner}(__import__('unittest').TestCase):", f"    def {name}(self):", f"        {false}"]
        at = self._starts[end]
        gap = "" if self._data[:at].endswith(b"\n") or not at else "\n"
        added = gap + "".join(f"\n{' ' * indent}{line}" for line in lines) + "\n"
        return at, added.encode(), f"{owner}.{name}" if owner else name

    def _parametrized_classes(self) -> set[str]:
        """Return the names of classes in which a test without parameters may not stand."""
        kinds = list(_classes(self.tree.body))
        return {kind.name for kind in kinds for mark in kind.decorator_list if "parametrize" in ast.dump(mark)}


def surely_absent(source: Source, test: str) -> bool:
    """Whether the file certainly defines no test of that name: nothing in it could make one as it runs."""
    if test in source.functions or _DYNAMIC.search(source.text):
        return False
    owner, _, name = test.rpartition(".")
    if re.search(rf"\b{re.escape(name)}\b", source.text):
        return False
    kinds = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    if not owner:
        return True
    last = owner.rpartition(".")[2]
    own = [kind for kind in kinds if kind.name == last]
    return last not in source.text or (
        bool(own) and all(_last_name(base) in _SAFE_BASES for kind in own for base in kind.bases)
    )


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _functions(node.body, prefix)


def _classes(body: list[ast.stmt]) -> Iterator[ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node
        if isinstance(node, ast.ClassDef | ast.If | ast.Try | ast.With):
            yield from _classes(node.body)


def _aliases(node: ast.stmt) -> list[ast.alias]:
    if isinstance(node, ast.ImportFrom) and node.module != "__future__":
        return [alias for alias in node.names if alias.name != "*"]
    return list(node.names) if isinstance(node, ast.Import) else []


def expected_sides(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a test expects: sides of equalities, what is called expected, and the columns of tables compared."""
    compared = {side.id for side in _operands(node) if isinstance(side, ast.Name)}
    tables = {
        part.targets[0].id: part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
    }
    yield from _operands(node)
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and _last_name(part.func) == "parametrize" and len(part.args) > 1:
            yield from _columns(part.args[1], _parameters(part.args[0]), compared)
        elif isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            if part.targets[0].id in _EXPECTED & compared:
                yield part.value
        elif isinstance(part, ast.For) and isinstance(part.target, ast.Tuple):
            table = tables.get(part.iter.id, part.iter) if isinstance(part.iter, ast.Name) else part.iter
            yield from _columns(table, [_last_name(name) for name in part.target.elts], compared)


def _operands(node: ast.AST) -> Iterator[ast.expr]:
    """Yield both sides of every equality that a test asserts."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert) and isinstance(part.test, ast.Compare):
            if all(isinstance(op, ast.Eq) for op in part.test.ops):
                yield part.test.left
                yield from part.test.comparators
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and _is_equality(part.func.attr):
            yield from part.args[:2]


def _is_equality(name: str) -> bool:
    return _EQUALITIES.fullmatch(name) is not None


def _parameters(names: ast.expr) -> list[str]:
    if isinstance(names, ast.Constant):
        return [name.strip() for name in str(names.value).split(",")]
    parts = names.elts if isinstance(names, ast.List | ast.Tuple) else []
    return [str(part.value) if isinstance(part, ast.Constant) else "" for part in parts]


def _columns(table: ast.expr, names: list[str], compared: set[str]) -> Iterator[ast.expr]:
    """Yield the cells of a table's rows whose name is one side of an equality: never an argument alone."""
    for row in table.elts if isinstance(table, ast.List | ast.Tuple) else []:
        cells: list[ast.expr] = []
        if isinstance(row, ast.Call) and _last_name(row.func) == "param":
            cells = row.args
        elif isinstance(row, ast.Tuple | ast.List):
            cells = row.elts
        if len(names) > 1 and len(cells) == len(names):
            yield from (cell for cell, name in zip(cells, names, strict=True) if name in compared)


def _literals(node: ast.expr) -> Iterator[ast.Constant]:
    """Yield the constants that a display or a literal is made of; none of a call, whose arguments are no result."""
    if isinstance(node, ast.Constant):
        yield node
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for part in node.elts:
            yield from _literals(part)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _literals(value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _literals(node.operand)
    elif isinstance(node, ast.Call) and _last_name(node.func) in ("approx", "list", "tuple", "set", "Decimal"):
        for part in node.args[:1]:
            yield from _literals(part)


def _last_name(node: ast.AST) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _written(old: str, before: object, after: object) -> str:
    """Return `after` as a literal that looks like `old`, the literal of `before`: same quotes, same base."""
    if isinstance(before, str | bytes) and isinstance(after, str | bytes):
        one, two = _text(before), _text(after)
        if len(one) == len(two):
            place = next(at for at in range(len(one)) if one[at] != two[at])
            tries = [(at, at + 1, two[place]) for at in range(len(old) - 1, 0, -1) if old[at] == one[place]]
        else:
            tries = [(len(old) - size, len(old) - size, two[-1:]) for size in (1, 3)]
        for start, end, char in tries[:20]:
            if _means(made := old[:start] + char + old[end:], after):
                return made
    if isinstance(after, int) and not isinstance(after, bool) and old[:2].lower() in ("0x", "0o", "0b"):
        return f"{after:#{old[1].lower()}}"
    quoted = f"{old[0]}{after}{old[0]}"
    return quoted if isinstance(after, str) and _means(quoted, after) else repr(after)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _means(text: str, value: object) -> bool:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError):
        return False
    return type(found) is type(value) and bool(found == value)


def _told(node: ast.AST) -> list[object]:
    """Return the values that a test names, but for its words to the reader and the names of its parameters."""
    silent: set[int] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Expr):
            silent.add(id(part.value))
        elif isinstance(part, ast.Call) and _last_name(part.func) == "parametrize":
            silent |= {id(name) for name in ast.walk(part.args[0])} if part.args else set()
        elif isinstance(part, ast.Assert) and part.msg:
            silent.add(id(part.msg))
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and id(part) not in silent]


def _wrong(value: object, told: Sequence[object]) -> list[object]:
    """Return up to three values to expect instead of `value`: first one that the test itself names somewhere.

    A candidate that reads what the running test expects, and says it where it looks possible for the input, cannot
    tell another element of the input from the right one as it can tell a value that has nothing to do with it.
    """
    alike = [float(other) if type(value) is float and type(other) is int else other for other in told]
    named = list(dict.fromkeys(other for other in alike if type(other) is type(value) and other != value))
    return [*random.SystemRandom().sample(named, min(1, len(named))), *_others(value)]


def _others(value: object) -> list[object]:
    """Return up to two values of the same type that are not equal to `value`; none where there is no plain one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value + 2]
    if isinstance(value, float):
        return [value + 1.0, value - 1.0] if abs(value) < 1e15 else []
    if isinstance(value, str):
        return list(_near_texts(value))
    if isinstance(value, bytes):
        return [text.encode("latin-1") for text in _near_texts(_text(value))]
    return []


def _near_texts(text: str) -> Iterator[str]:
    """Yield two texts that differ from `text` in one letter or digit, or are longer by one where it has none."""
    places = [at for at, char in enumerate(text) if char.isascii() and char.isalnum()]
    if not places:
        yield from (text + "a", text + "b")
        return
    at = places[-1]
    for step in (1, 2):
        kinds = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
        alphabet = next(kind for kind in kinds if text[at] in kind)
        char = alphabet[(alphabet.index(text[at]) + step) % len(alphabet)]
        yield text[:at] + char + text[at + 1 :]
