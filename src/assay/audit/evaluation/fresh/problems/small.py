"""Drills, timed functions and tasks with a checking script in the fresh half."""

from assay.audit.evaluation.problems.command import checked
from assay.audit.evaluation.problems.drills import drill
from assay.audit.evaluation.problems.problem import LIMITS, Problem
from assay.audit.evaluation.problems.timing import timed
from assay.tasks import drills as drawn

_DRILLS = 14
_COMMANDS = (
    (
        "chunk", "Write chunk(xs, size) in mod.py: the list xs in lists of size values, the last one with what is "
        "left; a ValueError where size is below 1.", "chunk",
        "def chunk(xs, size):\n    if size < 1:\n        raise ValueError('size must be at least 1')\n"
        "    return [xs[at:at + size] for at in range(0, len(xs), size)]\n",
        "def chunk(xs, size):\n    return [xs[at:at + size] for at in range(0, len(xs) - size + 1, size)]\n",
        (("([1, 2, 3, 4], 2)", "[[1, 2], [3, 4]]"), ("([], 3)", "[]")),
        "assert chunk([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]\nassert chunk([1, 2, 3], 2) == [[1, 2], [3]]\n"
        "assert chunk([7], 9) == [[7]]\nassert chunk([], 1) == []\ntry:\n    chunk([1], 0)\n"
        "except ValueError:\n    pass\nelse:\n    raise AssertionError('no ValueError')\n",
    ),
    (
        "short", "Write short(n) in mod.py: a whole number as people write it: below 1000 as it is, from there in "
        "thousands with one digit after the dot and a k, from 1000000 on in millions with an M; cut, not rounded, and "
        "without a .0 at the end.", "short",
        "def short(n):\n    for unit, letter in ((10**6, 'M'), (10**3, 'k')):\n        if n >= unit:\n"
        "            tenths = n * 10 // unit\n"
        "            text = f'{tenths // 10}.{tenths % 10}'.removesuffix('.0')\n"
        "            return text + letter\n    return str(n)\n",
        "def short(n):\n    if n >= 1000:\n        return f'{n / 1000:.1f}k'\n    return str(n)\n",
        (("(1500,)", "'1.5k'"), ("(42,)", "'42'")),
        "assert short(999) == '999'\nassert short(1000) == '1k'\nassert short(1999) == '1.9k'\n"
        "assert short(2500000) == '2.5M'\nassert short(999999) == '999.9k'\nassert short(7000000) == '7M'\n",
    ),
    (
        "merge", "Write merge(a, b) in mod.py: two sorted lists as one sorted list, of equal values those of a first.",
        "merge",
        "def merge(a, b):\n    out, i, j = [], 0, 0\n    while i < len(a) and j < len(b):\n"
        "        if b[j] < a[i]:\n            out.append(b[j])\n            j += 1\n        else:\n"
        "            out.append(a[i])\n            i += 1\n    return out + a[i:] + b[j:]\n",
        "def merge(a, b):\n    out = []\n    for x, y in zip(a, b):\n        out += [min(x, y), max(x, y)]\n"
        "    return out\n",
        (("([1, 3], [2, 4])", "[1, 2, 3, 4]"), ("([], [])", "[]")),
        "assert merge([1, 3], [2, 4]) == [1, 2, 3, 4]\nassert merge([5], [1, 2, 3]) == [1, 2, 3, 5]\n"
        "got = merge([1, 2.0], [2, 8])\nassert got == [1, 2, 2, 8] and isinstance(got[1], float)\n"
        "assert merge([], [4]) == [4]\n",
    ),
)  # fmt: skip
# name, what it says, slow, fast, generator of inputs, example and its result, right and hardly faster
_TIMED = (
    (
        "moving", "moving(xs, k) in mod.py returns the sums of all k neighbours of a list, from left to right.",
        "def moving(xs, k):\n    out = []\n    for start in range(len(xs) - k + 1):\n        total = 0\n"
        "        for place in range(start, start + k):\n            total += xs[place]\n        out.append(total)\n"
        "    return out\n",
        "from itertools import accumulate\n\n\ndef moving(xs, k):\n    sums = [0, *accumulate(xs)]\n"
        "    return [after - before for before, after in zip(sums, sums[k:])]\n",
        "def generate(rng):\n    return [[rng.randrange(900) for _ in range(4000)], rng.randint(200, 300)]\n",
        "([1, 2, 3, 4], 2)", "[3, 5, 7]",
        "def moving(xs, k):\n    out = []\n    for start in range(len(xs) - k + 1):\n        total = 0\n"
        "        for place in range(k):\n            total = total + xs[start + place]\n        out.append(total)\n"
        "    return out\n",
    ),
    (
        "spread", "spread(xs) in mod.py adds up the differences of all pairs of a list, each as a positive number.",
        "def spread(xs):\n    total = 0\n    for i in range(len(xs)):\n        for j in range(i):\n"
        "            total += abs(xs[i] - xs[j])\n    return total\n",
        "def spread(xs):\n    ordered = sorted(xs)\n    last = len(ordered) - 1\n"
        "    return sum((2 * place - last) * x for place, x in enumerate(ordered))\n",
        "def generate(rng):\n    return [[rng.randrange(10**6) for _ in range(1100)]]\n",
        "([4, 1, 2],)", "6",
        "def spread(xs):\n    total = 0\n    for i, x in enumerate(xs):\n        for j in range(i):\n"
        "            total = total + abs(x - xs[j])\n    return total\n",
    ),
    (
        "shared", "shared(xs, ys) in mod.py counts the different values that two lists have in common.",
        "def shared(xs, ys):\n    found = []\n    for x in xs:\n        if x in ys and x not in found:\n"
        "            found.append(x)\n    return len(found)\n",
        "def shared(xs, ys):\n    return len(set(xs) & set(ys))\n",
        "def generate(rng):\n    return [[rng.randrange(9000) for _ in range(1800)] for _ in range(2)]\n",
        "([1, 2, 2, 5], [2, 5, 9])", "2",
        "def shared(xs, ys):\n    found = []\n    for x in xs:\n        if x not in found and x in ys:\n"
        "            found = [*found, x]\n    return len(found)\n",
    ),
)  # fmt: skip


def drills(seed: int) -> list[Problem]:
    """Return drills of a split that no older half has."""
    return [drill(task.model_copy(update={"limits": LIMITS})) for task in drawn.load("seen", _DRILLS, seed)]


def commands() -> list[Problem]:
    """Return the tasks that a script of their own checks."""
    return [checked(*row) for row in _COMMANDS]


def timed_functions() -> list[Problem]:
    """Return the functions to make faster."""
    return [timed(*row[:-1], dull=row[-1]) for row in _TIMED]
