"""Benchmark `functions`: a function to write from its description, graded on fresh inputs; examples are shown."""

import json

from assay.audit.evaluation.problems.problem import Problem, make_task
from assay.nouns import GraderSpec

# name, instruction, right texts, wrong texts, examples (arguments, result), generator of inputs
_ROWS = (
    (
        "roman",
        "Write roman(n) in mod.py: the Roman numeral of a whole number from 1 to 3999.",
        (
            'PARTS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),\n'
            '         (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]\n\n\n'
            'def roman(n):\n    out = ""\n    for value, sign in PARTS:\n        while n >= value:\n'
            "            out += sign\n            n -= value\n    return out\n",
            'def roman(n):\n    ones = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]\n'
            '    tens = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"]\n'
            '    hundreds = ["", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"]\n'
            '    return "M" * (n // 1000) + hundreds[n // 100 % 10] + tens[n // 10 % 10] + ones[n % 10]\n',
        ),
        (
            'def roman(n):\n    out = ""\n    for value, sign in [(1000, "M"), (500, "D"), (100, "C"), (50, "L"),'
            ' (10, "X"), (5, "V"), (1, "I")]:\n        out += sign * (n // value)\n        n %= value\n'
            '    return out\n',
        ),
        ((1994,), (8,), (49,)),
        "def generate(rng):\n    return [rng.randint(1, 3999)]\n",
    ),
    (
        "collatz",
        "Write steps(n) in mod.py: how many times n must be halved (if even) or tripled plus one (if odd) to reach 1.",
        (
            "def steps(n):\n    count = 0\n    while n != 1:\n        n = n // 2 if n % 2 == 0 else 3 * n + 1\n"
            "        count += 1\n    return count\n",
            "import functools\n\n\n@functools.lru_cache(maxsize=None)\ndef steps(n):\n    if n == 1:\n"
            "        return 0\n    return 1 + steps(n // 2 if n % 2 == 0 else 3 * n + 1)\n",
        ),
        (
            "def steps(n):\n    count = 1\n    while n > 1:\n        n = n // 2 if n % 2 == 0 else 3 * n + 1\n"
            "        count += 1\n    return count\n",
        ),
        ((1,), (6,), (27,)),
        "def generate(rng):\n    return [rng.randint(1, 5000)]\n",
    ),
    (
        "runs",
        "Write runs(text) in mod.py: the list of (character, length) of the runs of equal characters in text.",
        (
            "from itertools import groupby\n\n\ndef runs(text):\n"
            "    return [(char, len(list(group))) for char, group in groupby(text)]\n",
            "def runs(text):\n    found = []\n    for char in text:\n        if found and found[-1][0] == char:\n"
            "            found[-1] = (char, found[-1][1] + 1)\n        else:\n            found.append((char, 1))\n"
            "    return found\n",
        ),
        ("def runs(text):\n    return [(char, text.count(char)) for char in dict.fromkeys(text)]\n",),
        (("aab",), ("",), ("xyyyx",)),
        'def generate(rng):\n    return ["".join(rng.choice("abc") for _ in range(rng.randint(0, 12)))]\n',
    ),
    (
        "spiral",
        "Write spiral(rows) in mod.py: the cells of a rectangular grid from its first one round and inward, clockwise.",
        (
            "def spiral(rows):\n    rows = [list(row) for row in rows]\n    out = []\n    while rows:\n"
            "        out += rows.pop(0)\n        rows = [list(row) for row in zip(*rows)][::-1]\n    return out\n",
            "def spiral(rows):\n    seen, out = set(), []\n    if not rows or not rows[0]:\n        return out\n"
            "    r, c, dr, dc = 0, 0, 0, 1\n    for _ in range(len(rows) * len(rows[0])):\n"
            "        out.append(rows[r][c])\n        seen.add((r, c))\n        nr, nc = r + dr, c + dc\n"
            "        if not (0 <= nr < len(rows) and 0 <= nc < len(rows[0])) or (nr, nc) in seen:\n"
            "            dr, dc = dc, -dr\n            nr, nc = r + dr, c + dc\n        r, c = nr, nc\n"
            "    return out\n",
        ),
        ("def spiral(rows):\n    return [cell for row in rows for cell in row]\n",),
        (([[1, 2], [4, 3]],), ([[1, 2, 3], [4, 5, 6]],)),
        "def generate(rng):\n    w = rng.randint(1, 5)\n"
        "    return [[[rng.randint(0, 9) for _ in range(w)] for _ in range(rng.randint(1, 5))]]\n",
    ),
    (
        "digits",
        "Write digit_root(n, base) in mod.py: add up the digits of n in that base, again and again until one is left.",
        (
            "def digit_root(n, base):\n    while n >= base:\n        total = 0\n        while n:\n"
            "            total += n % base\n            n //= base\n        n = total\n    return n\n",
            "def digit_root(n, base):\n    return 0 if n == 0 else 1 + (n - 1) % (base - 1)\n",
        ),
        ("def digit_root(n, base):\n    return n % (base - 1)\n",),
        ((9875, 10), (255, 16), (7, 3)),
        "def generate(rng):\n    base = rng.randint(3, 16)\n"
        "    return [rng.randint(1, 10**5) * rng.choice((1, base - 1)), base]\n",
    ),
    (
        "bracket",
        "Write balanced(text) in mod.py: whether the brackets ()[]{} in text close in the right order.",
        (
            'def balanced(text):\n    pairs = {")": "(", "]": "[", "}": "{"}\n    stack = []\n    for char in text:\n'
            "        if char in pairs.values():\n            stack.append(char)\n        elif char in pairs and "
            "(not stack or stack.pop() != pairs[char]):\n            return False\n    return not stack\n",
        ),
        (
            'def balanced(text):\n    return all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))\n',
        ),
        (("([]{})",), ("(]",), (")(",)),
        'def generate(rng):\n    pairs = [rng.choice(("()", "[]", "{}")) for _ in range(rng.randint(1, 3))]\n'
        '    text = list("".join(pairs))\n    if rng.random() < 0.7:\n        rng.shuffle(text)\n'
        '    return ["".join(text)]\n',
    ),
)  # fmt: skip


