"""Planned attempts through an executor into the ledger: each recorded once, whatever dies on the way.

A job owes the attempts that it was made for. What a worker took with it is asked for again, one attempt a job, so that
one that kills its worker takes no other with it; such a one ends as `machinery` once the executor has shown that it
still runs others. The driver alone records.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from assay.errors import MachineryError
from assay.executors import Arrived, Executor, Job, Jobs, Lost, Over
from assay.ledger import Ledger
from assay.models.spending import OutOfBudget
from assay.nouns import Attempt, PlannedAttempt, Status, Trajectory
from assay.rollout.budget import Budget

JobOf = Callable[[Sequence[PlannedAttempt]], Job]
Ended = tuple[Attempt, Trajectory | None]
Done = Callable[[Attempt, Trajectory | None], None]

_LOST_IN_A_ROW = 8  # jobs, before it is asked whether the executor runs anything
_ROUNDS = 3  # how often what a job owes is asked for, after the executor's own tries


@dataclass(frozen=True)
class CutOff:
    """A job's word that a budget cut the attempt `id` off: it has not ended."""

    id: str
    error: OutOfBudget


@dataclass
class _Asked:
    """What a job still owes, and how a job for a part of it is made."""

    owed: dict[str, PlannedAttempt]
    job_of: JobOf


def _asking(planned: Sequence[PlannedAttempt], job_of: JobOf) -> Job:
    """Return the job of `job_of` for these attempts. It yields an (Attempt, Trajectory) of each, in any order."""
    return replace(job_of(planned), about=_Asked({each.id: each for each in planned}, job_of))


def jobs_for(
    planned: Iterable[PlannedAttempt], job_of: JobOf, *, each: int = 1, budget: Budget | None = None
) -> Iterator[Job]:
    """Yield jobs of `each` attempts; the attempts are read as jobs are wanted, and as long as the budget allows."""
    left = iter(planned) if budget is None else takewhile(lambda one: budget.begins(), planned)
    while some := list(islice(left, each)):
        yield _asking(some, job_of)


async def record_all(
    executor: Executor,
    jobs: Jobs,
    ledger: Ledger,
    *,
    at_once: int | None = None,
    done: Done = lambda attempt, trajectory: None,
    budget: Budget | None = None,
) -> None:
    """Run jobs made by `jobs_for` and record what comes back; `done` is called after each is recorded.

    What `budget` cuts off comes as a CutOff and is not recorded. Raises UserError, in a group, for what only the user
    can mend, and MachineryError where the executor itself is gone: what is recorded stays, the rest is still planned.
    """
    for number in range(_ROUNDS):
        again: list[Job] = []
        lost = 0  # in a row
        async with aclosing(executor.run(jobs, at_once=at_once)) as events:
            async for event in events:
                asked: _Asked = event.job.about
                lost = lost + 1 if isinstance(event, Lost) else 0
                if isinstance(event, Lost) and lost % _LOST_IN_A_ROW == 0:
                    await _check_alive(executor, event.why)
                if budget is not None and not isinstance(event, Arrived):  # nobody will say what a dead worker took
                    for attempt_id in asked.owed:
                        await budget.allowance.abandon(attempt_id)
                if isinstance(event, Arrived) and isinstance(event.result, CutOff):
                    if asked.owed.pop(event.result.id, None) is not None and budget is not None:
                        budget.cut(event.result.error)
                elif isinstance(event, Arrived):
                    attempt, trajectory = event.result
                    if asked.owed.pop(attempt.plan.id, None) is not None and budget is not None:
                        budget.ended(trajectory)
                    _record(ledger, attempt, trajectory, done)
                elif isinstance(event, Lost) and len(asked.owed) == 1 and number:
                    await _check_alive(executor, event.why)
                    _give_up(asked, event.why, ledger, done, budget)
                elif asked.owed and (isinstance(event, Lost) or number + 1 < _ROUNDS):
                    again += jobs_for(asked.owed.values(), asked.job_of)
                else:
                    _give_up(asked, "its worker gave no result for it", ledger, done, budget)
        if not again:
            return
        jobs = again
    raise MachineryError("workers died again and again: what is finished is kept, run the same command again")


def _record(ledger: Ledger, attempt: Attempt, trajectory: Trajectory | None, done: Done) -> None:
    if ledger.record_once(attempt, trajectory):
        done(attempt, trajectory)


def _give_up(asked: _Asked, why: str, ledger: Ledger, done: Done, budget: Budget | None) -> None:
    """Record what a job owes as a failure of ours."""
    for planned in asked.owed.values():
        if budget is not None:
            budget.ended()
        _record(ledger, Attempt(plan=planned, status=Status.MACHINERY, detail=why), None, done)


async def _alive() -> AsyncIterator[bool]:
    yield True


async def _check_alive(executor: Executor, why: str) -> None:
    """Raise MachineryError unless the executor runs a job that does nothing."""
    async with aclosing(executor.run([Job(_alive)])) as events:
        async for event in events:
            if isinstance(event, Over):
                return
    raise MachineryError(f"the executor runs nothing any more ({why}): what is finished is kept, run it again")
