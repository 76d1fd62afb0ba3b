"""Grades patches that somebody else made: each prediction ends in one outcome of a closed list."""

import asyncio
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assay.grading import grade
from assay.ledger.exchange.predictions import Prediction
from assay.nouns import Reason, Task, Validity, Verdict
from assay.rollout.patches import only_tests
from assay.rollout.solving import PATCH
from assay.tasks.folder_candidate import read_candidate

_TOUCHED = re.compile(r'^(?:\+\+\+ "?b/|--- "?a/|rename to "?|rename from "?)([^\t\n"]+)', re.MULTILINE)
NOT_APPLIED = "the patch does not apply"  # how a grader's sentence about such a patch begins


class Outcome(StrEnum):
    """How a prediction ends."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    EMPTY = "empty_patch"
    NOT_APPLIED = "patch_not_applied"
    BAD_TASK = "bad_task"  # the instance is broken, or could not be built: never the patch's fault
    MACHINERY = "machinery"  # ours


@dataclass(frozen=True)
class Graded:
    """A prediction with its outcome."""

    prediction: Prediction
    outcome: Outcome
    verdict: Verdict | None
    detail: str = ""

    @property
    def test_only(self) -> bool:
        """Whether the patch changes tests and nothing else."""
        return only_tests(touched(self.prediction.patch))


def touched(patch: str) -> set[str]:
    """Return the paths that a patch names."""
    return {path for path in _TOUCHED.findall(patch) if path != "/dev/null"}


async def grade_predictions(
    predictions: Sequence[Prediction],
    tasks: Mapping[str, Task],
    broken: Mapping[str, str],
    *,
    workers: int,
    tell: Callable[[Graded], None] = lambda graded: None,
    before: Callable[[Prediction, Task], Graded | None] = lambda prediction, task: None,
) -> list[Graded]:
    """Grade predictions for known instances: those of `tasks`, and of `broken`, which says why they are no task.

    `before` gives what an earlier run has found of a patch, which is then not graded again; `tell` is called with each
    outcome that is new. Raises UserError, in a group, when this machine has no sandbox.
    """
    gate = asyncio.Semaphore(workers)

    async def one(prediction: Prediction) -> Graded:
        name = prediction.instance_id
        if not prediction.patch.strip():
            graded = Graded(prediction, Outcome.EMPTY, None)
        elif name in broken:
            graded = Graded(prediction, Outcome.BAD_TASK, None, broken[name])
        elif known := before(prediction, tasks[name]):
            return known
        else:
            async with gate:
                verdict = await _verdict(tasks[name], prediction.patch)
            graded = Graded(prediction, outcome_of(verdict), verdict, verdict.detail)
        tell(graded)
        return graded

    async with asyncio.TaskGroup() as group:
        started = [group.create_task(one(prediction)) for prediction in predictions]
    return [task.result() for task in started]


async def _verdict(task: Task, patch: str) -> Verdict:
    if PATCH in task.outputs:
        return await grade(task, {PATCH: patch})
    with tempfile.TemporaryDirectory(prefix="assay-patch-") as folder:
        candidate = await read_candidate(task, _written(folder, patch))
    return candidate.verdict or await grade(task, candidate.outputs)


def _written(folder: str, patch: str) -> Path:
    place = Path(folder, "candidate.diff")
    place.write_text(patch, encoding="utf-8", newline="")
    return place


def outcome_of(verdict: Verdict) -> Outcome:
    """Return what a verdict on a patch comes to."""
    if verdict.validity is Validity.INVALID:
        return Outcome.BAD_TASK if verdict.reason is Reason.BAD_TASK else Outcome.MACHINERY
    if verdict.solved:
        return Outcome.RESOLVED
    if verdict.reason is Reason.MALFORMED and verdict.detail.startswith(NOT_APPLIED):
        return Outcome.NOT_APPLIED
    return Outcome.UNRESOLVED
