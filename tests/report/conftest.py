"""Runs made up with a real ledger: arms that learn at given speeds, and whatever a test wants to go wrong."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from assay.ledger import Ledger
from assay.nouns import (
    Attempt,
    Check,
    Exit,
    Finish,
    GraderSpec,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Task,
    Trajectory,
    Verdict,
)
from assay.report.build import build

WRONG = "def clamp(x, low, high):\n    return max(low, max(x, high))\n"
RIGHT = "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
DIFF = (
    "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def clamp(x, low, high):\n"
    "-    return max(low, max(x, high))\n+    return max(low, min(x, high))\n"
)


def make_task(split: str, number: int) -> Task:
    return Task(
        id=f"drills/{split}/{number:05d}",
        source="drills",
        split=split,
        family=f"family{number % 7}",
        instruction="clamp(12, 0, 10) gives 12 and should give 10.",
        files={"m.py": WRONG},
        outputs=("m.py",),
        gold={"m.py": RIGHT},
        grader=GraderSpec(kind="functions", data={"path": "m.py", "entry": "clamp", "cases": []}),
    )


def make_step(command: str, observation: str, returncode: int = 0) -> Step:
    reply = Reply(text=f"Next.\n```bash\n{command}\n```", finish=Finish.STOP)
    return Step(reply=reply, command=command, observation=observation, returncode=returncode)


def make_trajectory(planned: PlannedAttempt, status: Status, recovers: bool = False) -> Trajectory:
    steps = [make_step("cat m.py", WRONG)]
    if recovers:
        steps.append(make_step("sed -i s/min/mix/ m.py && python t.py", "NameError: name 'mix'", 1))
    if status is not Status.EMPTY:
        steps.append(make_step("sed -i '2s/max(x/min(x/' m.py && python t.py", "ok"))
    steps.append(make_step("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", ""))
    return Trajectory(
        task_id=planned.task_id,
        agent="shell",
        model=planned.arm,
        prompt=(Message(role=Role.USER, content="Fix m.py. clamp(12, 0, 10) gives 12 and should give 10."),),
        steps=tuple(steps),
        exit=Exit.SUBMITTED,
        outputs={"m.py": RIGHT if status is Status.SOLVED else WRONG},
        diff="" if status is Status.EMPTY else DIFF,
    )


def make_attempt(planned: PlannedAttempt, status: Status) -> Attempt:
    verdict = None
    if status is Status.SOLVED:
        checks = (Check(name="case 0", passed=True, evidence="10"),)
        verdict = Verdict.score(1.0, Reason.PASSED, checks)
    elif status is Status.FAILED:
        checks = (
            Check(name="case 0", passed=True, evidence="10"),
            Check(name="case 1", passed=False, evidence="expected 10\ngot 12"),
        )
        verdict = Verdict.score(0.5, Reason.WRONG, checks, "1 of 2 cases")
    return Attempt(
        plan=planned, status=status, verdict=verdict, steps=3, test_only=status is Status.EMPTY and planned.id < "8"
    )


@dataclass
class Recipe:
    """What a made-up run is like. `rates[arm]` gives the pass rate on the first split at the top dose."""

    rates: dict[str, float] = field(default_factory=lambda: {"vintage": 0.31, "modern": 0.38, "random": 0.04})
    splits: dict[str, int] = field(default_factory=lambda: {"seen": 60, "unseen": 40, "seeded": 30})
    ease: dict[str, float] = field(default_factory=lambda: {"seen": 1.0, "unseen": 0.45, "seeded": 0.1})
    seeds: tuple[int, ...] = (0,)
    doses: tuple[int, ...] = (0, 125, 250, 500, 1000, 2000)
    pairs: tuple[tuple[str, str], ...] = (("modern", "vintage"),)
    margin: float | None = 0.05
    facts: bool = True
    traces: bool = True
    lose: Callable[[PlannedAttempt], bool] = lambda planned: False
    decide: Callable[[PlannedAttempt, Status], Status] = lambda planned, status: status
    trajectory: Callable[[PlannedAttempt, Status, bool], Trajectory] = make_trajectory
    attempt: Callable[[PlannedAttempt, Status], Attempt] = make_attempt
    plan: Callable[[PlannedAttempt], bool] = lambda planned: True


def _ends(recipe: Recipe, planned: Iterable[PlannedAttempt]) -> Iterable[tuple[PlannedAttempt, Status]]:
    """Draw an end for every attempt; a task is as hard for every arm, dose and seed."""
    rng = np.random.default_rng(7)
    hardness = {split: rng.normal(0, 1.2, size) for split, size in recipe.splits.items()}
    top = max(recipe.doses) or 1
    for each in planned:
        aim = recipe.rates[each.arm] * recipe.ease[each.split] * np.log1p(each.dose) / np.log1p(top)
        number = int(each.task_id[-5:])
        odds = np.log(max(aim, 1e-4) / (1 - aim)) + hardness[each.split][number] + 0.1 * (each.seed - 1)
        u = rng.random()
        status = Status.SOLVED if u < 1 / (1 + np.exp(-odds)) else Status.FAILED
        if status is Status.FAILED:
            untrained = each.dose == 0
            others = (Status.FORMAT, Status.LIMIT, Status.EMPTY, Status.FAILED, Status.TIMEOUT)
            status = others[
                int(rng.choice(5, p=[0.8, 0.1, 0.08, 0.01, 0.01] if untrained else [0.06, 0.2, 0.1, 0.62, 0.02]))
            ]
        yield each, recipe.decide(each, status)


def write_run(directory: Path, recipe: Recipe) -> Path:
    """Write a run directory as an experiment leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    with Ledger(directory / "ledger.sqlite") as ledger:
        tasks = [make_task(split, n) for split, size in recipe.splits.items() for n in range(size)]
        ledger.add_tasks(tasks)
        planned = [
            PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task.id, split=task.split)
            for seed in recipe.seeds
            for arm in recipe.rates
            for dose in recipe.doses
            for task in tasks
        ]
        planned = [each for each in planned if recipe.plan(each)]
        ledger.plan(planned)
        if recipe.facts:
            for name, fact in facts(recipe).items():
                ledger.set_fact(name, fact)
        # One transaction a row is the ledger's law, and slow on some disks; made-up rows need not last.
        ledger._db.execute("PRAGMA synchronous=OFF")
        for number, (each, status) in enumerate(_ends(recipe, planned)):
            if not recipe.lose(each):
                trace = recipe.trajectory(each, status, number % 9 == 0) if recipe.traces else None
                ledger.record(recipe.attempt(each, status), trace)
    return directory


