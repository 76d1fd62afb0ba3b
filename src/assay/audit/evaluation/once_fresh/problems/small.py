"""Drills, timed functions and tasks with a checking script in the once-fresh half."""

from dataclasses import replace

from assay.audit.evaluation.problems.command import checked
from assay.audit.evaluation.problems.drills import drill
from assay.audit.evaluation.problems.problem import LIMITS, Problem
from assay.audit.evaluation.problems.timing import timed
from assay.tasks import drills as drawn

_DRILLS = 12
_COMMANDS = (
    (
        "wrap", "Write wrap(text, width) in mod.py: the words of text in lines of at most width characters, each line "
        "as full as can be; a word that is longer has a line for itself.", "wrap",
        "def wrap(text, width):\n    lines = []\n    for word in text.split():\n"
        "        if lines and len(lines[-1]) + 1 + len(word) <= width:\n            lines[-1] += ' ' + word\n"
        "        else:\n            lines.append(word)\n    return lines\n",
        "def wrap(text, width):\n    return [text[i:i + width] for i in range(0, len(text), width)]\n",
        (("('low tide at noon', 8)", "['low tide', 'at noon']"), ("('a bb', 1)", "['a', 'bb']")),
        "assert wrap('low tide at noon', 8) == ['low tide', 'at noon']\nassert wrap('', 5) == []\n"
        "assert wrap('one two three four', 9) == ['one two', 'three', 'four']\n"
        "assert wrap('harbour at dawn', 4) == ['harbour', 'at', 'dawn']\n",
    ),
    (
        "grade", "Write grade(points) in mod.py: 'A' from 90, 'B' from 75, 'C' from 60, else 'F'; 'absent' for None.",
        "grade",
        "LIMITS = ((90, 'A'), (75, 'B'), (60, 'C'))\n\n\ndef grade(points):\n    if points is None:\n"
        "        return 'absent'\n    return next((letter for least, letter in LIMITS if points >= least), 'F')\n",
        "def grade(points):\n    return 'A' if points > 90 else 'B' if points > 75 else 'C' if points > 60 else 'F'\n",
        (("(91,)", "'A'"), ("(12,)", "'F'")),
        "assert grade(90) == 'A'\nassert grade(89) == 'B'\nassert grade(75) == 'B'\nassert grade(60) == 'C'\n"
        "assert grade(0) == 'F'\nassert grade(None) == 'absent'\n",
    ),
    (
        "rotate", "Write rotate(xs, steps) in mod.py: the list xs moved by steps places to the right, those that fall "
        "off come first; steps may be negative or large.", "rotate",
        "def rotate(xs, steps):\n    if not xs:\n        return []\n    cut = -steps % len(xs)\n"
        "    return xs[cut:] + xs[:cut]\n",
        "def rotate(xs, steps):\n    return xs[-steps:] + xs[:-steps]\n",
        (("([1, 2, 3], 1)", "[3, 1, 2]"), ("([4, 5], 2)", "[4, 5]")),
        "assert rotate([1, 2, 3], 1) == [3, 1, 2]\nassert rotate([1, 2, 3], -1) == [2, 3, 1]\n"
        "assert rotate([1, 2, 3], 7) == [3, 1, 2]\nassert rotate([], 2) == []\n",
    ),
)  # fmt: skip
# name, what it says, slow, fast, generator of inputs, example and its result, right and hardly faster
_TIMED = (
    (
        "inversions", "inversions(xs) in mod.py counts the pairs of places whose values are in falling order.",
        "def inversions(xs):\n    count = 0\n    for i in range(len(xs)):\n        for j in range(i + 1, len(xs)):\n"
        "            if xs[i] > xs[j]:\n                count += 1\n    return count\n",
        "from bisect import bisect_right, insort\n\n\ndef inversions(xs):\n    seen = []\n    count = 0\n"
        "    for x in xs:\n        count += len(seen) - bisect_right(seen, x)\n        insort(seen, x)\n"
        "    return count\n",
        "def generate(rng):\n    return [[rng.randrange(500) for _ in range(1200)]]\n",
        "([3, 1, 2],)", "2",
        "def inversions(xs):\n    count = 0\n    for i, x in enumerate(xs):\n        for j in range(i + 1, len(xs)):\n"
        "            if x > xs[j]:\n                count = count + 1\n    return count\n",
    ),
    (
        "climbs", "climbs(n) in mod.py counts the ways up n stairs by steps of one or two.",
        "def climbs(n):\n    if n < 2:\n        return 1\n    return climbs(n - 1) + climbs(n - 2)\n",
        "from functools import lru_cache\n\n\n@lru_cache(maxsize=None)\ndef climbs(n):\n    if n < 2:\n"
        "        return 1\n    return climbs(n - 1) + climbs(n - 2)\n",
        "def generate(rng):\n    return [rng.randint(26, 28)]\n",
        "(4,)", "5",
        "def climbs(n):\n    if n <= 1:\n        return 1\n    return climbs(n - 2) + climbs(n - 1)\n",
    ),
    (
        "counts", "counts(words) in mod.py returns the words with their numbers, in the order of first appearance.",
        "def counts(words):\n    out = []\n    for word in words:\n        if word not in [w for w, _ in out]:\n"
        "            out.append((word, words.count(word)))\n    return out\n",
        "from collections import Counter\n\n\ndef counts(words):\n    return list(Counter(words).items())\n",
        "def generate(rng):\n    return [['w' + str(rng.randrange(700)) for _ in range(2500)]]\n",
        "(['b', 'a', 'b'],)", "[('b', 2), ('a', 1)]",
        "def counts(words):\n    out = []\n    for word in words:\n        if word not in [pair[0] for pair in out]:\n"
        "            out.append((word, words.count(word)))\n    return out\n",
    ),
)  # fmt: skip


def drills(seed: int) -> list[Problem]:
    """Return drills of templates that the older halves do not have."""
    return [drill(task.model_copy(update={"limits": LIMITS})) for task in drawn.load("unseen", _DRILLS, seed)]


def commands() -> list[Problem]:
    """Return the tasks that a script of their own checks."""
    return [checked(*row) for row in _COMMANDS]


def timed_functions() -> list[Problem]:
    """Return the functions to make faster."""
    found = [timed(*row[:-1], dull=row[-1]) for row in _TIMED]
    return [replace(one, traits=frozenset(("cache",))) if "lru_cache" in one.right[0] else one for one in found]
