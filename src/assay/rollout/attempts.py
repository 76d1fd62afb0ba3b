"""Run planned attempts: sandbox, agent, grade; many at once in one process, and recorded."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing

from assay.agents import ShellAgent
from assay.errors import MachineryError
from assay.executors import Arrived, InProcess, Job
from assay.grading import grade
from assay.grading.command.spec import binds
from assay.ledger import Ledger
from assay.models import Model
from assay.models.allowance import HOLDER, Central
from assay.models.spending import OutOfBudget
from assay.nouns import Attempt, Exit, PlannedAttempt, Reason, Status, Task, Trajectory, Validity, Verdict
from assay.rollout.planned import CutOff, jobs_for, record_all
from assay.sandbox import open_sandbox
from assay.sandbox.trees import mounts

Tried = tuple[Attempt, Trajectory]
ModelFor = Callable[[Task], AbstractContextManager[Model]]

_STATUS_OF_EXIT = {
    Exit.STEP_LIMIT: Status.LIMIT,
    Exit.TIME_LIMIT: Status.TIMEOUT,
    Exit.CONTEXT: Status.CONTEXT,
    Exit.FORMAT: Status.FORMAT,
    Exit.REFUSED: Status.REFUSED,
    Exit.MACHINERY: Status.MACHINERY,
}


def seed_of(planned: PlannedAttempt) -> int:
    """Return the sampling seed of a planned attempt: a hash of what it is, so that no order decides it."""
    return int.from_bytes(hashlib.sha256(planned.id.encode()).digest()[:4], "big")


def status_of(trajectory: Trajectory, changed: bool, verdict: Verdict | None) -> Status:
    """Return the one status of a trajectory whose outputs `changed` and which got `verdict` where it was graded."""
    if trajectory.exit is not Exit.SUBMITTED:
        return _STATUS_OF_EXIT[trajectory.exit]
    if not changed:
        return Status.EMPTY
    if verdict is None or verdict.validity is Validity.INVALID:
        return Status.MACHINERY
    if verdict.reason is Reason.CHEATED:
        return Status.CHEATED
    return Status.SOLVED if verdict.solved else Status.FAILED


async def attempt(planned: PlannedAttempt, task: Task, agent: ShellAgent, model: Model) -> tuple[Attempt, Trajectory]:
    """Run one planned attempt to its end. A failure of ours is the status `machinery`, with what failed."""
    began = time.monotonic()
    limits = task.limits
    try:
        async with open_sandbox(
            task.files,
            readonly=mounts(task.mounts),
            binds=binds(task),
            memory_mb=limits.memory_mb,
            processes=limits.processes,
            file_mb=limits.file_mb,
        ) as sandbox:
            trajectory = await agent.run(task, model, sandbox, seed=seed_of(planned))
    except MachineryError as problem:
        trajectory = Trajectory(
            task_id=task.id,
            agent=agent.name,
            model=model.name,
            prompt=(),
            steps=(),
            exit=Exit.MACHINERY,
            error=str(problem),
        )
    declared = task.declared([*task.files, *trajectory.outputs])
    changed = any(trajectory.outputs.get(path) != task.files.get(path) for path in declared)
    verdict: Verdict | None = None
    detail = trajectory.error
    if trajectory.exit is Exit.SUBMITTED and changed:
        verdict = await grade(task, trajectory.outputs)
        detail = verdict.detail
    return (
        Attempt(
            plan=planned,
            status=status_of(trajectory, changed, verdict),
            verdict=verdict,
            steps=len(trajectory.steps),
            sampled_tokens=sum(len(step.reply.token_ids or ()) for step in trajectory.steps),
            wall_s=round(time.monotonic() - began, 3),
            test_only=bool(trajectory.created) and not changed,
            detail=detail,
        ),
        trajectory,
    )


async def run_attempts(
    planned: Sequence[PlannedAttempt],
    tasks: Mapping[str, Task],
    agent: ShellAgent,
    model_for: ModelFor,
    ledger: Ledger,
    *,
    concurrency: int = 32,
    tell: Callable[[int], None] = lambda done: None,
) -> int:
    """Run in this process the planned attempts that the ledger does not hold yet; return how many it held already.

    `model_for` opens a model for one attempt, which may keep state between the attempt's turns.
    `tell` is called with 1 after each attempt. Raises UserError when the ledger cannot be written.
    """
    waiting = [each for each in planned if not ledger.has(each.id)]

    def job_of(some: Sequence[PlannedAttempt]) -> Job:
        return Job(attempts, ([(each, tasks[each.task_id]) for each in some], agent, model_for, concurrency))

    async with InProcess() as executor:
        jobs = jobs_for(waiting, job_of)
        await record_all(executor, jobs, ledger, at_once=concurrency, done=lambda attempt, trajectory: tell(1))
    return len(planned) - len(waiting)


async def attempts(
    pairs: Sequence[tuple[PlannedAttempt, Task]],
    agent: ShellAgent,
    model_for: ModelFor,
    at_once: int,
    allowance: Central | None = None,
) -> AsyncIterator[Tried | CutOff]:
    """Run planned attempts, `at_once` side by side, and yield each when it has ended, or when a budget cuts it off.

    `allowance` is what the models ask before each turn, where they do. Once it has cut one off, no other begins.
    """
    cut: list[OutOfBudget] = []

    async def one(planned: PlannedAttempt, task: Task) -> AsyncIterator[Tried | CutOff]:
        if cut:
            yield CutOff(planned.id, cut[0])
            return
        if allowance is not None:  # what a worker that died has left open of this attempt
            HOLDER.set(planned.id)
            await allowance.abandon(planned.id)
        with model_for(task) as model:
            try:
                yield await attempt(planned, task, agent, model)
            except OutOfBudget as error:
                cut.append(error)
                yield CutOff(planned.id, error)

    async with InProcess() as here, aclosing(here.run((Job(one, pair) for pair in pairs), at_once=at_once)) as events:
        async for event in events:
            if isinstance(event, Arrived):
                yield event.result
