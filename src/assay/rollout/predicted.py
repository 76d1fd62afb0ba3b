"""Grades patches that somebody else made: each prediction ends in one outcome of a closed list."""

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assay.executors import Executor, InProcess, Job, Lost, Over
from assay.grading import grade
from assay.ledger.exchange.predictions import Prediction
from assay.nouns import Reason, Task, Validity, Verdict
from assay.rollout.patches import only_tests
from assay.rollout.solving import PATCH
from assay.sandbox import workspace
from assay.tasks.admission import trees_of
from assay.tasks.folder_candidate import read_candidate

_TOUCHED = re.compile(r'^(?:\+\+\+ "?b/|--- "?a/|rename to "?|rename from "?)([^\t\n"]+)', re.MULTILINE)
_MODE_ALONE = re.compile(r'^diff --git ("?)a/(.+)\1 \1b/\2\1$', re.MULTILINE)  # it has no lines that name its path
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
    found = {path for path in _TOUCHED.findall(patch) if path != "/dev/null"}
    return found | {match[2] for match in _MODE_ALONE.finditer(patch)}


async def grade_predictions(
    predictions: Sequence[Prediction],
    tasks: Mapping[str, Task],
    broken: Mapping[str, str],
    *,
    workers: int,
    tell: Callable[[Graded], None] = lambda graded: None,
    before: Callable[[Prediction, Task], Graded | None] = lambda prediction, task: None,
    executor: Executor | None = None,
) -> list[Graded]:
    """Grade predictions for known instances: those of `tasks`, and of `broken`, which says why they are no task.

    The patches are graded where `executor` is, in this process without one; `workers` at once, 0 for as many as it
    holds. `before` gives what an earlier run has found of a patch, which is then not graded again; `tell` is called
    with each outcome that is new. Raises UserError, in a group, when this machine has no sandbox.
    """
    found: dict[int, Graded] = {}
    jobs: list[Job] = []
    for number, prediction in enumerate(predictions):
        name = prediction.instance_id
        if not prediction.patch.strip():
            found[number] = Graded(prediction, Outcome.EMPTY, None)
        elif name in broken:
            found[number] = Graded(prediction, Outcome.BAD_TASK, None, broken[name])
        elif known := before(prediction, tasks[name]):
            found[number] = known
            continue
        else:
            task = tasks[name]
            jobs.append(Job(_judged, (task, prediction.patch), trees=trees_of([task]), about=number))
            continue
        tell(found[number])
    async with executor or InProcess() as place, aclosing(place.run(jobs, at_once=workers or None)) as events:
        async for event in events:
            number = event.job.about
            if isinstance(event, Over) or number in found:
                continue
            verdict = Verdict.invalid(Reason.MACHINERY, event.why) if isinstance(event, Lost) else event.result
            found[number] = Graded(predictions[number], outcome_of(verdict), verdict, verdict.detail)
            tell(found[number])
    return [found[number] for number in range(len(predictions))]


async def _judged(task: Task, patch: str) -> AsyncIterator[Verdict]:
    if PATCH in task.outputs:
        yield await grade(task, {PATCH: patch})
        return
    with tempfile.TemporaryDirectory(prefix="patch-", dir=workspace.base()) as folder:
        candidate = await read_candidate(task, _written(folder, patch))
    yield candidate.verdict or await grade(task, candidate.outputs)


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
