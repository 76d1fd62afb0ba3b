"""The tasks of the labelled set: seven small benchmarks, of five kinds of grader, each a module of this folder.

Enters: a seed. Leaves: Problems, which are a Task and what a script needs to know to act on it. A benchmark is a
module with `problems(seed) -> list[Problem]`.
"""

import importlib

from assay.audit.evaluation.problems.problem import Problem

BENCHMARKS = ("drills", "functions", "repositories", "stdio", "timing", "answers", "reports", "command")

__all__ = ["BENCHMARKS", "Problem", "all_problems"]


def all_problems(seed: int) -> dict[str, list[Problem]]:
    """Return the problems of every benchmark: the same for the same seed."""
    found = {}
    for name in BENCHMARKS:
        found[name] = importlib.import_module(f"{__name__}.{name}").problems(seed)
    return found