def problems(seed: int) -> list[Problem]:
    """Return all problems; the seed changes nothing here."""
    return [function(*row) for row in _ROWS]


def function(
    name: str,
    instruction: str,
    right: tuple[str, ...],
    wrong: tuple[str, ...],
    arguments: tuple[tuple[object, ...], ...],
    generator: str,
) -> Problem:
    """Return a problem from its texts: `generator` draws inputs, on which the first right text says what is right."""
    entry = instruction.split("(")[0].split()[-1]
    namespace: dict[str, object] = {}
    exec(right[0], namespace)  # our own text above, never a candidate's
    reference = namespace[entry]
    assert callable(reference)
    examples = tuple((repr(given), repr(reference(*given))) for given in arguments)
    shown = [{"args": list(given), "returns": reference(*given)} for given in arguments]
    check = (
        "import json\nimport mod\n\nfor row in json.load(open('examples.json')):\n"
        f"    got = mod.{entry}(*row['args'])\n"
        "    print('ok' if json.loads(json.dumps(got)) == row['returns'] else f\"wrong: {row} gave {got!r}\")\n"
    )
    task = make_task(
        "functions",
        name,
        f"{instruction} examples.json has some examples, check.py tries them.",
        {"mod.py": f"def {entry}(*args):\n    raise NotImplementedError\n", "check.py": check,
         "examples.json": json.dumps(shown, indent=1) + "\n"},
        ("mod.py",),
        {"mod.py": right[0]},
        GraderSpec(
            kind="functions",
            data={
                "path": "mod.py",
                "entry": entry,
                "cases": [],
                "canaries": [],
                "generators": [{"id": "fresh", "source": generator, "count": 24}],
                "reference": {"source": right[0], "entry": entry},
                "timeout_s": 10.0,
            },
        ),
    )  # fmt: skip
    return Problem("functions", task, "mod.py", entry, right, wrong, examples, "python check.py", "examples.json")
