"""Attempts by the agent of mini-swe-agent's protocol: sandbox, agent, patch, grade, record; many at once, with resume.

A plan is written first; an attempt is recorded once, when it has ended. Killed at any moment and run again, a plan
neither loses nor repeats a finished attempt.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from functools import partial

from assay.agents.mini import MiniAgent
from assay.agents.shell import outputs_of
from assay.errors import MachineryError
from assay.executors import Arrived, InProcess, Job
from assay.grading import grade
from assay.ledger import Ledger
from assay.models import Model, for_attempt
from assay.models.allowance import HOLDER, Central
from assay.models.spending import OutOfBudget
from assay.nouns import Attempt, Exit, PlannedAttempt, Reason, Task, Trajectory, Verdict
from assay.rollout.attempts import seed_of, status_of
from assay.rollout.budget import Budget
from assay.rollout.patches import Change, TooLarge, taken
from assay.rollout.places import Place, open_place
from assay.rollout.planned import CutOff, Done, jobs_for, record_all
from assay.rollout.stages import Stages, has_steps

PATCH = "patch.diff"  # the one output of a task whose repository is a mounted tree

Tried = tuple[Attempt, Trajectory]
Grading = Callable[[], AbstractAsyncContextManager[object]]


async def solve(
    planned: PlannedAttempt, task: Task, agent: MiniAgent, model: Model, grading: Grading
) -> tuple[Attempt, Trajectory]:
    """Run one planned attempt to its end. A failure of ours is the status `machinery`, with what failed.

    UserError passes: it is no attempt's, and ends the run.
    """
    began = time.monotonic()
    change, refused, stages = Change("", ()), None, None
    try:
        stages = Stages(task, grading) if has_steps(task) else None
        begun = task if stages is None else stages.first
        async with open_place(begun) as place:
            more = {}
            if stages is not None:
                await stages.begin(place)
                more["further"] = partial(stages.further, place)
            trajectory = await agent.run(
                begun, model, place.sandbox, seed=seed_of(planned), workdir=place.workdir, env=place.env, **more
            )
            if trajectory.exit is not Exit.MACHINERY:
                try:
                    change = await taken(task, place.sandbox, place.tree)
                except TooLarge as problem:
                    refused = Verdict.score(0.0, Reason.MALFORMED, detail=str(problem))
                if stages is not None and stages.fault:
                    refused = Verdict.score(0.0, Reason.MALFORMED, detail=stages.fault)
                trajectory = _completed(task, trajectory, change, place, stages)
    except MachineryError as problem:
        trajectory = _broken(task, agent, model, str(problem))
    changed = refused is not None or (_changed(task, trajectory) if stages is None else stages.changed)
    verdict = None
    if trajectory.exit is Exit.SUBMITTED and changed:
        async with grading():
            verdict = refused or await grade(task, trajectory.outputs)
    replies = [step.reply for step in trajectory.steps]
    ended = Attempt(
        plan=planned,
        status=status_of(trajectory, changed, verdict),
        verdict=verdict,
        steps=len(replies),
        sampled_tokens=sum(reply.sampled_tokens or len(reply.token_ids or ()) for reply in replies),
        wall_s=round(time.monotonic() - began, 3),
        test_only=change.tests_only,
        detail=verdict.detail if verdict is not None else trajectory.error,
    )
    return ended, trajectory


def _completed(task: Task, trajectory: Trajectory, change: Change, place: Place, stages: Stages | None) -> Trajectory:
    """Return the trajectory with what the agent left behind."""
    outputs = {PATCH: change.patch} if change.patch else {}
    if stages is not None:
        return trajectory.model_copy(update={"outputs": stages.outputs, "diff": change.patch})
    if PATCH not in task.outputs:
        outputs = outputs_of(task, place.sandbox, place.sandbox.listing())
    created = tuple(path for path in change.paths if PATCH not in task.outputs and not task.declares(path))
    return trajectory.model_copy(update={"outputs": outputs, "created": created, "diff": change.patch})


def _broken(task: Task, agent: MiniAgent, model: Model, why: str) -> Trajectory:
    return Trajectory(
        task_id=task.id, agent=agent.name, model=model.name, prompt=(), steps=(), exit=Exit.MACHINERY, error=why
    )


def _changed(task: Task, trajectory: Trajectory) -> bool:
    """Whether there is anything to grade: a patch, or a declared output that is not as it began."""
    declared = task.declared([*task.files, *trajectory.outputs])
    return any(trajectory.outputs.get(path) != task.files.get(path) for path in declared)


@dataclass(frozen=True)
class Solving:
    """What attempts share in the process that they run in. A suite runs while it holds what `grading` gives."""

    agent: MiniAgent
    model: Model
    grading: Grading
    allowance: Central | None = None


async def solved(shared: Solving, pairs: Sequence[tuple[PlannedAttempt, Task]]) -> AsyncIterator[Tried | CutOff]:
    """Run planned attempts side by side, and yield each when it has ended, or when a budget cuts it off."""

    async def one(planned: PlannedAttempt, task: Task) -> AsyncIterator[Tried | CutOff]:
        if shared.allowance is not None:  # what a worker that died has left open of this attempt
            HOLDER.set(planned.id)
            await shared.allowance.abandon(planned.id)
        with for_attempt(shared.model) as own:
            try:
                yield await solve(planned, task, shared.agent, own, shared.grading)
            except OutOfBudget as error:
                yield CutOff(planned.id, error)

    jobs = [Job(one, pair) for pair in pairs]
    async with InProcess() as here, aclosing(here.run(jobs, at_once=len(jobs))) as events:
        async for event in events:
            if isinstance(event, Arrived):
                yield event.result


async def solve_all(
    planned: Iterable[PlannedAttempt],
    tasks: Mapping[str, Task],
    agent: MiniAgent,
    model: Model,
    ledger: Ledger,
    *,
    workers: int,
    gradings: int,
    done: Done = lambda attempt, trajectory: None,
    budget: Budget | None = None,
) -> None:
    """Run in this process those of the planned attempts that the ledger does not hold yet, `workers` at a time.

    At most `gradings` suites run at once, however many attempts wait for their model. `done` is called after each
    attempt was recorded. Raises UserError, in a group, for what only the user can mend.
    """
    gate = asyncio.Semaphore(gradings)
    shared = Solving(agent, model, lambda: gate)

    def job_of(some: Sequence[PlannedAttempt]) -> Job:
        return Job(solved, (shared, [(each, tasks[each.task_id]) for each in some]))

    async with InProcess() as executor:
        waiting = (each for each in planned if not ledger.has(each.id))
        jobs = jobs_for(waiting, job_of, budget=budget)
        await record_all(executor, jobs, ledger, at_once=workers, done=done, budget=budget)
