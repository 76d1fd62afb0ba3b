"""What Python tests expect: places in their text at which a wrong expectation can be put."""

import ast
import random
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Place = tuple[int, int, str]  # begin and end in a text, and what stands there instead
_NEAR = 0.7  # share of the wrong values that are taken from nearby
_STATUS = {"__name__", "returncode", "exitcode", "exit_code", "status", "rc", "code", "platform", "argv"}
_EQUAL = re.compile(
    r"(?i)assert_?(?:array_?)?(almost_?|count_?|list_?|dict_?|tuple_?|set_?|sequence_?)?equals?|isclose|allclose"
)
_QUOTES = re.compile(r"""[bBuU]?(\"{3}|'{3}|["'])""")
_WRONG = "(lambda v: v + {0} if isinstance(v, (int, float, complex)) and not isinstance(v, bool) else [v])({1})"


@dataclass
class Places:
    """`literals`: asserted literal values; `computed`: asserted values that are computed; `tables`: the last values
    in rows of cases; `truths`: asserted conditions, to be negated."""

    literals: list[Place] = field(default_factory=list)
    computed: list[Place] = field(default_factory=list)
    tables: list[Place] = field(default_factory=list)
    truths: list[Place] = field(default_factory=list)


def places(text: str) -> Places:
    """Return where `text`, a module of tests, expects something; nothing where it is no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return Places()
    where, found, taken = _Positions(text), Places(), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            taken |= {id(part) for part in ast.walk(node)}  # their positions are not those of the text
    expected = [leaf.value for node in ast.walk(tree) for leaf in _expected(_sides(node))]
    for node in ast.walk(tree):
        sides = _sides(node)
        leaves = _expected(sides)
        if len(leaves) == 1 and id(leaves[0]) not in taken:
            taken.add(id(leaves[0]))
            found.literals += where.of(leaves[0], str(_changed(leaves[0].value, _values(node), expected)))
        elif sides and not any(_is_literal(side) for side in sides):
            found.computed += where.wrapped(sides[1], _WRONG)
        if isinstance(node, ast.Assert) and not any(_sides(p) for p in ast.walk(node.test)) and not _status(node.test):
            found.truths += where.wrapped(node.test, "not ({1})")
    for table in (table for node in ast.walk(tree) for table in _tables(node)):
        rows = table.values if isinstance(table, ast.Dict) else table.elts
        column = [leaf.value for row in rows if (leaf := _last(row)) is not None]
        for row in rows:
            leaf = _last(row)
            if leaf is not None and id(leaf) not in taken:
                taken.add(id(leaf))
                found.tables += where.of(leaf, str(_changed(leaf.value, _values(row), column)))
    return found


def _expected(sides: Sequence[ast.expr]) -> list[ast.Constant]:
    """Return the literals among the two sides of a comparison, as far as they can be changed."""
    return [leaf for side in sides if _is_literal(side) and (leaf := _last(side)) is not None]


def _sides(node: ast.AST) -> list[ast.expr]:
    """Return the two things that this node holds to be equal, or near; [] for any other node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sides = [node.left, node.comparators[0]]
        if isinstance(node.ops[0], ast.Lt | ast.LtE) and isinstance(node.left, ast.Call):
            inner = node.left.args[:1]  # abs(x - 2.5) < 1e-9
            if not inner or not isinstance(inner[0], ast.BinOp) or not isinstance(inner[0].op, ast.Sub):
                return []
            sides = [inner[0].left, inner[0].right]
        elif not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            return []
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if not _EQUAL.fullmatch(name) or len(node.args) < 2:
            return []
        sides = node.args[:2]
    else:
        return []
    return [] if any(_status(side) for side in sides) else sides


def _status(node: ast.expr) -> bool:
    """Whether `node` speaks of how something ended, or of the run itself: its change would decide, not expect."""
    return any(getattr(part, "id", getattr(part, "attr", "")) in _STATUS for part in ast.walk(node))


def _tables(node: ast.AST) -> list[ast.List | ast.Tuple | ast.Dict]:
    """Return the tables of cases that this node brings in: an assignment, a loop over them, or `parametrize`."""
    found: list[ast.expr | None] = []
    if isinstance(node, ast.Assign | ast.AnnAssign):
        found = [node.value]
    elif isinstance(node, ast.For | ast.comprehension):
        found = [node.iter]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parametrize":
        found = list(node.args[1:2])
    return [each for each in found if isinstance(each, ast.List | ast.Tuple | ast.Dict)]


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return all(_is_literal(each) for each in node.elts)
    if isinstance(node, ast.Dict):
        return all(each is not None and _is_literal(each) for each in (*node.keys, *node.values))
    if isinstance(node, ast.Call):  # pytest.approx(2.5)
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return name == "approx" and all(_is_literal(each) for each in node.args[:1])
    return isinstance(node, ast.Constant)


