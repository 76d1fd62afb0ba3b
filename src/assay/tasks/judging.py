"""Candidates judged in an executor's workers: many at once, each beside the task's own solution where it fails."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import TypeVar

from assay.executors import Arrived, Executor, Job, Lost
from assay.grading import grade
from assay.nouns import Reason, Task, Validity, Verdict
from assay.tasks.admission import beside_gold, grade_gold, trees_of

T = TypeVar("T")

_AHEAD = 64  # candidates for each core that may be judged before the one that is due
_KEPT = 256  # verdicts on tasks' own solutions that a worker remembers

_gold: dict[str, Verdict | None] = {}


async def judge_on(
    executor: Executor, candidates: Iterable[tuple[T, Task, Mapping[str, str]]]
) -> AsyncGenerator[tuple[T, Verdict], None]:
    """Yield what each candidate comes with and its verdict, in the order given; they are read as workers fall free.

    One that does not get the full value is judged only if the task's own solution does. One whose worker died has a
    verdict that says so, and is no failure.
    """
    window = asyncio.Semaphore(_AHEAD * executor.count)

    async def jobs() -> AsyncIterator[Job]:
        for number, (what, task, outputs) in enumerate(candidates):
            await window.acquire()
            yield Job(_judged, (task, dict(outputs)), trees=trees_of([task]), about=(number, what))

    ready: dict[int, tuple[T, Verdict]] = {}
    due = 0
    async with aclosing(executor.run(jobs())) as events:
        async for event in events:
            number, what = event.job.about
            if isinstance(event, Arrived):
                if number >= due:
                    ready.setdefault(number, (what, event.result))
            elif isinstance(event, Lost):
                ready[number] = what, Verdict.invalid(Reason.MACHINERY, event.why)
            while due in ready:
                yield ready.pop(due)
                window.release()
                due += 1


async def _judged(task: Task, outputs: Mapping[str, str]) -> AsyncIterator[Verdict]:
    verdict = await grade(task, outputs)
    if not verdict.solved and verdict.validity is not Validity.INVALID and task.gold:
        key = task.digest
        if key not in _gold:
            if len(_gold) == _KEPT:
                _gold.clear()
            _gold[key] = await grade_gold(task)
        verdict = beside_gold(task, verdict, _gold[key])
    yield verdict
