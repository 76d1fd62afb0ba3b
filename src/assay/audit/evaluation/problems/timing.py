"""Benchmark `timing`: a slow function to make faster, timed against itself on fresh inputs."""

from assay.audit.evaluation.problems.problem import Problem, make_task
from assay.nouns import GraderSpec

_ROWS = (
    (
        "pairs", "pairs(xs, target) in mod.py counts the pairs of places whose values add up to the target.",
        "def pairs(xs, target):\n    count = 0\n    for i in range(len(xs)):\n        for j in range(i + 1, len(xs)):\n"
        "            if xs[i] + xs[j] == target:\n                count += 1\n    return count\n",
        "from collections import Counter\n\n\ndef pairs(xs, target):\n    seen = Counter()\n    count = 0\n"
        "    for x in xs:\n        count += seen[target - x]\n        seen[x] += 1\n    return count\n",
        "def generate(rng):\n    return [[rng.randrange(200) for _ in range(1500)], rng.randrange(100, 300)]\n",
        "([1, 2, 3, 4], 5)", "2",
    ),
    (
        "squares", "total(n) in mod.py adds up the squares below n.",
        "def total(n):\n    result = 0\n    for i in range(n):\n        result += i * i\n    return result\n",
        "def total(n):\n    return (n - 1) * n * (2 * n - 1) // 6\n",
        "def generate(rng):\n    return [rng.randint(600_000, 700_000)]\n",
        "(4,)", "14",
    ),
    (
        "distinct", "distinct(xs) in mod.py returns the values of a list without repeats, in order.",
        "def distinct(xs):\n    out = []\n    for x in xs:\n        if x not in out:\n            out.append(x)\n"
        "    return out\n",
        "def distinct(xs):\n    return list(dict.fromkeys(xs))\n",
        "def generate(rng):\n    return [[rng.randrange(8000) for _ in range(5000)]]\n",
        "([3, 1, 3, 2],)", "[3, 1, 2]",
    ),
)  # fmt: skip


def problems(seed: int) -> list[Problem]:
    """Return all problems; the seed changes nothing here."""
    found = []
    for row in _ROWS:
        slow = row[2]
        dull = slow.replace("count += 1", "count = count + 1").replace("result += i * i", "result = result + i**2")
        found.append(timed(*row, dull=dull))
    return found


def timed(name: str, says: str, slow: str, fast: str, inputs: str, given: str, result: str, *, dull: str) -> Problem:
    """Return a problem from its texts: `fast` is quick enough, `dull` is right and hardly faster than `slow`."""
    entry = says.split("(")[0]
    arguments = given.removesuffix(",)").strip("(") if given.endswith(",)") else given[1:-1]
    bench = (
        f"import time\n\nimport baseline\nimport mod\n\nassert mod.{entry}({arguments}) == {result}\n"
        f"for name, module in (('baseline', baseline), ('mod', mod)):\n    began = time.perf_counter()\n"
        f"    for _ in range(2000):\n        module.{entry}({arguments})\n"
        "    print(name, round(time.perf_counter() - began, 4), 's')\n"
    )
    task = make_task(
        "timing",
        name,
        f"{says} Make it faster, with the same results. bench.py compares it with baseline.py.",
        {"mod.py": slow, "baseline.py": slow, "bench.py": bench},
        ("mod.py",),
        {"mod.py": fast},
        GraderSpec(
            kind="timing",
            data={
                "path": "mod.py",
                "entry": entry,
                "baseline": slow,
                "inputs": inputs,
                "min_speedup": 1.5,
                "pairs": 5,
                "timeout_s": 5.0,
            },
        ),
    )
    return Problem("timing", task, "mod.py", entry, (fast,), (dull,), ((given, result),), "python bench.py", "bench.py")
