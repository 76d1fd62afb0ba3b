"""How one result is compared with what was expected: exactly, as Python's == would, or by truth; in canonical form.

Everything here works on the encoded result (see `values`) and never decodes it: what a candidate sends could be made
of a hundred thousand keys that hash alike. So no `__eq__` of a candidate is ever called either.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from assay.grading.values import EncodingError, encode, matches

COMPARES = ("strict", "python", "truth")
_SIMPLE = (type(None), bool, int, str)
CANONICAL = ("", "list", "sorted", "set", "json")


@dataclass(frozen=True)
class Rule:
    """How results are compared.

    `compare`: "strict" keeps types apart (1, 1.0 and True are three values); "python" is == between plain values
    (they are one, a tuple is no list, an instance of a subclass counts as the plain value that it holds); "truth"
    asks only whether bool(result) is the expected one.
    `canonical` is applied to both sides: "list", "sorted" and "set" as these builtins do to anything that can be
    iterated over; "json" takes every tuple for a list. What remains is compared as by "python".
    A float may be off by `tolerance`, absolutely or relative to the expected one; with `relative`, by
    tolerance + relative * |expected|.
    """

    compare: str = "strict"
    canonical: str = ""
    tolerance: float = 0.0
    relative: float | None = None


def agrees(data: Any, expected: Any, rule: Rule, wanted: Any = None) -> bool:
    """Return whether `data`, from an untrusted encoder, is what `rule` asks for. `wanted` is `encode(expected)`."""
    if wanted is None:
        wanted = encode(expected)
    if rule.compare != "truth" and type(data) is type(wanted) and type(data) in _SIMPLE and data == wanted:
        return True  # the common case
    try:
        if rule.compare == "python" and type(data) is type(wanted) and data == wanted:
            return True  # encoded alike, but for numbers of other types, which == does not tell apart either
        if rule.compare == "truth":
            return truth(data) is bool(expected)
        if rule.canonical:
            return _canonically(data, wanted, rule)
        if rule.compare == "python":
            return _alike(data, wanted, rule)
        return matches(data, expected, rule.tolerance)
    except (ValueError, ArithmeticError, RecursionError):  # an EncodingError is a ValueError
        return False


def truth(data: Any) -> bool:
    """Return what bool() of the encoded value is. Raises EncodingError for what encodes nothing."""
    kind, body = _open(data)
    if kind == "o":
        return body is True
    if kind == "n":
        return bool(body != 0)
    return kind != "0" and (kind == "g" or len(body) > 0)


def _open(data: Any) -> tuple[str, Any]:
    """Return the kind of an encoded value, and its number, text or parts.

    Kinds: 0 None, n a number, q text, b bytes, l list, t tuple, s set, d dict, g an iterator, o any other object.
    """
    if data is None:
        return "0", None
    kind = type(data)
    if kind is bool or kind is int:
        return "n", int(data)
    if kind is str:
        return "q", data
    if kind is list:
        return "l", data
    if kind is dict and len(data) == 1:
        [(tag, body)] = data.items()
        if tag in ("i", "f", "c") and type(body) is str:
            return "n", _number(tag, body)
        if (tag == "b" and type(body) is str) or (tag == "o" and type(body) is bool):
            return tag, body
        if tag in ("t", "s", "d", "g") and type(body) is list:
            return tag, body
    raise EncodingError("JSON that encodes no value")


def _number(tag: str, text: str) -> int | float | complex:
    try:
        return int(text, 16) if tag == "i" else float(text) if tag == "f" else complex(text)
    except (ValueError, OverflowError) as error:
        raise EncodingError("not a number") from error


def _normal(data: Any, json_like: bool = False) -> str:
    """Return a text that is the same for two encoded values exactly when Python's == holds between them."""
    kind, body = _open(data)
    if kind == "n":
        return _normal_number(body)
    if kind == "q":
        return json.dumps(body)
    if kind == "b":
        return f"b{body}"
    if kind == "0":
        return "null"
    if kind in ("l", "t"):
        inner = ",".join([_normal(item, json_like) for item in body])
        return f"({inner})" if kind == "t" and not json_like else f"[{inner}]"
    if kind == "s":
        return "<" + ",".join(sorted({_normal(item, json_like) for item in body})) + ">"
    if kind == "d":
        pairs = sorted([f"{key}:{_normal(value, json_like)}" for key, value in _pairs(body).items()])
        return "{" + ",".join(pairs) + "}"
    raise EncodingError("an object that is equal to nothing else")


