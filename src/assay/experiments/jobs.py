"""The jobs of a scaling experiment: teach, tokenise, train one arm, evaluate one checkpoint. Run in workers.

Each can be killed at any moment and run again: it leaves finished work alone.
"""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from assay.agents import ShellAgent
from assay.agents.teacher import Teacher
from assay.corpus.fetch import sha256_file
from assay.experiments.config import RANDOM, Arm, Experiment
from assay.experiments.place import Place
from assay.experiments.workers import tell
from assay.ledger import Ledger
from assay.nouns import PlannedAttempt, Status, Task, Trajectory
from assay.rollout import run_attempts

TEACH, TRAIN, EVALUATE = "teacher trajectories", "trajectories trained on", "attempts"


def teach(experiment: Experiment, place: Place, shard: int, shards: int) -> int:
    """Let the teacher run every `shards`-th training task from number `shard` on; return how many were done before."""
    with Ledger(place.teacher) as ledger:
        tasks = {task.id: task for task in ledger.tasks()}
        planned = ledger.planned()[shard::shards]
        return asyncio.run(
            run_attempts(
                planned,
                tasks,
                ShellAgent(experiment.agent),
                lambda task: nullcontext(Teacher(task, experiment.teacher.wrong_share)),
                ledger,
                concurrency=2,
                tell=lambda n: tell(TEACH, n),
            )
        )


def verified(ledger: Ledger) -> list[tuple[Task, Trajectory]]:
    """Return the teacher's trajectories that solved their task, in the order of the plan."""
    tasks = {task.id: task for task in ledger.tasks()}
    kept: list[tuple[Task, Trajectory]] = []
    for attempt in ledger.attempts():
        trajectory = ledger.trajectory(attempt.plan.id)
        if attempt.status is Status.SOLVED and trajectory is not None:
            kept.append((tasks[attempt.plan.task_id], trajectory))
    return kept


def tokenizer_directory(experiment: Experiment, arm: Arm) -> Path:
    """Return the directory with the tokenizer of an arm."""
    return experiment.path(arm.tokenizer or arm.base)


def tokenise(experiment: Experiment, place: Place, arm_name: str) -> dict:
    """Tokenise the verified trajectories for one arm; return what was counted, and the hash of the data."""
    from assay.models.chat import Chat
    from assay.training.examples import example_of
    from assay.training.shards import examples_hash, load_examples, save_examples

    directory = tokenizer_directory(experiment, experiment.arm(arm_name))
    path = place.data(sha256_file(directory / "tokenizer.json"))
    if path.is_file():
        examples = load_examples(path)
    else:
        chat = Chat.load(directory)
        with Ledger(place.teacher) as ledger:
            kept = verified(ledger)[: experiment.chosen.trajectories]
        examples = [example_of(trajectory, chat, _context(directory)) for _, trajectory in kept]
        save_examples(examples, path)
    lengths = sorted(len(example.ids) for example in examples)
    return {
        "arm": arm_name,
        "trajectories": len(examples),
        "tokens": sum(lengths),
        "loss_tokens": sum(sum(example.in_loss) for example in examples),
        "median_tokens": lengths[len(lengths) // 2] if lengths else 0,
        "longest_tokens": lengths[-1] if lengths else 0,
        "sha256": examples_hash(examples),
    }


def _context(directory: Path) -> int:
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(directory, local_files_only=True).max_position_embeddings)


def start_of(experiment: Experiment, place: Place, arm: Arm, seed: int) -> Path:
    """Return the checkpoint that an arm starts from; random weights are drawn with the seed and kept once."""
    if arm.base != RANDOM:
        return experiment.path(arm.base)
    directory = place.checkpoints(arm.name, seed) / "0"
    if not directory.is_dir():
        import json

        from assay.models.weights import Architecture, new_model

        source = tokenizer_directory(experiment, arm)
        architecture = Architecture(**json.loads((source / "card.json").read_text())["config"]["architecture"])
        partial = directory.with_name("0.partial")
        shutil.rmtree(partial, ignore_errors=True)
        new_model(architecture, seed).save_pretrained(partial)
        shutil.copy(source / "tokenizer.json", partial / "tokenizer.json")
        partial.rename(directory)
    return directory


def train_arm(experiment: Experiment, place: Place, arm_name: str, seed: int) -> dict:
    """Train one arm with one seed through all doses; return its cards. The seed orders the data, alike for all arms."""
    from assay.models.chat import Chat
    from assay.training.shards import load_examples
    from assay.training.supervised import SupervisedConfig, train

    arm = experiment.arm(arm_name)
    directory = tokenizer_directory(experiment, arm)
    examples = load_examples(place.data(sha256_file(directory / "tokenizer.json")))
    read = 0

    def report(done: int) -> None:
        nonlocal read
        tell(TRAIN, done - read)
        read = done

    cards = train(
        start_of(experiment, place, arm, seed),
        Chat.load(directory),
        examples,
        experiment.chosen.doses,
        place.checkpoints(arm_name, seed),
        SupervisedConfig(**experiment.training.model_dump(), passes=experiment.chosen.passes),
        seed=seed,
        tell=report,
    )
    report(experiment.chosen.doses[-1])  # checkpoints that were there already count as done
    return {"arm": arm_name, "seed": seed, "doses": [card.model_dump(mode="json") for card in cards]}


def evaluate(experiment: Experiment, place: Place, planned: Sequence[PlannedAttempt]) -> int:
    """Run the planned attempts of one checkpoint (one arm, seed and dose); return how many were done before."""
    from assay.models.local import LocalModel
    from assay.models.weights import use_one_thread

    arm, seed, dose = experiment.arm(planned[0].arm), planned[0].seed, planned[0].dose
    use_one_thread(seed)
    with Ledger(place.ledger) as ledger:
        if {p.id for p in planned} <= ledger.finished():
            return len(planned)
        directory = (
            start_of(experiment, place, arm, seed) if dose == 0 else place.checkpoints(arm.name, seed) / str(dose)
        )
        model = LocalModel.load(
            directory,
            temperature=experiment.sampling.temperature,
            max_new_tokens=experiment.sampling.max_new_tokens,
        )
        model.name = f"{arm.name}-{seed}-{dose}"
        tasks = {task.id: task for task in ledger.tasks()}
        return asyncio.run(
            run_attempts(
                planned,
                tasks,
                ShellAgent(experiment.agent),
                lambda task: model.attempt(),
                ledger,
                concurrency=model.engine.slots,
                tell=lambda n: tell(EVALUATE, n),
            )
        )
