"""The first phase of a scaling experiment: draw and admit the tasks, write the plan and what decides the results."""

import os
import platform
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from assay.errors import MachineryError, UserError
from assay.executors import Executor, Job, Processes, arrived
from assay.experiments.config import RANDOM, Experiment
from assay.experiments.jobs import tokenizer_directory
from assay.experiments.place import Place
from assay.ledger import Ledger
from assay.nouns import PlannedAttempt, Task
from assay.nouns.base import digest, sha256_file
from assay.tasks import source
from assay.tasks.admission import Admission, admit, trees_of
from assay.tasks.overlap import overlap

DRAWN = "tasks admitted"

Show = Callable[[str, int], None]

_PROVEN_TOGETHER = 64  # tasks in one job: those that are functions share a warm sandbox


async def draw(choice: str, split: str, count: int, seed: int, options: dict) -> AsyncIterator[tuple[str, list[Task]]]:
    """Draw `count` tasks of `source:split`."""
    name, name_of_split = choice.split(":")
    yield split, source(name).load(name_of_split, count, seed, **options)


async def prove(split: str, number: int, tasks: list[Task]) -> AsyncIterator[tuple[str, int, Admission]]:
    """Admit tasks; `number` says which part of the split they are."""
    yield split, number, await admit(tasks)


def _wanted(experiment: Experiment) -> dict[str, tuple[str, int]]:
    """Return for each split its source and how many tasks are needed."""
    wanted = {"train": (experiment.tasks.train, experiment.chosen.teacher_tasks)}
    for split, choice in experiment.tasks.evaluation.items():
        wanted[split] = (choice, experiment.chosen.evaluation[split])
    return wanted


