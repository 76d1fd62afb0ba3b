"""The scaling experiment: every arm and seed trained through the same doses, every checkpoint tested on the same tasks.

Phases: prepare (tasks and plan), teach (verified trajectories), tokenise, then train and evaluate side by side.
Any of them may be killed; the next call goes on where it stopped. The report is made from the ledger afterwards.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.executors import Executor, Feed, Job, Processes, arrived, open_executor
from assay.executors.chosen import LOCAL
from assay.experiments.config import Experiment
from assay.experiments.jobs import (
    EVALUATE,
    TEACH,
    TRAIN,
    Progress,
    checkpoint_of,
    evaluate,
    teach,
    tokenise,
    train_arm,
    verified,
)
from assay.experiments.place import Place
from assay.experiments.prepare import DRAWN, Show, base_hashes, check_same_run, prepare
from assay.ledger import Ledger
from assay.ledger.directory import held
from assay.nouns import PlannedAttempt, Task
from assay.rollout.budget import Budget, Limits
from assay.rollout.budget_words import stopped
from assay.rollout.planned import asking, jobs_for, record_all
from assay.tasks.admission import trees_of

Say = Callable[[str], None]
Worked = tuple[int, float]

_TAUGHT_TOGETHER = 64  # trajectories in one job


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
    run: Callable[[Coroutine[Any, Any, Worked]], Worked] = asyncio.run,
) -> str:
    """Run the experiment in the directory `out`, or go on with it; a finished run is not run again.

    `say` gets a sentence now and then, `show` gets (kind of work, units done). Training stays on this machine, in
    `workers` processes; what `executor` names runs the teacher, admission and evaluation. Returns "", or the sentence
    that says which of `limits` (wall time of everything, attempts of the evaluation) stopped it. Raises UserError for
    what the user can mend. `run` runs the work in an event loop, and may end it by KeyboardInterrupt.
    """
    place = Place(out)
    with held(place.root), Ledger(place.ledger) as ledger:
        say(describe_scale(experiment))
        began = time.monotonic()
        planned, finished = ledger.planned(), ledger.finished()
        complete = bool(planned) and len(finished) == len(planned)
        if complete and check_same_run(experiment, ledger, base_hashes(experiment), place):
            say(f"all {len(planned)} attempts are in {place.ledger} already: nothing is run again")
        else:
            budget = Budget(limits or Limits(), ledger)
            with ledger.running("scaling"):
                work = _work(experiment, place, ledger, workers, executor, budget, say, show)
                reused, peak_rss_mb = run(work)
            total, left = len(ledger.planned()), sum(1 for _ in ledger.waiting())
            if budget.stopped is not None and (left or not total):
                return stopped(budget, left, total)
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
    reused = len(ledger.finished())
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
        await _train_and_evaluate(experiment, place, ledger, here, there, budget, show)
    return reused, here.peak_rss_mb()


async def _teach(experiment: Experiment, place: Place, executor: Executor, say: Say, show: Show) -> None:
    with Ledger(place.teacher) as teacher:
        finished = len(teacher.finished())
        if finished:
            say(f"{finished} of the teacher's trajectories are reused")
            show(TEACH, finished)
        tasks = {task.id: task for task in teacher.tasks()}

        def job_of(some: Sequence[PlannedAttempt]) -> Job:
            return Job(teach, (experiment, _paired(some, tasks)), trees=_trees(some, tasks))

        jobs = jobs_for(teacher.waiting(), job_of, each=_TAUGHT_TOGETHER)
        await record_all(executor, jobs, teacher, done=lambda attempt, trajectory: show(TEACH, 1))


async def _count_data(experiment: Experiment, place: Place, ledger: Ledger, here: Processes) -> None:
    """Tokenise for every arm, check that the doses fit, and record what was counted."""
    if ledger.fact("data") is not None:
        return
    with Ledger(place.teacher) as teacher:
        attempts = list(teacher.attempts())
        solved = verified(teacher)
    wanted = experiment.chosen.trajectories
    if len(solved) < wanted:
        raise UserError(
            f"The field `scale.{experiment.scale}.trajectories` asks for {wanted} and the teacher gave {len(solved)} "
            f"verified ones of {len(attempts)}: raise `scale.{experiment.scale}.teacher_tasks` or lower it."
        )
    kept = solved[:wanted]
    recovered = sum(any(step.returncode not in (0, None) for step in trajectory.steps) for _, trajectory in kept)
    statuses: dict[str, int] = defaultdict(int)
    for attempt in attempts:
        statuses[attempt.status] += 1
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
                "kept": len(solved),
                "dropped": len(attempts) - len(solved),
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
    here: Processes,
    executor: Executor,
    budget: Budget,
    show: Show,
) -> None:
    """Train every arm and seed on this machine; evaluate its checkpoints as soon as they are there."""
    tasks = {task.id: task for task in ledger.tasks()}
    left: dict[tuple[int, str, int], list[PlannedAttempt]] = defaultdict(list)
    for planned in ledger.waiting():
        left[planned.seed, planned.arm, planned.dose].append(planned)
    evaluations = Feed()

    def job_of(some: Sequence[PlannedAttempt]) -> Job:
        checkpoint = checkpoint_of(experiment, place, some[0])
        keys = (*_trees(some, tasks), checkpoint.tree)
        return Job(evaluate, (experiment, _paired(some, tasks)), setting=checkpoint, trees=keys)

    async def train_all() -> None:
        jobs = [
            Job(train_arm, (experiment, place, arm.name, seed))
            for seed in experiment.chosen.seeds
            for arm in experiment.arms
        ]
        async with aclosing(here.run(jobs)) as events:
            async for result in arrived(events):
                if isinstance(result, Progress):
                    show(result.kind, result.done)
                    continue
                seed, arm = result["seed"], result["arm"]
                ledger.set_fact(f"training/{arm}/{seed}", {"doses": result["doses"]})
                for key in sorted(key for key in left if key[:2] == (seed, arm)):
                    if allowed := [each for each in left.pop(key) if budget.begins()]:
                        evaluations.add(asking(allowed, job_of))
        evaluations.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(train_all())
        counted = record_all(
            executor, evaluations, ledger, done=lambda attempt, trajectory: show(EVALUATE, 1), budget=budget
        )
        group.create_task(counted)


def _paired(planned: Sequence[PlannedAttempt], tasks: Mapping[str, Task]) -> list[tuple[PlannedAttempt, Task]]:
    return [(each, tasks[each.task_id]) for each in planned]


def _trees(planned: Sequence[PlannedAttempt], tasks: Mapping[str, Task]) -> tuple[str, ...]:
    return trees_of([tasks[each.task_id] for each in planned])
