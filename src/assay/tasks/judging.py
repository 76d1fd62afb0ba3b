"""Candidates judged in an executor's workers: many at once, each beside the task's own solution where it fails."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import islice
from typing import TypeVar

from assay.executors import Arrived, Executor, Job, Lost
from assay.grading import grade
from assay.nouns import Reason, Task, Validity, Verdict
from assay.tasks.admission import beside_gold, grade_gold, trees_of

T = TypeVar("T")

_TOGETHER = 16  # candidates in one job

Candidate = tuple[Task, Mapping[str, str]]


async def judge_on(
    executor: Executor, candidates: Iterable[tuple[T, Task, Mapping[str, str]]]
) -> AsyncGenerator[tuple[T, Verdict], None]:
    """Yield what each candidate comes with and its verdict, in the order given; they are read as workers fall free.

    One that does not get the full value is judged only if the task's own solution does. One whose worker died has a
    verdict that says so, and is no failure.
    """

    def jobs() -> Iterator[Job]:
        left = iter(candidates)
        number = 0
        while some := list(islice(left, _TOGETHER)):
            pairs = [(task, dict(outputs)) for _, task, outputs in some]
            yield Job(_judged, (pairs,), trees=trees_of([task for task, _ in pairs]), about=(number, some, {}))
            number += 1

    ready: dict[int, list[tuple[T, Verdict]]] = {}
    due = 0
    async with aclosing(executor.run(jobs())) as events:
        async for event in events:
            number, some, found = event.job.about
            if isinstance(event, Arrived):
                place, verdict = event.result
                found.setdefault(place, verdict)
                continue
            why = event.why if isinstance(event, Lost) else "its worker gave no verdict"
            lost = Verdict.invalid(Reason.MACHINERY, why)
            ready[number] = [(each[0], found.get(place, lost)) for place, each in enumerate(some)]
            while due in ready:
                for pair in ready.pop(due):
                    yield pair
                due += 1


async def _judged(pairs: Sequence[Candidate]) -> AsyncIterator[tuple[int, Verdict]]:
    gold: dict[str, Verdict | None] = {}
    for number, (task, outputs) in enumerate(pairs):
        verdict = await grade(task, outputs)
        if not verdict.solved and verdict.validity is not Validity.INVALID and task.gold:
            if task.id not in gold:
                gold[task.id] = await grade_gold(task)
            verdict = beside_gold(task, verdict, gold[task.id])
        yield number, verdict
