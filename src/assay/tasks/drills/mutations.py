"""Mutation operators: each changes one line of a template by a few tokens.

An operator takes the tokens of a line and the names in scope, and yields changed lines. It works on the
template, before names and constants are filled in, so what it yields is the same for every draw.
"""

import re
from collections.abc import Callable, Iterator

Tokens = list[str]
Operator = Callable[[Tokens, frozenset[str]], Iterator[str]]

TOKEN = re.compile(r'"[^"]*"|@[KLM][+\-?]@|[A-Za-z_]\w*|\d+|\*\*|//=|//|[=!<>+\-*]=|\s+|.')
OPERATORS: dict[str, Operator] = {}

_SWAPS = {
    "boundary": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
    "comparison_flip": {"<": ">", ">": "<", "<=": ">=", ">=": "<="},
    "equality": {"==": "!=", "!=": "=="},
    "plus_minus": {"+": "-", "-": "+"},
    "times_plus": {"*": "+", "+": "*"},
    "divide_modulo": {"//": "%", "%": "//"},
    "and_or": {"and": "or", "or": "and"},
    "min_max": {"min": "max", "max": "min"},
    "sum_max": {"sum": "max", "len": "max"},
    "upper_lower": {"upper": "lower", "lower": "upper"},
    "starts_ends": {"startswith": "endswith", "endswith": "startswith"},
    "strip_side": {"strip": "lstrip"},
    "any_all": {"any": "all", "all": "any"},
    "keys_values": {"keys": "values", "values": "keys"},
    "true_false": {"True": "False", "False": "True"},
    "break_continue": {"break": "continue", "continue": "break"},
    "plus_minus_assign": {"+=": "-=", "-=": "+="},
    "assign_kind": {"+=": "=", "-=": "=", "*=": "+="},
}
_SUBSTITUTIONS = {
    "index_end": [(r"\[0\]", "[-1]"), (r"\[-1\]", "[0]"), (r"\[0\]", "[1]"), (r"\[1\]", "[0]")],
    "neighbour_index": [(r"\[P - 1\]", "[P]"), (r"\[P\] - ", "[P - 1] - ")],
    "range_start": [(r"range\(1, ", "range("), (r"range\((?=[^,]*(\(A\))?\))", "range(1, ")],
    "range_stop": [(r"(range\(.*) \+ 1\)", r"\1)"), (r"(range\(.*[AB]\)?)\)", r"\1 - 1)")],
    "initial_value": [
        (r"= 0$", "= 1"),
        (r"= ([KLQ])$", "= 0"),
        (r"= \"\"$", '= " "'),
        (r"= K$", "= 1"),
    ],
    "append_insert": [(r"\.append\(", ".insert(0, "), (r"\.insert\(0, ", ".append(")],
    "sorted_reverse": [(r", reverse=True", ""), (r"reverse=True", "reverse=False")],
    "slice_side": [(r"\[:(-?\w+)\]", r"[\1:]"), (r"\[(\w+):\]", r"[:\1]"), (r"\[(\w+):-1\]", r"[\1:]")],
    "slice_bound": [(r"\[(\w+):-1\]", r"[\1:-2]"), (r"\[:-1\]", "[:]"), (r"\[1:", "[:"), (r"\[:-K\]", "[:K]")],
    "slice_step": [(r"\[::-1\]", "[::1]"), (r"\[::K\]", "[K::]"), (r"\[::K\]", "[:K]")],
    "missing_abs": [(r"abs(\(.*?\))", r"\1")],
    "default_value": [(r"(\.get\(\w+), \w+\)", r"\1, 1)"), (r"(\.get\(\w+), [A-Z]\)", r"\1, 0)"), ("B=K", "B=1")],
    "dropped_not": [(r"\bnot ", "")],
    "added_not": [(r"\bif (?!not)(.* )in\b", r"if \1not in"), (r"^(\s+)if (A|B|I\.\w+\(\)):", r"\1if not \2:")],
    "dropped_call": [(r"\.(upper|lower|strip)\(\)", ""), (r"sorted(\(\w+\))$", r"list\1"), (r"int(\(I\))", r"\1")],
    "dropped_term": [(r" [+\-*] [A-Z0-9](?=[)\],:]|$)", ""), (r"(return|=) [A-Z] [+*] ", r"\1 ")],
    "dropped_condition": [(r" (and|or) .*?(?=:$|$)", ""), (r"(if|return) .* (and|or) ", r"\1 ")],
    "swapped_operands": [
        (r"\b([A-Z]\w*) (-|//|%|<|>|<=|>=) ([A-Z])\b", r"\3 \2 \1"),
        (r"= ([A-Z]) \+ ([A-Z])$", r"= \2 + \1"),
        (r"return ([A-Z]) \+ ([A-Z])\b", r"return \2 + \1"),
    ],
    "swapped_arguments": [(r"\(([A-Z]), ([A-Z0])\)", r"(\2, \1)"), (r"range\(([A-Z]), ([A-Z])", r"range(\2, \1")],
    "swapped_pair": [
        (r"(return|=) ([^,()]+), ([^,()]+)$", r"\1 \3, \2"),
        (r"for ([A-Z]), ([A-Z]) in", r"for \2, \1 in"),
    ],
    "separator": [(r"\.split\(Q\)", ".split()"), (r"\.split\(\)", '.split(",")'), (r"Q\.join", '"".join')],
}


