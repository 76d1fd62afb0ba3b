"""The scaling experiment: every arm and seed trained through the same doses, every checkpoint tested on the same tasks.

Phases: prepare (tasks and plan), teach (verified trajectories), tokenise, then train and evaluate side by side.
Any of them may be killed; the next call goes on where it stopped. The report is made from the ledger afterwards.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from assay.errors import UserError
from assay.experiments.config import Experiment
from assay.experiments.jobs import EVALUATE, TEACH, TRAIN, evaluate, teach, tokenise, train_arm, verified
from assay.experiments.place import Place
from assay.experiments.prepare import DRAWN, base_hashes, check_same_run, prepare
from assay.experiments.workers import Job, Workers
from assay.ledger import Ledger
from assay.ledger.directory import held
from assay.nouns import PlannedAttempt

Show = Callable[[str, int], None]
Say = Callable[[str], None]


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


def run_scaling(experiment: Experiment, out: Path, *, workers: int, say: Say, show: Show) -> None:
    """Run the experiment in the directory `out`, or go on with it; a finished run is not run again.

    `say` gets a sentence now and then, `show` gets (kind of work, units done). Raises UserError for what the
    user can mend.
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
            pool = Workers(workers)
            try:
                with ledger.running("scaling"):
                    reused = _work(experiment, place, ledger, pool, say, show)
            finally:
                pool.close()
            sessions = len(ledger.facts("finished/"))
            ledger.set_fact(
                f"finished/{sessions}",
                {
                    "wall_s": round(time.monotonic() - began, 1),
                    "peak_rss_mb": pool.peak_rss_mb(),
                    "reused": reused,
                },
            )


def _work(experiment: Experiment, place: Place, ledger: Ledger, pool: Workers, say: Say, show: Show) -> int:
    """Do what is left to do; return how many attempts were finished before."""
    prepare(experiment, place, ledger, pool, show)
    show(DRAWN, totals(experiment)[DRAWN])
    reused = len(ledger.finished())
    if reused:
        say(f"{reused} finished attempts are reused")
        show(EVALUATE, reused)
    _teach(experiment, place, pool, say, show)
    _count_data(experiment, place, ledger, pool)
    _train_and_evaluate(experiment, place, ledger, pool, show)
    return reused


def _teach(experiment: Experiment, place: Place, pool: Workers, say: Say, show: Show) -> None:
    with Ledger(place.teacher) as teacher:
        planned, finished = len(teacher.planned()), len(teacher.finished())
    if finished:
        say(f"{finished} of the teacher's trajectories are reused")
        show(TEACH, finished)
    if finished < planned:
        pool.run([Job(teach, (experiment, place, shard, pool.count)) for shard in range(pool.count)], show)


def _count_data(experiment: Experiment, place: Place, ledger: Ledger, pool: Workers) -> None:
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
    # arms with one tokenizer take turns in one process, so that the second finds the first one's file
    counted = pool.run([Job(_tokenise_all, (experiment, place))], lambda kind, done: None)[0]
    tasks = ledger.fact("tasks") or {}
    ledger.set_fact(
        "data",
        {
            "train_trajectories": wanted,
            "train_tokens": {entry["arm"]: entry["tokens"] for entry in counted},
            "arms": {entry["arm"]: entry for entry in counted},
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


def _tokenise_all(experiment: Experiment, place: Place) -> list[dict]:
    return [tokenise(experiment, place, arm.name) for arm in experiment.arms]


def _train_and_evaluate(experiment: Experiment, place: Place, ledger: Ledger, pool: Workers, show: Show) -> None:
    cells: dict[tuple[int, str, int], list[PlannedAttempt]] = defaultdict(list)
    finished = ledger.finished()
    for planned in ledger.planned():
        cells[planned.seed, planned.arm, planned.dose].append(planned)
    left = {key for key, cell in cells.items() if any(planned.id not in finished for planned in cell)}

    def evaluations(result: dict) -> list[Job]:
        seed, arm = result["seed"], result["arm"]
        ledger.set_fact(f"training/{arm}/{seed}", {"doses": result["doses"]})
        return [Job(evaluate, (experiment, place, cells[key])) for key in sorted(left) if key[:2] == (seed, arm)]

    jobs = [
        Job(train_arm, (experiment, place, arm.name, seed), then=evaluations)
        for seed in experiment.chosen.seeds
        for arm in experiment.arms
    ]
    pool.run(jobs, show)