def _normal_number(number: int | float | complex) -> str:
    if isinstance(number, complex):
        if number.imag:
            return repr(number)
        number = number.real
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return hex(number) if isinstance(number, int) else repr(number)


def _pairs(body: list[Any]) -> dict[str, Any]:
    """Return the values of an encoded dict under its keys in normal form, each of which is made once.

    Twice for each level of a key in a key in a key would be for ever.
    """
    if not all(type(pair) is list and len(pair) == 2 for pair in body):
        raise EncodingError("a dict that is none")
    found = {_normal(pair[0]): pair[1] for pair in body}
    if len(found) != len(body):
        raise EncodingError("repeated keys")
    return found


def _alike(data: Any, wanted: Any, rule: Rule) -> bool:
    """Compare as == does, floats within the tolerance."""
    kind, body = _open(data)
    other, expected = _open(wanted)
    if kind == "n" and other == "n":
        return _near(body, expected, rule, type(wanted) is dict and "f" in wanted)
    listed = {"l", "t"}
    if kind != other and not (rule.canonical == "json" and {kind, other} <= listed):
        return False
    if kind in listed:
        return len(body) == len(expected) and all(_alike(d, w, rule) for d, w in zip(body, expected, strict=True))
    if kind == "d":
        if len(body) != len(expected):
            return False
        found = _pairs(body)
        return all(key in found and _alike(found[key], value, rule) for key, value in _pairs(expected).items())
    return _normal(data) == _normal(wanted)


def _near(actual: int | float | complex, expected: int | float | complex, rule: Rule, floating: bool) -> bool:
    if actual == expected:
        return True
    if isinstance(actual, complex) or isinstance(expected, complex):
        room = rule.tolerance * max(1.0, abs(expected))
        return rule.tolerance > 0 and abs(complex(actual) - complex(expected)) <= room
    try:
        found, right = float(actual), float(expected)
    except OverflowError:
        return False
    if math.isnan(found) or math.isnan(right):
        return math.isnan(found) and math.isnan(right)
    if not floating or math.isinf(found) or math.isinf(right):
        return False
    if rule.relative is None:
        return abs(found - right) <= rule.tolerance * max(1.0, abs(right))
    return abs(found - right) <= rule.tolerance + rule.relative * abs(right)


def _canonically(data: Any, wanted: Any, rule: Rule) -> bool:
    if rule.canonical == "json":
        return _alike(data, wanted, rule)
    found, expected = _items(data), _items(wanted)
    if found is None or expected is None:
        return found is expected and _alike(data, wanted, rule)
    if rule.canonical == "list":
        return len(found) == len(expected) and all(_alike(d, w, rule) for d, w in zip(found, expected, strict=True))
    if rule.canonical == "set":
        return {_normal(item) for item in found} == {_normal(item) for item in expected}
    if len(found) != len(expected):
        return False
    if rule.tolerance or rule.relative:
        numbers = [[_open(item) for item in side] for side in (found, expected)]
        if all(kind == "n" and not isinstance(body, complex) for side in numbers for kind, body in side):
            one, two = (sorted(body for _, body in side) for side in numbers)
            return all(_near(a, b, rule, isinstance(b, float)) for a, b in zip(one, two, strict=True))
    return Counter(map(_normal, found)) == Counter(map(_normal, expected))


def _items(data: Any) -> list[Any] | None:
    """Return the encoded parts of what can be iterated over, None for anything else."""
    kind, body = _open(data)
    if kind in ("l", "t", "s", "g"):
        return list(body)
    if kind == "d":
        _pairs(body)
        return [pair[0] for pair in body]
    if kind == "q":
        return list(body)
    return None
