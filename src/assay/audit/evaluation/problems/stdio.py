"""Benchmark `stdio`: a program that reads a text and prints one, with two examples in a folder."""

import random
from collections.abc import Callable
from itertools import pairwise

from assay.audit.evaluation.problems.problem import Problem, make_task
from assay.nouns import GraderSpec

_CHECK = (
    'for f in examples/*.in; do python main.py < "$f" | diff -q - "${f%.in}.out" > /dev/null'
    ' && echo "ok $f" || echo "wrong $f"; done'
)


def _numbers(rng: random.Random) -> str:
    xs = [rng.randint(-50, 50) for _ in range(rng.randint(1, 9))]
    return f"{len(xs)}\n{' '.join(map(str, xs))}\n"


def _words(rng: random.Random) -> str:
    words = [rng.choice(("tide", "oar", "sail", "keel", "mast")) for _ in range(rng.randint(1, 9))]
    return " ".join(words) + "\n"


def _pair(rng: random.Random) -> str:
    return f"{rng.randint(1, 400)} {rng.randint(1, 400)}\n"


_Solver = Callable[[str], str]


def _largest_gap(text: str) -> str:
    xs = sorted(map(int, text.split()[1:]))
    return f"{max((b - a for a, b in pairwise(xs)), default=0)}\n"


def _most_common(text: str) -> str:
    words = text.split()
    return min(set(words), key=lambda word: (-words.count(word), word)) + "\n"


def _shared(text: str) -> str:
    a, b = map(int, text.split())
    return f"{sum(a % d == 0 and b % d == 0 for d in range(1, min(a, b) + 1))}\n"


def _best_sum(text: str) -> str:
    best = here = None
    for x in map(int, text.split()[1:]):
        here = x if here is None or here < 0 else here + x
        best = here if best is None else max(best, here)
    return f"{best}\n"


Row = tuple[str, str, _Solver, Callable[[random.Random], str], tuple[str, ...], tuple[str, ...]]
_ROWS: tuple[Row, ...] = (
    (
        "gap", "main.py reads n and n whole numbers and prints the largest gap between neighbours when they are sorted,"
        " 0 for one number.", _largest_gap, _numbers,
        ("import sys\n\nxs = sorted(map(int, sys.stdin.read().split()[1:]))\n"
         "print(max((b - a for a, b in zip(xs, xs[1:])), default=0))\n",
         "n = int(input())\nvalues = sorted(int(word) for word in input().split())\nbest = 0\n"
         "for i in range(1, n):\n    best = max(best, values[i] - values[i - 1])\nprint(best)\n"),
        ("n = int(input())\nxs = list(map(int, input().split()))\n"
         "print(max((abs(b - a) for a, b in zip(xs, xs[1:])), default=0))\n",),
    ),
    (
        "common", "main.py reads words and prints the most frequent one, the first in the alphabet where several are.",
        _most_common, _words,
        ("from collections import Counter\n\ncounts = Counter(input().split())\n"
         "print(min(counts, key=lambda word: (-counts[word], word)))\n",
         "words = input().split()\nbest = ''\nfor word in sorted(set(words)):\n"
         "    if not best or words.count(word) > words.count(best):\n        best = word\nprint(best)\n"),
        ("from collections import Counter\n\nprint(Counter(input().split()).most_common(1)[0][0])\n",),
    ),
    (
        "shared", "main.py reads two whole numbers and prints how many divisors they share.", _shared, _pair,
        ("from math import gcd\n\na, b = map(int, input().split())\ng = gcd(a, b)\n"
         "print(sum(g % d == 0 for d in range(1, g + 1)))\n",
         "a, b = map(int, input().split())\ncount = 0\nfor d in range(1, min(a, b) + 1):\n"
         "    if a % d == 0 and b % d == 0:\n        count += 1\nprint(count)\n"),
        ("from math import gcd\n\na, b = map(int, input().split())\nprint(gcd(a, b))\n",),
    ),
    (
        "best", "main.py reads n and n whole numbers and prints the largest sum of one or more neighbours.",
        _best_sum, _numbers,
        ("input()\nbest = here = None\nfor x in map(int, input().split()):\n"
         "    here = x if here is None or here < 0 else here + x\n"
         "    best = here if best is None else max(best, here)\n"
         "print(best)\n",
         "n = int(input())\nxs = list(map(int, input().split()))\n"
         "print(max(sum(xs[i:j]) for i in range(n) for j in range(i + 1, n + 1)))\n"),
        ("input()\nprint(sum(x for x in map(int, input().split()) if x > 0))\n",),
    ),
)  # fmt: skip


def problems(seed: int) -> list[Problem]:
    """Return all problems; the seed draws their inputs."""
    return [program(row, random.Random(f"stdio:{row[0]}:{seed}")) for row in _ROWS]


def program(row: Row, rng: random.Random) -> Problem:
    """Return a problem from a name, an instruction, a solver, a generator of inputs, right and wrong texts."""
    name, instruction, solve, draw, right, wrong = row
    inputs: list[str] = []
    while len(inputs) < 11:
        text = draw(rng)
        if text not in inputs and (len(inputs) > 1 or len(text) > 6):
            inputs.append(text)
    shown, hidden = inputs[:2], inputs[2:]
    files = {"main.py": "print()\n"}
    for number, text in enumerate(shown, 1):
        files[f"examples/{number}.in"], files[f"examples/{number}.out"] = text, solve(text)
    cases = [{"id": f"c{n}", "stdin": text, "stdout": solve(text)} for n, text in enumerate(hidden)]
    canary = {"id": "k", "stdin": draw(rng), "stdout": "914522\n"}
    task = make_task(
        "stdio",
        name,
        f"{instruction} The folder examples has two inputs and what is to be printed for them.",
        files,
        ("main.py",),
        {"main.py": right[0]},
        GraderSpec(kind="stdio", data={"path": "main.py", "timeout_s": 5.0, "cases": cases, "canaries": [canary]}),
    )
    examples = tuple((repr(text), repr(solve(text))) for text in shown)
    return Problem("stdio", task, "main.py", "", right, wrong, examples, _CHECK, "examples/1.out")
