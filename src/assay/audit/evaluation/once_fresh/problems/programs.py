"""Programs from standard input to standard output in the once-fresh half."""

import random

from assay.audit.evaluation.problems.problem import Problem
from assay.audit.evaluation.problems.stdio import Row, program


def _letters(rng: random.Random) -> str:
    return "".join(rng.choice("aabbc") for _ in range(rng.randint(1, 11))) + "\n"


def _packed(text: str) -> str:
    out, word = "", text.strip()
    while word:
        length = len(word) - len(word.lstrip(word[0]))
        out, word = f"{out}{word[0]}{length}", word[length:]
    return out + "\n"


def _list(rng: random.Random) -> str:
    return " ".join(str(rng.randint(1, 9)) for _ in range(rng.randint(1, 8))) + "\n"


def _second(text: str) -> str:
    values = sorted(set(map(int, text.split())))
    return f"{values[-2]}\n" if len(values) > 1 else "none\n"


def _moves(rng: random.Random) -> str:
    return "".join(rng.choice("NNESW") for _ in range(rng.randint(1, 14))) + "\n"


def _distance(text: str) -> str:
    return f"{abs(text.count('N') - text.count('S')) + abs(text.count('E') - text.count('W'))}\n"


def _clock(rng: random.Random) -> str:
    times = [rng.randrange(24 * 60) for _ in range(2)]
    return " ".join(f"{time // 60:02}:{time % 60:02}" for time in times) + "\n"


def _minutes(text: str) -> str:
    start, end = (int(time[:2]) * 60 + int(time[3:]) for time in text.split())
    return f"{(end - start) % (24 * 60)}\n"


_ROWS: tuple[Row, ...] = (
    (
        "packed", "main.py reads a word and prints each run of equal letters as the letter and its length.",
        _packed, _letters,
        ("from itertools import groupby\n\nprint(''.join(f'{k}{len(list(g))}' for k, g in groupby(input())))\n",
         "word = input()\nout, at = '', 0\nwhile at < len(word):\n    end = at\n"
         "    while end < len(word) and word[end] == word[at]:\n        end += 1\n"
         "    out += word[at] + str(end - at)\n    at = end\nprint(out)\n"),
        ("word = input()\nprint(''.join(f'{c}{word.count(c)}' for c in dict.fromkeys(word)))\n",),
    ),
    (
        "second", "main.py reads whole numbers and prints the second largest of the different ones, or none where all "
        "are equal.", _second, _list,
        ("values = sorted(set(map(int, input().split())))\nprint(values[-2] if len(values) > 1 else 'none')\n",
         "first = second = None\nfor value in map(int, input().split()):\n"
         "    if first is None or value > first:\n        first, second = value, first\n"
         "    elif value != first and (second is None or value > second):\n        second = value\n"
         "print('none' if second is None else second)\n"),
        ("values = sorted(map(int, input().split()))\nprint(values[-2] if len(values) > 1 else 'none')\n",),
    ),
    (
        "moves", "main.py reads steps N, E, S and W and prints how many steps the way back takes.", _distance, _moves,
        ("path = input()\nprint(abs(path.count('N') - path.count('S')) + abs(path.count('E') - path.count('W')))\n",
         "STEPS = {'N': (0, 1), 'S': (0, -1), 'E': (1, 0), 'W': (-1, 0)}\nx = y = 0\nfor step in input().strip():\n"
         "    x, y = x + STEPS[step][0], y + STEPS[step][1]\nprint(abs(x) + abs(y))\n"),
        ("path = input()\nprint(max(abs(path.count('N') - path.count('S')), "
         "abs(path.count('E') - path.count('W'))))\n",),
    ),
    (
        "clock", "main.py reads two times of day as HH:MM and prints the minutes from the first to the next time it is "
        "the second.", _minutes, _clock,
        ("def minutes(time):\n    hours, rest = time.split(':')\n    return 60 * int(hours) + int(rest)\n\n\n"
         "start, end = map(minutes, input().split())\nprint((end - start) % 1440)\n",
         "import sys\n\na, b = sys.stdin.read().split()\n"
         "gap = (int(b[:2]) - int(a[:2])) * 60 + int(b[3:]) - int(a[3:])\n"
         "if gap < 0:\n    gap += 24 * 60\nprint(gap)\n"),
        ("a, b = input().split()\nprint(abs((int(b[:2]) - int(a[:2])) * 60 + int(b[3:]) - int(a[3:])))\n",),
    ),
)  # fmt: skip


def problems(seed: int) -> list[Problem]:
    """Return all problems; the seed draws their inputs."""
    return [program(row, random.Random(f"fresh stdio:{row[0]}:{seed}")) for row in _ROWS]
