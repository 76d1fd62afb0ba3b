"""Benchmark `drills`: procedural bug fixes in one function, with a visible test of two cases."""

import ast

from assay.audit.evaluation.problems.problem import LIMITS, Problem
from assay.nouns import Task
from assay.tasks import drills

_COUNT = 12


def problems(seed: int) -> list[Problem]:
    """Return drills as they are drawn for training, with more steps allowed."""
    return [drill(task.model_copy(update={"limits": LIMITS})) for task in drills.load("train", _COUNT, seed)]


def drill(task: Task) -> Problem:
    """Return the problem of a drill."""
    line, broken = task.metadata["line"], task.files["mod.py"].splitlines(keepends=True)
    wrong = tuple("".join([*broken[: line - 1], text + "\n", *broken[line:]]) for text in task.metadata["wrong"])
    return Problem(
        benchmark="drills",
        task=task,
        path="mod.py",
        entry=task.grader.data["entry"],
        right=(task.gold["mod.py"],),
        wrong=wrong,
        examples=_examples(task.files["test_mod.py"]),
        check="python test_mod.py",
        tests="test_mod.py",
    )


def _examples(test: str) -> tuple[tuple[str, str], ...]:
    """Return the visible cases, read from the list in the test's loop."""
    loop = next(node for node in ast.parse(test).body if isinstance(node, ast.For))
    found = []
    for call, want in ast.literal_eval(loop.iter):
        expression = ast.parse(call, mode="eval").body
        assert isinstance(expression, ast.Call)
        arguments = ", ".join(ast.unparse(argument) for argument in expression.args)
        found.append((f"({arguments},)", repr(want)))
    return tuple(found)
