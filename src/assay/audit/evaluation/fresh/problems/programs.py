"""Programs from standard input to standard output in the fresh half."""

import random

from assay.audit.evaluation.problems.problem import Problem
from assay.audit.evaluation.problems.stdio import Row, program


def _message(rng: random.Random) -> str:
    words = " ".join("".join(rng.choice("abyzkm") for _ in range(rng.randint(2, 5))) for _ in range(rng.randint(2, 3)))
    return f"{rng.randint(1, 60)}\n{words.capitalize()}!\n"


def _shifted(text: str) -> str:
    key, line = text.splitlines()

    def moved(char: str) -> str:
        first = ord("a") if char.islower() else ord("A")
        return chr((ord(char) - first + int(key)) % 26 + first) if char.isalpha() else char

    return "".join(map(moved, line)) + "\n"


def _visits(rng: random.Random) -> str:
    rows = []
    for _ in range(rng.randint(2, 6)):
        start = rng.randint(0, 12)
        rows.append(f"{start} {start + rng.randint(1, 6)}\n")
    return f"{len(rows)}\n{''.join(rows)}"


def _busiest(text: str) -> str:
    rows = [tuple(map(int, line.split())) for line in text.splitlines()[1:]]
    return f"{max(sum(start <= hour < end for start, end in rows) for hour in range(20))}\n"


def _points(rng: random.Random) -> str:
    rows = [f"{rng.choice(('ann', 'ben', 'cat', 'dov'))} {rng.randint(1, 9)}\n" for _ in range(rng.randint(3, 8))]
    return "".join(rows)


def _ranking(text: str) -> str:
    totals: dict[str, int] = {}
    for line in text.splitlines():
        name, points = line.split()
        totals[name] = totals.get(name, 0) + int(points)
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{name} {points}\n" for name, points in ordered)


def _number(rng: random.Random) -> str:
    return f"{rng.randint(-300, 900)} {rng.randint(2, 16)}\n"


def _in_base(text: str) -> str:
    number, base = map(int, text.split())
    rest, out = abs(number), ""
    while rest:
        rest, digit = divmod(rest, base)
        out = "0123456789abcdef"[digit] + out
    return f"{'-' if number < 0 else ''}{out or '0'}\n"


_ROWS: tuple[Row, ...] = (
    (
        "shift", "main.py reads a key and a line, and prints the line with every letter moved on by the key in the "
        "alphabet, round from z to a; capitals stay capitals, other characters stay as they are.", _shifted, _message,
        ("key = int(input())\nout = []\nfor c in input():\n    if c.isalpha():\n        base = 97 if "
         "c.islower() else 65\n"
         "        c = chr((ord(c) - base + key) % 26 + base)\n    out.append(c)\nprint(''.join(out))\n",
         "import sys\nfrom string import ascii_lowercase as low, ascii_uppercase as up\n\n"
         "key, line = sys.stdin.read().splitlines()\nk = int(key) % 26\n"
         "table = str.maketrans(low + up, low[k:] + low[:k] + up[k:] + up[:k])\nprint(line.translate(table))\n"),
        ("key = int(input())\nprint(''.join(chr((ord(c.lower()) - 97 + key) % 26 + 97) if c.isalpha() else c "
         "for c in input()))\n",),
    ),
    (
        "visits", "main.py reads n and n lines with the hour of arrival and of departure, and prints how many visitors "
        "there are at most at a time; one who leaves when another comes does not meet that one.", _busiest, _visits,
        ("rows = [tuple(map(int, input().split())) for _ in range(int(input()))]\n"
         "print(max(sum(a <= start < b for a, b in rows) for start, _ in rows))\n",
         "import sys\n\nnumbers = list(map(int, sys.stdin.read().split()))[1:]\n"
         "events = sorted([(t, 1) for t in numbers[::2]] + [(t, -1) for t in numbers[1::2]])\n"
         "now = most = 0\nfor _, step in events:\n    now += step\n    most = max(most, now)\nprint(most)\n"),
        ("rows = [tuple(map(int, input().split())) for _ in range(int(input()))]\n"
         "print(max(sum(a <= end <= b for a, b in rows) for _, end in rows))\n",),
    ),
    (
        "ranking", "main.py reads lines with a name and points until the end, and prints each name with its sum of "
        "points, the highest first, equal ones by name.", _ranking, _points,
        ("import sys\nfrom collections import Counter\n\nsums = Counter()\nfor line in sys.stdin:\n"
         "    name, points = line.split()\n    sums[name] += int(points)\n"
         "for name, points in sorted(sums.items(), key=lambda one: (-one[1], one[0])):\n    print(name, points)\n",
         "sums = {}\nwhile True:\n    try:\n        name, points = input().split()\n    except EOFError:\n      "
         "  break\n"
         "    sums[name] = sums.get(name, 0) + int(points)\n"
         "for points, name in sorted((-p, n) for n, p in sums.items()):\n    print(name, -points)\n"),
        ("import sys\n\nrows = [line.split() for line in sys.stdin]\nbest = {}\nfor name, points in rows:\n"
         "    best[name] = max(best.get(name, 0), int(points))\n"
         "for name, points in sorted(best.items(), key=lambda one: (-one[1], one[0])):\n    print(name, points)\n",),
    ),
    (
        "base", "main.py reads a whole number and a base from 2 to 16, and prints the number in that base, in small "
        "letters where digits need them.", _in_base, _number,
        ("n, base = map(int, input().split())\ndigits = '0123456789abcdef'\nsign = '-' if n < 0 else ''\nn = abs(n)\n"
         "out = digits[n % base]\nwhile n >= base:\n    n //= base\n    out = digits[n % base] + out\n"
         "print(sign + out)\n",
         "def text(n, base):\n    if n < 0:\n        return '-' + text(-n, base)\n"
         "    last = '0123456789abcdef'[n % base]\n    return last if n < base else text(n // base, base) + last\n\n\n"
         "print(text(*map(int, input().split())))\n"),
        ("n, base = map(int, input().split())\nout = ''\nwhile n > 0:\n    out = str(n % base) + out\n    n //= base\n"
         "print(out or 0)\n",),
    ),
)  # fmt: skip


def problems(seed: int) -> list[Problem]:
    """Return all problems; the seed draws their inputs."""
    return [program(row, random.Random(f"second fresh stdio:{row[0]}:{seed}")) for row in _ROWS]
