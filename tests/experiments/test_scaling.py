"""Training and evaluation side by side: what is begun anew counts once, the plan is read as it is wanted."""

import asyncio

import pytest

from assay.executors import Arrived, Over
from assay.experiments import scaling
from assay.experiments.config import read_experiment
from assay.experiments.jobs import EVALUATE, TRAIN, Checkpoint, Progress
from assay.experiments.place import Place
from assay.ledger import Ledger
from assay.models.spending import Kind
from assay.nouns import Attempt, GraderSpec, PlannedAttempt, Status, Task
from assay.rollout.budget import Budget, Limits
from tests.e2e.conftest import EXPERIMENT

TASKS, DOSES = 700, (0, 8, 16)  # more than one job has


class Trains:
    """Trains without a model; the first try of each arm dies half-way."""

    count, name = 2, "trains"

    def __init__(self):
        self.trained = []

    async def run(self, jobs, *, at_once=None):
        for job in jobs:
            _, _, arm, seed = job.arguments
            for done in (0, 8, 12, 8, 8, 12, 16):
                yield Arrived(job, Progress(TRAIN, f"{arm}-{seed}", done))
                await asyncio.sleep(0)
            self.trained.append(arm)
            yield Arrived(job, {"arm": arm, "seed": seed, "doses": []})
            yield Over(job)


class Evaluates:
    """Fails every attempt of a job, which comes when the one before it is over."""

    count, name = 1, "evaluates"

    def __init__(self):
        self.sizes = []

    async def run(self, jobs, *, at_once=None):
        async for job in jobs:
            _, pairs = job.arguments
            self.sizes.append(len(pairs))
            assert len({(planned.arm, planned.dose) for planned, _ in pairs}) == 1
            for planned, task in pairs:
                assert planned.task_id == task.id
                yield Arrived(job, (Attempt(plan=planned, status=Status.FAILED), None))
                await asyncio.sleep(0)
            yield Over(job)


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "small.toml").write_text(EXPERIMENT)
    experiment = read_experiment(tmp_path / "small.toml", "1")
    monkeypatch.setattr(scaling, "checkpoint_of", lambda *given: Checkpoint("weights", "name", 0, 0.7, 12))
    spec = GraderSpec(kind="tests", data={})
    given = {"source": "s", "split": "seen", "family": "f", "instruction": "do", "grader": spec}
    tasks = [Task(id=f"t{n}", files={}, outputs=("a.py",), gold={}, **given) for n in range(TASKS)]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_tasks(tasks)
        ledger.plan(
            PlannedAttempt(arm=arm, seed=0, dose=dose, task_id=task.id, split="seen")
            for arm in ("first", "second")
            for dose in DOSES
            for task in tasks
        )

        def run(limits):
            here, there, shown = Trains(), Evaluates(), {TRAIN: 0, EVALUATE: 0}
            budget = Budget(limits, ledger)

            def show(kind, done):
                shown[kind] += done

            work = scaling._train_and_evaluate(experiment, Place(tmp_path), ledger, here, there, budget, None, show)
            asyncio.run(work)
            return here, there, shown, budget

        yield run, ledger


def test_a_training_that_is_begun_anew_counts_once_and_every_attempt_is_evaluated(run):
    run, ledger = run
    here, there, shown, budget = run(Limits())
    assert here.trained == ["first", "second"]
    assert shown == {TRAIN: 2 * 16, EVALUATE: 2 * 3 * TASKS}
    assert ledger.counts() == (2 * 3 * TASKS,) * 2
    assert there.sizes == [256, 256, 188] * 6
    assert budget.stopped is None


def test_a_budget_that_stops_the_evaluation_stops_the_training(run):
    run, ledger = run
    _, there, _, budget = run(Limits(attempts=300))
    assert there.sizes == [256, 44]
    assert ledger.counts()[1] == 300
    assert budget.stopped is not None
    assert budget.stopped.kind is Kind.ATTEMPTS
    _, _, shown, _ = run(Limits())
    assert shown[EVALUATE] == 2 * 3 * TASKS - 300
    assert ledger.counts()[1] == 2 * 3 * TASKS
