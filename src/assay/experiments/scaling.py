"""The scaling experiment: every arm and seed trained through the same doses, every checkpoint tested on the same tasks.

Phases: prepare (tasks and plan), teach (verified trajectories), tokenise, then train and evaluate side by side.
Any of them may be killed; the next call goes on where it stopped. The report is made from the ledger afterwards.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any

from assay.errors import MachineryError, UserError
from assay.executors import Executor, Job, Processes, arrived, open_executor
from assay.executors.chosen import LOCAL
from assay.experiments.config import Experiment
from assay.experiments.jobs import (
    EVALUATE,
    TEACH,
    TRAIN,
    Pairs,
    Progress,
    checkpoint_of,
    teach,
    tokenise,
    train_arm,
    verified,
)
from assay.experiments.place import Place
from assay.experiments.prepare import DRAWN, Show, base_hashes, check_same_run, prepare
from assay.ledger import Ledger
from assay.ledger.directory import held
from assay.models.allowance import Central
from assay.nouns import PlannedAttempt, Task
from assay.rollout.budget import Budget, Limits
from assay.rollout.budget_words import progress, stopped
from assay.rollout.checkpoint import Checkpoint, attempted
from assay.rollout.planned import jobs_for, record_all
from assay.tasks.admission import trees_of

Say = Callable[[str], None]
Worked = tuple[int, float]

_TAUGHT_TOGETHER = 64  # trajectories in one job
_EVALUATED_TOGETHER = 256  # attempts in one job: a model samples a few dozen at once, and the last ones go alone
_TASKS_KEPT = 4096


def totals(experiment: Experiment) -> dict[str, int]:
    """Return how many units each kind of work has: the ends of the progress bars."""
    chosen = experiment.chosen
    runs = len(experiment.arms) * len(chosen.seeds)
    tasks = sum(chosen.evaluation.values())
    return {
        DRAWN: chosen.teacher_tasks + tasks,
        TEACH: chosen.teacher_tasks,
        TRAIN: runs * chosen.doses[-1],
        EVALUATE: runs * (1 + len(chosen.doses)) * tasks,
    }


def describe_scale(experiment: Experiment) -> str:
    """Return in a sentence what the dial set."""
    chosen = experiment.chosen
    splits = ", ".join(f"{count} {split}" for split, count in chosen.evaluation.items())
    doses = ", ".join(map(str, chosen.doses))
    return (
        f"scale {experiment.scale}: {len(chosen.seeds)} seed(s); {chosen.trajectories} verified trajectories read "
        f"up to {chosen.passes} times, doses {doses}; tested on {splits} tasks; "
        f"{totals(experiment)[EVALUATE]} attempts planned"
    )


def run_scaling(
    experiment: Experiment,
    out: Path,
    *,
    workers: int,
    say: Say,
    show: Show,
    executor: str = LOCAL,
    limits: Limits | None = None,
    tell: Callable[[str], None] = lambda words: None,
    run: Callable[[Coroutine[Any, Any, Worked]], Worked] = asyncio.run,
) -> str:
    """Run the experiment in the directory `out`, or go on with it; a finished run is not run again.

    `say` gets a sentence now and then, `show` gets (kind of work, units done), `tell` how much of the budgets is
    taken. Training stays on this machine, in
    `workers` processes; what `executor` names runs the teacher, admission and evaluation. Returns "", or the sentence
    that says which of `limits` (wall time of everything, attempts and tokens of the evaluation) stopped it. Raises
    UserError for what the user can mend. `run` runs the work in an event loop, and may end it by KeyboardInterrupt.
    """
    place = Place(out)
    with held(place.root), Ledger(place.ledger) as ledger:
        say(describe_scale(experiment))
        began = time.monotonic()
        planned, finished = ledger.counts()
        complete = planned > 0 and finished == planned
        if complete and check_same_run(experiment, ledger, base_hashes(experiment), place):
            say(f"all {planned} attempts are in {place.ledger} already: nothing is run again")
        else:
            budget = Budget(limits or Limits(), ledger)

            def shown(kind: str, done: int) -> None:
                show(kind, done)
                tell(progress(budget))

            with ledger.running("scaling"):
                work = _work(experiment, place, ledger, workers, executor, budget, say, shown)
                reused, peak_rss_mb = run(work)
            total, finished = ledger.counts()
            if budget.stopped is not None and (finished < total or not total):
                return stopped(budget, total - finished, total)
            sessions = len(ledger.facts("finished/"))
            ledger.set_fact(
                f"finished/{sessions}",
                {"wall_s": round(time.monotonic() - began, 1), "peak_rss_mb": peak_rss_mb, "reused": reused},
            )
    return ""


async def _work(
    experiment: Experiment,
    place: Place,
    ledger: Ledger,
    workers: int,
    executor: str,
    budget: Budget,
    say: Say,
    show: Show,
) -> Worked:
    """Do what is left to do; return how many attempts were finished before, and the peak of memory in MB."""
    reused = ledger.counts()[1]
    async with Processes(workers) as here, AsyncExitStack() as stack, budget.running():
        there: Executor = here if executor == LOCAL else await stack.enter_async_context(open_executor(executor))
        if there is not here:
            say(f"admission, the teacher and evaluation run on {there.name}")
        await prepare(experiment, place, ledger, here, there, show)
        show(DRAWN, totals(experiment)[DRAWN])
        if reused:
            say(f"{reused} finished attempts are reused")
            show(EVALUATE, reused)
        await _teach(experiment, place, there, say, show)
        await _count_data(experiment, place, ledger, here)
        central = None
        if budget.allowance.limited:
            central = Central(await stack.enter_async_context(there.serving(budget.allowance)))
        else:
            budget.from_replies = True
        await _train_and_evaluate(experiment, place, ledger, here, there, budget, central, show)
    return reused, here.peak_rss_mb()


async def _teach(experiment: Experiment, place: Place, executor: Executor, say: Say, show: Show) -> None:
    with Ledger(place.teacher) as teacher:
        finished = teacher.counts()[1]
        if finished:
            say(f"{finished} of the teacher's trajectories are reused")
            show(TEACH, finished)
        task_of = _tasks_of(teacher)

        def job_of(some: Sequence[PlannedAttempt]) -> Job:
            pairs = [(each, task_of(each.task_id)) for each in some]
            return Job(teach, (experiment, pairs), trees=_trees(pairs))

        jobs = jobs_for(teacher.waiting(), job_of, each=_TAUGHT_TOGETHER)
        await record_all(executor, jobs, teacher, done=lambda attempt, trajectory: show(TEACH, 1))


async def _count_data(experiment: Experiment, place: Place, ledger: Ledger, here: Processes) -> None:
    """Tokenise for every arm, check that the doses fit, and record what was counted."""
    if ledger.fact("data") is not None:
        return
    wanted = experiment.chosen.trajectories
    solved = recovered = 0
    with Ledger(place.teacher) as teacher:
        statuses = Counter(attempt.status for attempt in teacher.attempts())
        for trajectory in verified(teacher):
            solved += 1
            recovered += solved <= wanted and any(step.returncode not in (0, None) for step in trajectory.steps)
    if solved < wanted:
        raise UserError(
            f"The field `scale.{experiment.scale}.trajectories` asks for {wanted} and the teacher gave {solved} "
            f"verified ones of {statuses.total()}: raise `scale.{experiment.scale}.teacher_tasks` or lower it."
        )
    async with aclosing(here.run([Job(tokenise, (experiment, place))])) as events:
        counted = {entry["arm"]: entry async for entry in arrived(events)}
    tasks = ledger.fact("tasks") or {}
    ledger.set_fact(
        "data",
        {
            "train_trajectories": wanted,
            "train_tokens": {arm: entry["tokens"] for arm, entry in counted.items()},
            "arms": counted,
            "teacher": {
                "kept": solved,
                "dropped": statuses.total() - solved,
                "statuses": dict(statuses),
                "recovered_share": round(recovered / wanted, 4),
                "wrong_share": experiment.teacher.wrong_share,
            },
            **tasks,
        },
    )


async def _train_and_evaluate(
    experiment: Experiment,
    place: Place,
    ledger: Ledger,
    here: Executor,
    executor: Executor,
    budget: Budget,
    central: Central | None,
    show: Show,
) -> None:
    """Train every arm and seed on this machine; evaluate its checkpoints as soon as they are there.

    A budget that stops the evaluation stops the training too, which goes on from its last checkpoint.
    """
    task_of = _tasks_of(ledger)
    trained: asyncio.Queue[tuple[str, int] | None] = asyncio.Queue()
    read: dict[str, int] = {}

    def job_of(checkpoint: Checkpoint, some: Sequence[PlannedAttempt]) -> Job:
        pairs = [(each, task_of(each.task_id)) for each in some]
        return Job(attempted, (experiment.agent, pairs), setting=checkpoint, trees=(*_trees(pairs), checkpoint.tree))

    async def evaluations() -> AsyncIterator[Job]:
        while (arm_and_seed := await trained.get()) is not None:
            for dose, waiting in groupby(ledger.waiting_in(*arm_and_seed), key=lambda planned: planned.dose):
                of_dose = partial(job_of, checkpoint_of(experiment, place, *arm_and_seed, dose, central))
                for job in jobs_for(waiting, of_dose, each=_EVALUATED_TOGETHER, budget=budget):
                    yield job
                if budget.stopped is not None:
                    return

    async def train_all() -> None:
        jobs = [
            Job(train_arm, (experiment, place, arm.name, seed))
            for seed in experiment.chosen.seeds
            for arm in experiment.arms
        ]
        async with aclosing(here.run(jobs)) as events:
            async for result in arrived(events):
                if budget.stopped is not None:
                    break
                if isinstance(result, Progress):  # of a try that was begun anew it counts what is more than before
                    show(result.kind, max(0, result.done - read.get(result.part, 0)))
                    read[result.part] = max(result.done, read.get(result.part, 0))
                    continue
                seed, arm = result["seed"], result["arm"]
                ledger.set_fact(f"training/{arm}/{seed}", {"doses": result["doses"]})
                trained.put_nowait((arm, seed))
        trained.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(train_all())
        counted = record_all(
            executor, evaluations(), ledger, done=lambda attempt, trajectory: show(EVALUATE, 1), budget=budget
        )
        group.create_task(counted)


def _tasks_of(ledger: Ledger) -> Callable[[str], Task]:
    """Return what gives a task of the ledger by its id, and keeps those that were asked for last."""

    @lru_cache(_TASKS_KEPT)
    def task_of(task_id: str) -> Task:
        task = ledger.task(task_id)
        if task is None:
            raise MachineryError(f"the ledger {ledger.path} plans attempts at {task_id} and does not hold it")
        return task

    return task_of


def _trees(pairs: Pairs) -> tuple[str, ...]:
    return trees_of([task for _, task in pairs])