async def draw_all(
    experiment: Experiment, here: Processes, executor: Executor, show: Show
) -> tuple[dict[str, list[Task]], dict]:
    """Return the admitted tasks of every split, exactly as many as asked for, and an account of admission.

    A few more than needed are drawn (one in twenty), so that a refused task is replaced by the next. They are drawn
    on this machine, whose trees they need, and admitted where the executor is.
    """
    wanted = _wanted(experiment)
    seed, options = experiment.tasks.seed, experiment.tasks.options
    draws = [
        Job(draw, (choice, split, count + count // 20 + 1, seed, options.get(split, {})))
        for split, (choice, count) in wanted.items()
    ]
    proofs: list[Job] = []
    async with aclosing(here.run(draws)) as events:
        async for split, drawn in arrived(events):
            for number, first in enumerate(range(0, len(drawn), _PROVEN_TOGETHER)):
                part = drawn[first : first + _PROVEN_TOGETHER]
                proofs.append(Job(prove, (split, number, part), trees=trees_of(part)))
    proven: dict[str, dict[int, Admission]] = {split: {} for split in wanted}
    async with aclosing(executor.run(proofs)) as events:
        async for split, number, admission in arrived(events):
            if number not in proven[split]:
                proven[split][number] = admission
                show(DRAWN, len(admission.admitted))
    tasks: dict[str, list[Task]] = {}
    account: dict[str, dict] = {}
    for split, (choice, count) in wanted.items():
        parts = [proven[split][number] for number in sorted(proven[split])]
        admitted = sorted((task for part in parts for task in part.admitted), key=lambda task: task.id)
        refused = sorted(refusal for part in parts for refusal in part.refused)
        if len(admitted) < count:
            raise UserError(
                f"The source {choice} gave {len(admitted)} admitted tasks where `{split}` needs {count}: "
                "lower that number in the experiment file."
            )
        tasks[split] = [task.model_copy(update={"split": split}) for task in admitted[:count]]
        account[split] = {"source": choice, "used": count, "admitted": len(admitted), "refused": refused}
    return tasks, account


def machine(here: Processes, executor: Executor) -> dict:
    """Return what this machine is and what was chosen by itself, for the report."""
    import importlib.metadata

    from assay.sandbox import describe

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "torch": importlib.metadata.version("torch"),
        "transformers": importlib.metadata.version("transformers"),
        "sandbox": describe(),
        "precision": "float32, on the CPU: small models gain nothing from less there",
        "threads": f"{here.count} worker processes of one thread each: two threads slow a small model down",
        **({} if executor is here else {"executor": executor.name}),
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def base_hashes(experiment: Experiment) -> dict[str, str]:
    """Return the hash of every base's weights and tokenizer; a missing one is the user's error."""
    found: dict[str, str] = {}
    for arm in experiment.arms:
        files = [tokenizer_directory(experiment, arm) / "tokenizer.json"]
        if arm.base != RANDOM:
            files.append(experiment.path(arm.base) / "model.safetensors")
        for file in files:
            if not file.is_file():
                raise UserError(
                    f"The arm {arm.name} needs {file}, which is not there: mend `base` or `tokenizer` in the "
                    "experiment file, or make the checkpoint with `assay pretrain`."
                )
            found[f"{arm.name}/{file.name}"] = sha256_file(file)
    return found


def parameters_of(experiment: Experiment, arm_name: str) -> int:
    """Return how many parameters an arm's model has, from the card of its base or tokenizer's base."""
    import json

    directory = tokenizer_directory(experiment, experiment.arm(arm_name))
    return int(json.loads((directory / "card.json").read_text())["parameters"])


def check_same_run(experiment: Experiment, ledger: Ledger, hashes: dict[str, str], place: Place) -> bool:
    """Return whether the run is prepared; raise UserError when the directory holds a run of another configuration."""
    old = ledger.fact("identity")
    if old is None:
        return False
    if old != {"config": experiment.hash, "bases": hashes}:
        what = "configuration" if old["config"] != experiment.hash else "base checkpoints"
        raise UserError(
            f"The run directory {place.root} holds a run of another {what} (scale or file changed): "
            "name another with --out, or remove it."
        )
    return True


async def prepare(
    experiment: Experiment, place: Place, ledger: Ledger, here: Processes, executor: Executor, show: Show
) -> None:
    """Draw, admit and plan, and record what decides the results. Writes nothing that a second call would change."""
    hashes = base_hashes(experiment)
    if check_same_run(experiment, ledger, hashes, place):
        return
    tasks, account = await draw_all(experiment, here, executor, show)
    shared = overlap(tasks)
    if not shared.clean:
        raise MachineryError("two splits share the text of a task: the task source is broken")
    with Ledger(place.teacher) as teacher:
        teacher.add_tasks(tasks["train"])
        teacher.plan(
            PlannedAttempt(arm="teacher", seed=0, dose=0, task_id=task.id, split="train") for task in tasks["train"]
        )
    evaluation = [task for split in experiment.tasks.evaluation for task in tasks[split]]
    ledger.add_tasks(evaluation)
    ledger.plan(
        PlannedAttempt(arm=arm.name, seed=seed, dose=dose, task_id=task.id, split=task.split)
        for seed in experiment.chosen.seeds
        for arm in experiment.arms
        for dose in (0, *experiment.chosen.doses)
        for task in evaluation
    )
    ledger.set_fact(
        "tasks",
        {
            "overlap": shared.model_dump(mode="json"),
            "admission": account,
            "templates": dict(Counter(str(task.metadata.get("template", task.family)) for task in evaluation)),
            "hashes": {split: digest([task.digest for task in group]) for split, group in tasks.items()},
        },
    )
    ledger.set_fact(
        "experiment",
        {
            "name": experiment.name,
            "question": experiment.question,
            "scale": experiment.scale,
            "arms": [
                {
                    "name": arm.name,
                    "base": arm.base,
                    "tokenizer": arm.tokenizer or arm.base,
                    "parameters": parameters_of(experiment, arm.name),
                }
                for arm in experiment.arms
            ],
            "seeds": experiment.chosen.seeds,
            "doses": experiment.chosen.doses,
            "splits": experiment.chosen.evaluation,
            "margin": experiment.margin,
            "temperature": experiment.sampling.temperature,
            "pairs": experiment.compare,
            "config_hash": experiment.hash,
            "base_hashes": hashes,
            "resolved": experiment.model_dump(mode="json", exclude={"folder"}),
        },
    )
    ledger.set_fact("machine", machine(here, executor))
    ledger.set_fact("identity", {"config": experiment.hash, "bases": hashes})