def operator(function: Operator) -> Operator:
    """Register an operator under its function's name."""
    OPERATORS[function.__name__] = function
    return function


def tokens(line: str) -> Tokens:
    """Split a line into tokens; joined again they give the line."""
    return TOKEN.findall(line)


def mutations(line: str, scope: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield (operator, changed line) for all changes to one line of a template; `scope` is the names in it."""
    parts = tokens(line)
    for name, change in OPERATORS.items():
        seen = {line}
        for changed in change(parts, scope):
            if changed not in seen:
                seen.add(changed)
                yield name, changed


def _put(parts: Tokens, place: int, new: str) -> str:
    return "".join([*parts[:place], new, *parts[place + 1 :]])


def _neighbour(parts: Tokens, place: int, step: int) -> str:
    place += step
    while 0 <= place < len(parts) and parts[place].isspace():
        place += step
    return parts[place] if 0 <= place < len(parts) else ""


def _is_value(token: str) -> bool:
    return bool(re.match(r"[\w\)\]\"]", token)) and token not in {"return", "in", "and", "or", "not", "if"}


def _swap(name: str, table: dict[str, str]) -> None:
    def change(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
        for place, token in enumerate(parts):
            if token not in table:
                continue
            # A minus sign with no value before it belongs to a number.
            if token in "+-*" and not _is_value(_neighbour(parts, place, -1)):
                continue
            yield _put(parts, place, table[token])

    OPERATORS[name] = change


def _substitute(name: str, rules: list[tuple[str, str]]) -> None:
    def change(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
        line = "".join(parts)
        for pattern, new in rules:
            for match in re.finditer(pattern, line):
                yield line[: match.start()] + match.expand(new) + line[match.end() :]

    OPERATORS[name] = change


for _name, _table in _SWAPS.items():
    _swap(_name, _table)
for _name, _rules in _SUBSTITUTIONS.items():
    _substitute(_name, _rules)


@operator
def off_by_one(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
    """A number one too large or too small."""
    for place, token in enumerate(parts):
        if token in {"K", "L", "M"}:
            yield _put(parts, place, f"@{token}+@")
            yield _put(parts, place, f"@{token}-@")
        elif token.isdigit() and int(token) > 1:
            yield _put(parts, place, str(int(token) + 1))
            yield _put(parts, place, str(int(token) - 1))


@operator
def changed_constant(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
    """A number that is quite another."""
    for place, token in enumerate(parts):
        if token in {"K", "L", "M"}:
            yield _put(parts, place, f"@{token}?@")
        elif token.isdigit() and int(token) > 9:
            yield _put(parts, place, str(int(token) * 10))
            yield _put(parts, place, str(int(token) // 10))


@operator
def wrong_constant(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
    """One of the function's constants in the place of another."""
    for place, token in enumerate(parts):
        for group in ("KLM", "QR"):
            if token in group and len(token) == 1:
                yield from (_put(parts, place, new) for new in group if new in scope and new != token)


@operator
def wrong_variable(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
    """Another variable where one is read."""
    if "def" in parts or _returns_one(parts):
        return
    for place, token in enumerate(parts):
        if token not in _VARIABLES or _is_target(parts, place):
            continue
        yield from (_put(parts, place, new) for new in sorted(_VARIABLES & scope) if new != token)


@operator
def wrong_return(parts: Tokens, scope: frozenset[str]) -> Iterator[str]:
    """A return of another variable, or of a variable where a constant belongs."""
    if _returns_one(parts) and parts[-1] in _VARIABLES | {"K", "L", "M"}:
        yield from (_put(parts, len(parts) - 1, new) for new in sorted(_VARIABLES & scope) if new != parts[-1])


_VARIABLES = frozenset("ABCDVWXIJPSN")


def _returns_one(parts: Tokens) -> bool:
    """Whether the line is `return` and one token."""
    return parts[-3:-1] == ["return", " "]


def _is_target(parts: Tokens, place: int) -> bool:
    """Whether the token is bound here: left of an assignment, or between `for` and `in`."""
    before, after = parts[:place], parts[place + 1 :]
    if "for" in before and "in" not in before[before.index("for") :]:
        return True
    binders = {"=", "+=", "-=", "*=", "//="}
    return "(" not in before and "[" not in before and bool(binders & set(after)) and not binders & set(before)
