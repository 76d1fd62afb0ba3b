"""What training on sampled attempts adds to a supervised start, on drills: GRPO, RLOO, pass@4 and expert iteration.

Run: python benchmarks/rl_drills.py [--json] [--scale small] [--out DIR] [--start DIR] [--only rloo,passk:4] [--seed N]
     [--evaluation-seed N]

From the shipped modern twin: a teacher's trajectories, a short supervised start, then each method from that start
with as many attempts; all are tested on the same fresh tasks, and compared with the start by paired intervals.
`--only conditioned` trains on all attempts with the tag of their score, and says what comes of each score asked for
(its row is of prompts without a tag). Stopped, it goes on where it was. The configuration:
experiments/rl_drills.toml.
"""

import argparse
import asyncio
import json
import os
import time
import tomllib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from assay.agents import ShellAgent
from assay.agents.teacher import Teacher
from assay.ledger import Ledger
from assay.ledger.directory import held
from assay.models.formats import load_format
from assay.models.weights import load_model, use_one_thread
from assay.nouns import PlannedAttempt, Status, Task
from assay.rollout import run_attempts
from assay.statistics import mean_interval, paired_difference, pass_at_k
from assay.tasks import source
from assay.training.collect import collect
from assay.training.config import TrainConfig
from assay.training.examples import example_of
from assay.training.folder import model_identity
from assay.training.online import train_online
from assay.training.online_config import OnlineConfig, limited
from assay.training.rounds import Gathered, train_on

FILE = Path(__file__).resolve().parents[1] / "experiments" / "rl_drills.toml"
METHODS = ("grpo", "rloo", "passk:4+baseline", "expert")
K = 4


def drills(split: str, count: int, seed: int, given: dict[str, Any], steps: int = 0) -> list[Task]:
    """Return drills of the templates that the file says, with at most `steps` turns (0: their own limit)."""
    tasks = source("drills").load(split, count, seed, templates=given["templates"])
    return [limited(task, steps) for task in tasks]


