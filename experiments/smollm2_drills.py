"""Does a LoRA fine-tune of SmolLM2-135M on a teacher's trajectories raise its pass rate on drills it has not seen?

    python experiments/smollm2_drills.py data MODEL OUT/data --trajectories 400
    assay train --model MODEL --data OUT/data --out OUT/tuned --config experiments/smollm2_drills.toml --merge --json
    python experiments/smollm2_drills.py evaluate MODEL OUT/tuned/merged --tasks 100 --ledger OUT/evaluation.sqlite

The tasks of the evaluation are of the split `seen`: templates that were trained on, in modules that were not. Both
models get the same prompts, seeds and limits; the interval of the difference is paired by task.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from assay.agents import ShellAgent
from assay.agents.shell import SENTINEL, ShellConfig
from assay.agents.teacher import Teacher
from assay.ledger import Ledger
from assay.models.formats import load_format
from assay.models.local import LocalModel
from assay.nouns import Attempt, PlannedAttempt, Status, Task
from assay.rollout import run_attempts
from assay.statistics import paired_difference
from assay.tasks import source
from assay.tasks.admission import admit

SYSTEM = (
    "Fix mod.py. Answer with one command a turn:\n```bash\nCOMMAND\n```\n"
    f"Look with grep, edit with sed, run test_mod.py. At the end: echo {SENTINEL}"
)
AGENT = ShellAgent(ShellConfig(system=SYSTEM))
SEED = 135


def draw(split: str, count: int, templates: int) -> list[Task]:
    """Return admitted drills of a split, made from so many templates, the shortest first."""
    tasks = source("drills").load(split, count + count // 10 + 1, SEED, templates=templates)
    return asyncio.run(admit(tasks)).admitted[:count]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def make_data(model: Path, out: Path, trajectories: int, templates: int) -> None:
    """Let the teacher solve training drills, and write its verified trajectories as a training set."""
    from assay.corpus.fetch import sha256_file
    from assay.training.data import write_dataset
    from assay.training.examples import example_of

    tasks = draw("train", trajectories, templates)
    out.parent.mkdir(parents=True, exist_ok=True)
    form = load_format(model)
    with Ledger(out.parent / "teacher.sqlite") as ledger:
        ledger.add_tasks(tasks)
        planned = [PlannedAttempt(arm="teacher", seed=0, dose=0, task_id=task.id, split=task.split) for task in tasks]
        ledger.plan(planned)
        by_id = {task.id: task for task in tasks}
        asyncio.run(
            run_attempts(planned, by_id, AGENT, lambda task: nullcontext(Teacher(task, 0.1)), ledger, concurrency=2)
        )
        kept = [
            (attempt.plan.task_id, trajectory)
            for attempt in ledger.attempts()
            if attempt.status is Status.SOLVED and (trajectory := ledger.trajectory(attempt.plan.id)) is not None
        ]
    held = max(1, len(kept) // 20)

    def examples():
        for number, (task_id, trajectory) in enumerate(kept):
            example = example_of(trajectory, form, 2048)
            split = "validation" if number < held else "train"
            turns = {"sampled_turns": 0, "written_turns": len(trajectory.steps)}
            yield example.ids, example.in_loss, {"task_id": task_id, "split": split, "source": "teacher", **turns}

    card = write_dataset(
        out,
        examples(),
        splits=("train", "validation"),
        about={"tokenizer_sha256": sha256_file(model / "tokenizer.json"), "vocabulary": form.vocabulary},
    )
    print(json.dumps({"examples": card.examples, "tokens": card.tokens, "loss_tokens": card.loss_tokens}))


def attempt_all(arm: str, directory: Path, tasks: dict[str, Task], path: Path, temperature: float) -> list[Attempt]:
    """Let one model attempt each task once, or go on where it stopped; return its attempts."""
    planned = [PlannedAttempt(arm=arm, seed=SEED, dose=0, task_id=task_id, split="seen") for task_id in tasks]
    model = LocalModel.load(directory, temperature=temperature, max_new_tokens=64, slots=16)
    left = len(tasks)

    def tell(done: int) -> None:
        nonlocal left
        left -= done
        if left % 10 == 0:
            say(f"{arm}: {left} of {len(tasks)} left")

    with Ledger(path) as ledger:
        ledger.add_tasks(tasks.values())
        ledger.plan(planned)
        asyncio.run(
            run_attempts(planned, tasks, AGENT, lambda task: model.attempt(), ledger, concurrency=16, tell=tell)
        )
        wanted = {plan.id for plan in planned}
        return [attempt for attempt in ledger.attempts() if attempt.plan.id in wanted]


def evaluate(models: list[Path], count: int, templates: int, path: Path, temperature: float) -> None:
    """Let each model attempt the same tasks once; print pass rates and the paired interval of second minus first."""
    tasks = {task.id: task for task in draw("seen", count, templates)}
    path.parent.mkdir(parents=True, exist_ok=True)
    rates: list[dict[str, float]] = []
    result: dict = {"tasks": len(tasks), "models": []}
    for place, directory in enumerate(models):
        attempts = attempt_all(f"{place}-{directory.name}", directory, tasks, path, temperature)
        scored = [attempt for attempt in attempts if attempt.status is not Status.MACHINERY]
        rates.append({attempt.plan.task_id: float(attempt.status is Status.SOLVED) for attempt in scored})
        result["models"].append(
            {
                "model": str(directory),
                "pass_rate": sum(rates[-1].values()) / len(scored),
                "statuses": dict(Counter(attempt.status.value for attempt in attempts)),
            }
        )
    if len(models) == 2:
        shared = sorted(set(rates[0]) & set(rates[1]))
        whole = paired_difference([[rates[1][i] for i in shared]], [[rates[0][i] for i in shared]]).interval
        result["difference"] = {"n": whole.n, "estimate": whole.estimate, "low": whole.low, "high": whole.high}
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    data = verbs.add_parser("data")
    data.add_argument("model", type=Path)
    data.add_argument("out", type=Path)
    data.add_argument("--trajectories", type=int, default=400)
    test = verbs.add_parser("evaluate")
    test.add_argument("models", type=Path, nargs="+")
    test.add_argument("--tasks", type=int, default=100)
    test.add_argument("--ledger", type=Path, required=True)
    test.add_argument("--temperature", type=float, default=0.7)
    for verb in (data, test):
        verb.add_argument("--templates", type=int, default=8)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if given.verb == "data":
        make_data(given.model, given.out, given.trajectories, given.templates)
    else:
        evaluate(given.models, given.tasks, given.templates, given.ledger, given.temperature)


if __name__ == "__main__":
    main()
