"""Benchmark `command`: Harbor's way, a script of the task's own that writes a reward decides."""

from assay.audit.evaluation.problems.problem import Problem, make_task
from assay.nouns import GraderSpec

_TEST = """if python3 /tests/check.py; then
    echo 1 > /logs/verifier/reward.txt
else
    echo 0 > /logs/verifier/reward.txt
fi
"""
_ROWS = (
    (
        "median", "Write median(xs) in mod.py: the middle of a list of numbers, the mean of the two in the middle when"
        " their number is even.", "median",
        "def median(xs):\n    xs = sorted(xs)\n    half = len(xs) // 2\n"
        "    return xs[half] if len(xs) % 2 else (xs[half - 1] + xs[half]) / 2\n",
        "def median(xs):\n    return sorted(xs)[len(xs) // 2]\n",
        (("([3, 1, 2],)", "2"), ("([7, 8],)", "7.5")),
        "assert median([3, 1, 2]) == 2\nassert median([5, 1, 9, 7]) == 6\nassert median([4, 1]) == 2.5\n"
        "assert median([10, 2, 38, 23, 38, 23, 21]) == 23\n",
    ),
    (
        "clamp", "Write clamp(x, low, high) in mod.py: x, but no less than low and no more than high.", "clamp",
        "def clamp(x, low, high):\n    return max(low, min(x, high))\n",
        "def clamp(x, low, high):\n    return max(low, x)\n",
        (("(30, 2, 8)", "8"), ("(5, 2, 8)", "5")),
        "assert clamp(30, 2, 8) == 8\nassert clamp(-3, 2, 8) == 2\nassert clamp(5, 2, 8) == 5\n"
        "assert clamp(99, -9, 41) == 41\n",
    ),
)  # fmt: skip


def problems(seed: int) -> list[Problem]:
    """Return all problems; the seed changes nothing here."""
    return [checked(*row) for row in _ROWS]


def checked(
    name: str,
    instruction: str,
    entry: str,
    right: str,
    wrong: str,
    examples: tuple[tuple[str, str], ...],
    asserts: str,
) -> Problem:
    """Return a problem from its texts; `asserts` are the lines of the hidden check."""
    check = f'import sys\n\nsys.path.insert(0, "/work")\nfrom mod import {entry}\n\n{asserts}'
    shown = "".join(f"assert {entry}({given[1:-1].removesuffix(',')}) == {want}\n" for given, want in examples)
    task = make_task(
        "command",
        name,
        f"{instruction} try_it.py has two examples.",
        {"mod.py": "\n", "try_it.py": f"from mod import {entry}\n\n{shown}print('fine')\n"},
        ("mod.py",),
        {"mod.py": right},
        GraderSpec(
            kind="command",
            data={"tests": {"test.sh": _TEST, "check.py": check}, "workdir": "/work", "timeout_s": 20.0},
        ),
    )
    return Problem("command", task, "mod.py", entry, (right,), (wrong,), examples, "python try_it.py", "try_it.py")