def facts(recipe: Recipe) -> dict:
    trained = [dose for dose in recipe.doses if dose]
    entry = {
        "trajectories": 2000,
        "tokens": 302_114,
        "loss_tokens": 134_002,
        "median_tokens": 149,
        "longest_tokens": 333,
    }
    pair = {"first": "train", "second": "seen", "first_tasks": 2000, "second_tasks": 60, "equal_texts": 0}
    return {
        "experiment": {
            "name": "twins",
            "question": "Does a model that has only read old text learn to fix bugs as well as its modern twin?",
            "scale": "1",
            "arms": [
                {"name": arm, "base": f"bases/{arm}", "tokenizer": f"bases/{arm}", "parameters": 2_131_456}
                for arm in recipe.rates
            ],
            "seeds": list(recipe.seeds),
            "doses": trained,
            "splits": recipe.splits,
            "temperature": 0.7,
            "pairs": [list(pair) for pair in recipe.pairs],
            "config_hash": "5f0c" * 16,
            "base_hashes": {"vintage/model.safetensors": "ab" * 32},
            "resolved": {"name": "twins", "training": {"rate": 1e-3, "batch": 25}, "tasks": {"seed": 1}},
        }
        | ({} if recipe.margin is None else {"margin": recipe.margin}),
        "data": {
            "train_trajectories": 2000,
            "train_tokens": {"vintage": 302_114, "modern": 298_870},
            "arms": {arm: {**entry, "arm": arm, "sha256": "cd" * 32} for arm in recipe.rates},
            "teacher": {"kept": 2000, "dropped": 12, "recovered_share": 0.21},
            "overlap": {
                "n": 8,
                "pairs": [{**pair, "equal_modules": 0, "median_share": 0.31, "max_share": 0.62, "worst": []}],
                "repeated": {"train": 0},
            },
            "admission": {"seen": {"source": "drills:seen", "used": 60, "admitted": 64, "refused": [["x", "no fix"]]}},
            "hashes": {"train": "ef" * 32},
        },
        **{
            f"training/{arm}/{seed}": {
                "doses": [
                    {
                        "dose": d,
                        "tokens": 150 * d,
                        "loss_tokens": 67 * d,
                        "steps": d // 25,
                        "train_loss": 2.0 / np.log(d),
                    }
                    for d in trained
                ],
            }
            for arm in recipe.rates
            for seed in recipe.seeds
        },
        "machine": {"cpu": "a processor", "cores": 2, "python": "3.11.2", "torch": "2.6.0", "threads": "1"},
        "finished/0": {"wall_s": 412.5, "peak_rss_mb": 1820.4, "reused": 0},
        "finished/1": {"wall_s": 88.25, "peak_rss_mb": 1544.0, "reused": 1400},
    }


@pytest.fixture
def made(tmp_path) -> Callable[..., Path]:
    """Write a run of a recipe; called again it writes another one."""
    numbers = count()
    return lambda **changes: write_run(tmp_path / f"run{next(numbers)}", Recipe(**changes))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """One finished run of one seed, with its report built. Tests read it and change nothing."""
    directory = write_run(tmp_path_factory.mktemp("finished") / "run", Recipe())
    build(directory)
    return directory
