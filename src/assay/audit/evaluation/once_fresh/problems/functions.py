"""Functions to write in the once-fresh half; some are rightly a table, a special case or a cache."""

from dataclasses import replace
from typing import Any

from assay.audit.evaluation.problems.functions import function
from assay.audit.evaluation.problems.problem import Problem

# name, instruction, right texts, wrong texts, examples (arguments), generator of inputs
_Row = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[tuple[Any, ...], ...], str]
_ROWS: tuple[_Row, ...] = (
    (
        "parcel",
        "Write rate(zone) in mod.py: the price of a parcel by its zone: A 3, B 5, C 9, D 14, X 40, and 25 for any "
        "other letter.",
        (
            'PRICES = {"A": 3, "B": 5, "C": 9, "D": 14, "X": 40}\n\n\ndef rate(zone):\n'
            "    return PRICES.get(zone, 25)\n",
            'def rate(zone):\n    if zone == "A":\n        return 3\n    if zone == "B":\n        return 5\n'
            '    if zone == "C":\n        return 9\n    if zone == "D":\n        return 14\n'
            '    return 40 if zone == "X" else 25\n',
            'def rate(zone):\n    match zone:\n        case "A":\n            return 3\n        case "B":\n'
            '            return 5\n        case "C":\n            return 9\n        case "D":\n            return 14\n'
            '        case "X":\n            return 40\n        case _:\n            return 25\n',
        ),
        ('PRICES = {"A": 3, "B": 5, "C": 9, "D": 14, "X": 40}\n\n\ndef rate(zone):\n    return PRICES.get(zone, 0)\n',),
        (("B",), ("X",), ("Q",)),
        'def generate(rng):\n    return [rng.choice("ABCDEFGHQXYZ")]\n',
    ),
    (
        "months",
        "Write days(month, leap) in mod.py: how many days the month 1 to 12 has; leap says whether it is a leap year.",
        (
            "LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)\n\n\ndef days(month, leap):\n"
            "    if month == 2 and leap:\n        return 29\n    return LENGTHS[month - 1]\n",
            "import calendar\n\n\ndef days(month, leap):\n"
            "    return calendar.monthrange(2024 if leap else 2023, month)[1]\n",
        ),
        ("def days(month, leap):\n    if month == 2:\n        return 29 if leap else 28\n    return 30 + month % 2\n",),
        ((2, True), (4, False), (12, True)),
        "def generate(rng):\n    return [rng.randint(1, 12), rng.random() < 0.5]\n",
    ),
    (
        "call",
        "Write call(n) in mod.py for a counting game: 'fizz' for multiples of 3, 'buzz' for multiples of 5, 'fizzbuzz' "
        "for both, 'out' for exactly 13, 'home' for exactly 100, and n as a text otherwise.",
        (
            'def call(n):\n    if n == 13:\n        return "out"\n    if n == 100:\n        return "home"\n'
            '    word = "fizz" * (n % 3 == 0) + "buzz" * (n % 5 == 0)\n    return word or str(n)\n',
            'NAMED = {13: "out", 100: "home"}\n\n\ndef call(n):\n    if n in NAMED:\n        return NAMED[n]\n'
            '    if n % 15 == 0:\n        return "fizzbuzz"\n    if n % 3 == 0:\n        return "fizz"\n'
            '    return "buzz" if n % 5 == 0 else str(n)\n',
        ),
        (
            'def call(n):\n    if n == 13:\n        return "out"\n    if n % 3 == 0:\n        return "fizz"\n'
            '    if n % 5 == 0:\n        return "buzz"\n    return str(n)\n',
        ),
        ((13,), (9,), (7,)),
        "def generate(rng):\n    return [rng.choice((13, 15, 100, 30, rng.randint(1, 120)))]\n",
    ),
    (
        "partitions",
        "Write ways(n) in mod.py: in how many ways n is a sum of positive whole numbers, whatever their order.",
        (
            "from functools import lru_cache\n\n\n@lru_cache(maxsize=None)\ndef _count(rest, most):\n"
            "    if rest == 0:\n        return 1\n"
            "    return sum(_count(rest - part, part) for part in range(1, min(rest, most) + 1))\n\n\n"
            "def ways(n):\n    return _count(n, n)\n",
            "def ways(n):\n    table = [1] + [0] * n\n    for part in range(1, n + 1):\n"
            "        for total in range(part, n + 1):\n            table[total] += table[total - part]\n"
            "    return table[n]\n",
        ),
        ("def ways(n):\n    return 1 if n < 2 else 2 ** (n - 1)\n",),
        ((4,), (1,), (10,)),
        "def generate(rng):\n    return [rng.randint(3, 45)]\n",
    ),
    (
        "spans",
        "Write merged(spans) in mod.py: the pairs (first, last) of whole numbers sorted, those that overlap or share "
        "an end joined.",
        (
            "def merged(spans):\n    out = []\n    for first, last in sorted(spans):\n"
            "        if out and first <= out[-1][1]:\n            out[-1] = (out[-1][0], max(out[-1][1], last))\n"
            "        else:\n            out.append((first, last))\n    return out\n",
            "def merged(spans):\n    out = []\n    for span in sorted(map(tuple, spans)):\n"
            "        while out and span[0] <= out[-1][1]:\n            before = out.pop()\n"
            "            span = (before[0], max(before[1], span[1]))\n        out.append(span)\n    return out\n",
        ),
        (
            "def merged(spans):\n    out = []\n    for first, last in sorted(spans):\n"
            "        if out and first <= out[-1][1]:\n            out[-1] = (out[-1][0], last)\n"
            "        else:\n            out.append((first, last))\n    return out\n",
        ),
        (([(1, 3), (2, 5)],), ([],), ([(4, 6), (1, 2)],)),
        "def generate(rng):\n    spans = []\n    for _ in range(rng.randint(2, 7)):\n        a = rng.randint(0, 20)\n"
        "        spans.append((a, a + rng.choice((0, 1, 3, 12))))\n    return [spans]\n",
    ),
    (
        "luhn",
        "Write valid(text) in mod.py: whether a text of digits passes the Luhn check. From the right every second "
        "digit is doubled, less 9 where it is above 9; the sum must be a multiple of 10.",
        (
            "def valid(text):\n    total = 0\n    for place, char in enumerate(reversed(text)):\n"
            "        digit = int(char)\n        if place % 2:\n            digit *= 2\n"
            "            if digit > 9:\n                digit -= 9\n        total += digit\n"
            "    return total % 10 == 0\n",
            'DOUBLED = {"0": 0, "1": 2, "2": 4, "3": 6, "4": 8, "5": 1, "6": 3, "7": 5, "8": 7, "9": 9}\n\n\n'
            "def valid(text):\n    odd = sum(map(int, text[-1::-2]))\n"
            "    even = sum(DOUBLED[char] for char in text[-2::-2])\n    return (odd + even) % 10 == 0\n",
        ),
        (
            "def valid(text):\n    total = 0\n    for place, char in enumerate(text):\n        digit = int(char)\n"
            "        if place % 2:\n            digit = digit * 2 - 9 * (digit > 4)\n        total += digit\n"
            "    return total % 10 == 0\n",
        ),
        (("79927398713",), ("12345",), ("18",)),
        'def generate(rng):\n    body = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 9)))\n'
        "    total = sum(int(c) if i % 2 else int(c) * 2 - 9 * (int(c) > 4) for i, c in enumerate(reversed(body)))\n"
        "    return [body + str(-total % 10 if rng.random() < 0.6 else rng.randint(0, 9))]\n",
    ),
)  # fmt: skip

_TRAITS = {
    "parcel": frozenset(("table", "cases")),
    "months": frozenset(("table", "cases")),
    "call": frozenset(("cases",)),
    "luhn": frozenset(("table",)),
    "partitions": frozenset(("cache",)),
}


def problems() -> list[Problem]:
    """Return all problems."""
    return [replace(function(*row), traits=_TRAITS.get(row[0], frozenset())) for row in _ROWS]
