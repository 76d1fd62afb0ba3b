"""The tasks of the once-fresh half: other tasks of the same benchmarks, so that no text of the older halves returns.

Enters: a seed. Leaves: Problems by benchmark, as in `evaluation.problems`.
"""

from assay.audit.evaluation.once_fresh.problems import experiments, functions, packages, programs, small, tables
from assay.audit.evaluation.problems.problem import Problem


def once_fresh_problems(seed: int) -> dict[str, list[Problem]]:
    """Return the problems of every benchmark: the same for the same seed."""
    return {
        "drills": small.drills(seed),
        "functions": functions.problems(),
        "repositories": packages.problems(),
        "stdio": programs.problems(seed),
        "timing": small.timed_functions(),
        "answers": tables.problems(seed),
        "reports": experiments.problems(seed),
        "command": small.commands(),
    }