def _last(node: ast.AST) -> ast.Constant | None:
    """Return the last literal below `node` that can be changed: in a row of cases that is what is expected."""
    if isinstance(node, ast.Constant):
        return node if _changed(node.value) is not None else None
    parts: list[Any] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Dict):
        parts = list(node.values)
    elif isinstance(node, ast.Call):
        parts = list(node.args)
    for part in reversed(parts):
        if (found := _last(part)) is not None:
            return found
    return None


def _values(node: ast.AST) -> list[object]:
    below = [part for part in ast.walk(node) if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub)]
    negative = {id(part.operand) for part in below}
    return [
        -part.value if id(part) in negative and isinstance(part.value, int | float) else part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant)
    ]


def _changed(value: object, near: Sequence[object] = (), elsewhere: Sequence[object] = ()) -> str | None:
    """Return the source of another value of the same type, or None.

    Often it is one that stands `near`, among the arguments for instance: a wrong value that looks right. A text gives
    way to one of its own shape, since a number could be told from a word, be it what is expected `elsewhere`.
    """
    draw = random.SystemRandom()
    groups = [[each for each in group if _stands_for(each, value)] for group in (near, elsewhere)]
    groups = [group for group in (groups if isinstance(value, str) else groups[:1]) if group]
    if groups and not isinstance(value, bool) and draw.random() < _NEAR:
        return repr(draw.choice(draw.choice(groups)))
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int):
        return repr(value + draw.randint(1, 9))
    if isinstance(value, float):
        return repr(value + draw.randint(1, 9) + 0.5)
    if isinstance(value, str) and value and "/" not in value:
        return repr(_other_text(value, draw))
    if isinstance(value, bytes) and value:
        return repr(value[:-1] + bytes([value[-1] ^ 1]))
    return None


def _stands_for(other: object, value: object) -> bool:
    """Whether `other` is wrong in place of `value`, and looks as well."""
    if isinstance(value, str):
        return isinstance(other, str) and other != value and _shape(other) == _shape(value)
    kinds = (int, float) if isinstance(value, int | float) else ()
    return isinstance(other, kinds) and not isinstance(other, bool) and other != value


def _shape(text: str) -> str:
    """Return what kind of text it is: its numbers and its words as one sign each."""
    for run, sign in ((r"[0-9]+", "0"), (r"[a-z]+", "a"), (r"[A-Z]+", "A")):
        text = re.sub(run, sign, text)
    return text


def _other_text(text: str, draw: random.Random) -> str:
    """Return a text of the same shape: another digit for a digit, another letter for a letter."""
    alphabets = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    at = draw.choice([place for place, sign in enumerate(text) if sign.isalnum() and sign.isascii()] or [len(text) - 1])
    alphabet = next((one for one in alphabets if text[at] in one), string.ascii_lowercase)
    if text[at : at + 2].isdigit() and not text[:at][-1:].isdigit():
        alphabet = alphabet.replace("0", "")  # no number begins with 0 and goes on
    return text[:at] + draw.choice([sign for sign in alphabet if sign != text[at]]) + text[at + 1 :]


def _quoted_as(old: str, new: str) -> str:
    """Return the literal `new` in the quotes of `old`, by which it could be told too."""
    quotes, plain = _QUOTES.match(old), _QUOTES.match(new)
    if quotes is None or plain is None or quotes[1] in (inner := new[plain.end() : -len(plain[1])]):
        return new
    return new[: plain.start(1)] + quotes[1] + inner + quotes[1]


class _Positions:
    """Turns the lines and byte columns of a syntax tree into places in the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = re.split(r"(?<=\n)", text.replace("\r", " "))
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _place(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def of(self, node: ast.expr, new: str) -> list[Place]:
        """Return the place of `node` with `new` in it, [] where it cannot be told."""
        try:
            begin = self._place(node.lineno, node.col_offset)
            end = self._place(node.end_lineno or 0, node.end_col_offset or 0)
        except (IndexError, UnicodeDecodeError):
            return []
        return [(begin, end, _quoted_as(self._text[begin:end], new))]

    def wrapped(self, node: ast.expr, form: str) -> list[Place]:
        """Return the place of `node` with `form` in it, whose {1} is the text of the node and {0} a number."""
        number = random.SystemRandom().randint(1, 9)
        return [(begin, end, form.format(number, self._text[begin:end])) for begin, end, _ in self.of(node, "")]