def supervised_start(given: dict[str, Any], scale: dict[str, Any], out: Path) -> Path:
    """Let the teacher solve training tasks and train the base on what was verified; return the checkpoint."""
    base = (FILE.parent / given["base"]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    choice = dict(given["start"])
    wrong_share = choice.pop("wrong_share")
    tasks = drills("train", scale["trajectories"], 1930, given)
    format = load_format(base)
    with Ledger(out / "teacher.sqlite") as ledger:
        planned = [PlannedAttempt(arm="teacher", seed=0, dose=0, task_id=task.id, split="train") for task in tasks]
        ledger.add_tasks(tasks)
        ledger.plan(planned)
        asyncio.run(
            run_attempts(
                planned,
                {task.id: task for task in tasks},
                ShellAgent(),
                lambda task: nullcontext(Teacher(task, wrong_share)),
                ledger,
                concurrency=4,
            )
        )
        kept = [a.plan for a in ledger.attempts() if a.status is Status.SOLVED]
        context = load_model(base).config.max_position_embeddings
        pairs = [(plan.task_id, ledger.trajectory(plan.id)) for plan in kept]
        examples = [example_of(trajectory, format, context) for _, trajectory in pairs if trajectory is not None]
    data = Gathered(examples, [task_id for task_id, _ in pairs])
    tokens = int(data.lengths.mean() * scale["reads"])
    steps = tokens // choice["batch_tokens"]
    return train_on(data, TrainConfig(**choice, steps=steps), base, out, {"round": 0})


def train(name: str, start: Path, given: dict[str, Any], scale: dict[str, Any], out: Path, seed: int) -> Path:
    """Train `start` by the method and return the last checkpoint."""
    sampling = dict(given["sampling"])
    shared = {"group": scale["group"], **sampling}
    if name in ("expert", "conditioned"):
        choice = dict(given["expert"])
        rounds, per_task = choice.pop("rounds"), choice.pop("per_task")
        groups = round(scale["iterations"] * scale["groups"] / rounds)
        online = OnlineConfig(**shared, groups=groups, iterations=rounds, per_task=per_task)
    else:
        choice = dict(given["policy"])
        minibatches, cap = choice.pop("minibatches"), choice.pop("cap")
        online = OnlineConfig(
            **shared, groups=scale["groups"], iterations=scale["iterations"], minibatches=minibatches, cap=cap
        )
    tasks = drills("train", scale["iterations"] * scale["groups"], 77, given, given["steps"])
    print(f"{name}: {online.iterations} x {online.groups} x {online.group} attempts", flush=True)
    config = TrainConfig(objective=name, seed=seed, **choice)
    found = train_online(start, out, config, online, tasks=tasks, say=lambda text: print(f"  {text}", flush=True))
    return Path(found["checkpoint"])


def measure(
    name: str, directory: Path, given: dict[str, Any], scale: dict[str, Any], seed: int, ledger: Ledger
) -> np.ndarray:
    """Return solved_TK: tasks (drawn with `seed`) x trials, 1.0 or 0.0, NaN where our machinery failed."""
    tasks = drills("seen", scale["tasks"], seed, given, given["steps"])
    ledger.add_tasks(tasks)
    planned = [
        PlannedAttempt(arm=name, seed=0, dose=0, task_id=task.id, split="seen", trial=trial)
        for task in tasks
        for trial in range(scale["trials"])
    ]
    tried = collect(
        name,
        load_model(directory),
        load_format(directory),
        planned,
        {task.id: task for task in tasks},
        ledger,
        **given["sampling"],
    )
    value = [np.nan if a.status is Status.MACHINERY else float(a.status is Status.SOLVED) for a, _ in tried]
    return np.array(value).reshape(len(tasks), scale["trials"])


def at_k(solved_TK: np.ndarray) -> np.ndarray:
    """Return pass@K of every task, NaN where fewer than K trials are valid."""
    valid = (~np.isnan(solved_TK)).sum(axis=1)
    right = np.nansum(solved_TK, axis=1).astype(int)
    full = valid >= K
    found = np.full(len(solved_TK), np.nan)
    found[full] = pass_at_k(valid[full], right[full], K)
    return found


def words(interval: Any) -> dict[str, Any]:
    """Return an interval as JSON."""
    return {
        "estimate": round(interval.estimate, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": interval.n,
        "excludes_zero": bool(interval.excludes_zero),
    }


def difference(a_T: np.ndarray, b_T: np.ndarray) -> dict[str, Any]:
    """Return the paired difference a - b over tasks (with trials where there are any)."""
    return words(paired_difference(a_T[None], b_T[None]).interval)


def result(scores: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what is claimed: every method against the start, and pass@4 against RLOO at pass@4."""
    start = scores["start"]
    found: dict[str, Any] = {}
    for name, solved in scores.items():
        mean = mean_interval(solved[None])
        found[name] = {
            "pass_rate": words(mean),
            f"pass_at_{K}": round(float(np.nanmean(at_k(solved))), 4),
            "machinery": int(np.isnan(solved).sum()),
        }
        if name != "start":
            found[name]["minus_start"] = difference(solved, start)
            found[name][f"minus_start_at_{K}"] = difference(at_k(solved), at_k(start))
    for name in scores:
        if name.startswith("passk") and "rloo" in scores:
            found[name][f"minus_rloo_at_{K}"] = difference(at_k(scores[name]), at_k(scores["rloo"]))
    return found


def main() -> None:
    """Run what is not done yet and print a table, or with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scale", default="full")
    parser.add_argument("--out", type=Path, default=Path("runs/rl_drills"))
    parser.add_argument("--start", type=Path, help="a checkpoint to start from, in place of the supervised start")
    parser.add_argument("--seed", type=int, default=0, help="of sampling in training; give another --out with it")
    parser.add_argument(
        "--evaluation-seed", type=int, default=5, help="draws the tasks tested on; the settings were chosen on 5's"
    )
    parser.add_argument("--only", default=",".join(METHODS))
    arguments = parser.parse_args()
    given = tomllib.loads(FILE.read_text())
    scale = given.pop("scale")[arguments.scale]
    chosen = arguments.only.split(",")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    use_one_thread(0)
    with held(arguments.out):
        began = time.monotonic()
        start = arguments.start or supervised_start(given, scale, arguments.out / "start")
        print(f"start: {start}, {time.monotonic() - began:.0f} s", flush=True)
        scores: dict[str, np.ndarray] = {}
        seconds: dict[str, float] = {}
        with Ledger(arguments.out / "evaluation.sqlite") as ledger:
            identity = {"given": given, "scale": scale, "start": model_identity(start)}
            ledger.set_fact("identity", {**identity, "evaluation_seed": arguments.evaluation_seed})
            for name in ["start", *chosen]:
                began = time.monotonic()
                place = arguments.out / name.replace(":", "")
                directory = start if name == "start" else train(name, start, given, scale, place, arguments.seed)
                seconds[name] = round(time.monotonic() - began, 1)
                scores[name] = measure(name, directory, given, scale, arguments.evaluation_seed, ledger)
                print(f"{name}: {np.nanmean(scores[name]):.3f} after {seconds[name]} s", flush=True)
    found = {"scale": arguments.scale, "evaluation_seed": arguments.evaluation_seed, "start": str(start)}
    found |= {"seconds": seconds, "methods": result(scores)}
    for name, row in found["methods"].items():
        gain = row.get("minus_start", {})
        print(
            f"{name:18} pass {row['pass_rate']['estimate']:.3f}  pass@{K} {row[f'pass_at_{K}']:.3f}  "
            + (f"minus start {gain['estimate']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]" if gain else "")
        )
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
