"""Functions to write in the fresh half."""

from typing import Any

from assay.audit.evaluation.problems.functions import function
from assay.audit.evaluation.problems.problem import Problem

# name, instruction, right texts, wrong texts, examples (arguments), generator of inputs
_Row = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[tuple[Any, ...], ...], str]
_ROWS: tuple[_Row, ...] = (
    (
        "compass",
        "Write compass(degrees) in mod.py: the nearest of the eight directions N, NE, E, SE, S, SW, W, NW to a bearing "
        "in whole degrees, which may be negative or above 360.",
        (
            'NAMES = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]\n\n\ndef compass(degrees):\n'
            "    return NAMES[(2 * (degrees % 360) + 45) // 90 % 8]\n",
            'def compass(degrees):\n    degrees %= 360\n    names = "N NE E SE S SW W NW N".split()\n'
            "    for place, name in enumerate(names):\n        if 2 * abs(degrees - 45 * place) <= 45:\n"
            "            return name\n    raise AssertionError(degrees)\n",
        ),
        (
            'NAMES = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]\n\n\ndef compass(degrees):\n'
            "    return NAMES[degrees % 360 // 45]\n",
        ),
        ((0,), (100,), (-30,)),
        "def generate(rng):\n    return [rng.choice((rng.randint(-400, 800), 45 * rng.randint(0, 9) + 40))]\n",
    ),
    (
        "tax",
        "Write tax(income) in mod.py: nothing on the first 12000, 20 in the hundred on what is above that up to 50000, "
        "and 40 in the hundred on the rest, rounded down to whole units.",
        (
            "def tax(income):\n    middle = max(0, min(income, 50000) - 12000)\n    top = max(0, income - 50000)\n"
            "    return (20 * middle + 40 * top) // 100\n",
            "BANDS = ((12000, 50000, 20), (50000, None, 40))\n\n\ndef tax(income):\n    owed = 0\n"
            "    for low, high, rate in BANDS:\n        if income > low:\n"
            "            part = (income if high is None else min(income, high)) - low\n            owed += part "
            "* rate\n"
            "    return owed // 100\n",
        ),
        (
            "def tax(income):\n    if income <= 12000:\n        return 0\n    if income <= 50000:\n"
            "        return (income - 12000) * 20 // 100\n    return (income - 12000) * 40 // 100\n",
        ),
        ((11000,), (30000,), (61234,)),
        "def generate(rng):\n    return [rng.choice((rng.randint(0, 20000), rng.randint(50001, 120000)))]\n",
    ),
    (
        "rails",
        "Write encode(text, rails) in mod.py: the rail fence cipher. The characters are written down and up over the "
        "rails in a zigzag, then read rail by rail.",
        (
            "def encode(text, rails):\n    if rails < 2:\n        return text\n    lines = [[] for _ in range(rails)]\n"
            "    row, step = 0, 1\n    for char in text:\n        lines[row].append(char)\n"
            "        if row + step in (-1, rails):\n            step = -step\n        row += step\n"
            '    return "".join("".join(line) for line in lines)\n',
            "def encode(text, rails):\n    period = max(1, 2 * rails - 2)\n"
            "    key = lambda place: min(place % period, period - place % period)\n"
            '    return "".join(text[place] for place in sorted(range(len(text)), key=key))\n',
        ),
        ('def encode(text, rails):\n    return "".join(text[start::rails] for start in range(rails))\n',),
        (("WEAREFOUND", 3), ("abc", 1), ("harbour", 2)),
        'def generate(rng):\n    text = "".join(rng.choice("abcdefghij") for _ in range(rng.randint(4, 16)))\n'
        "    return [text, rng.randint(3, 5)]\n",
    ),
    (
        "coins",
        "Write fewest(amount, kinds) in mod.py: the smallest number of coins of these kinds that make the amount, -1 "
        "where none do. Every kind may be used as often as is needed.",
        (
            "def fewest(amount, kinds):\n    best = [0] + [None] * amount\n    for sum_ in range(1, amount + 1):\n"
            "        options = [best[sum_ - kind] for kind in kinds if kind <= sum_ and best[sum_ - kind] is "
            "not None]\n"
            "        if options:\n            best[sum_] = min(options) + 1\n"
            "    return -1 if best[amount] is None else best[amount]\n",
            "def fewest(amount, kinds):\n    reached, seen, count = {0}, {0}, 0\n    while reached:\n"
            "        if amount in reached:\n            return count\n"
            "        reached = {sum_ + kind for sum_ in reached for kind in kinds if sum_ + kind <= amount} - seen\n"
            "        seen |= reached\n        count += 1\n    return -1\n",
        ),
        (
            "def fewest(amount, kinds):\n    count = 0\n    for kind in sorted(kinds, reverse=True):\n"
            "        count += amount // kind\n        amount %= kind\n    return -1 if amount else count\n",
        ),
        ((11, [1, 2, 5]), (3, [2]), (0, [7])),
        "def generate(rng):\n    return [rng.randint(5, 60), rng.choice(([1, 4, 6], [3, 7, 10], [4, 9], [1, 5, 8]))]\n",
    ),
    (
        "versions",
        "Write newer(a, b) in mod.py: whether version a is newer than version b. Versions are numbers with dots, where "
        "missing numbers are 0, and may end in -rc1, -rc2 and so on, which come before the version without it.",
        (
            'def _key(version):\n    core, _, candidate = version.partition("-rc")\n'
            '    numbers = [int(part) for part in core.split(".")]\n    while numbers and numbers[-1] == 0:\n'
            '        numbers.pop()\n    return numbers, int(candidate) if candidate else float("inf")\n\n\n'
            "def newer(a, b):\n    return _key(a) > _key(b)\n",
            "import re\n\n\ndef _parts(version):\n"
            '    found = re.fullmatch(r"([\\d.]+)(?:-rc(\\d+))?", version)\n'
            '    numbers = tuple(map(int, found[1].split(".")))\n    numbers += (0,) * (6 - len(numbers))\n'
            "    return numbers + ((0, int(found[2])) if found[2] else (1, 0))\n\n\n"
            "def newer(a, b):\n    return _parts(a) > _parts(b)\n",
        ),
        ("def newer(a, b):\n    return a > b\n",),
        (("1.10", "1.9"), ("2.0-rc1", "2.0"), ("1.0", "1")),
        "def generate(rng):\n    def one():\n        text = '.'.join(str(rng.choice((0, 1, 9, 10))) for _ in "
        "range(rng.randint(1, 3)))\n        return text + rng.choice(('', '', '-rc1', '-rc10', '-rc2'))\n"
        "    return [one(), one()]\n",
    ),
    (
        "bins",
        "Write bins(xs, width) in mod.py: a list of [start, count] for the intervals of that width from 0 on that hold "
        "a number of xs, in order; start is the multiple of width at which the interval begins.",
        (
            "def bins(xs, width):\n    counts = {}\n    for x in xs:\n        start = x // width * width\n"
            "        counts[start] = counts.get(start, 0) + 1\n    return [[start, counts[start]] for start in "
            "sorted(counts)]\n",
            "from itertools import groupby\n\n\ndef bins(xs, width):\n"
            "    grouped = groupby(sorted(xs), key=lambda x: x - x % width)\n"
            "    return [[start, len(list(group))] for start, group in grouped]\n",
        ),
        (
            "def bins(xs, width):\n    counts = {}\n    for x in xs:\n        start = int(x / width) * width\n"
            "        counts[start] = counts.get(start, 0) + 1\n    return [list(item) for item in counts.items()]\n",
        ),
        (([3, 4, 11], 5), ([], 2), ([0, 9, 10], 10)),
        "def generate(rng):\n    return [[rng.randint(-20, 60) for _ in range(rng.randint(3, 9))], "
        "rng.randint(2, 9)]\n",
    ),
)  # fmt: skip


def problems() -> list[Problem]:
    """Return all problems."""
    return [function(*row) for row in _ROWS]
