"""The jobs of a scaling experiment: teach, tokenise, train one arm; and the checkpoint to evaluate. Run by executors.

Each yields what it did: `Progress` for the bars, attempts to be recorded, figures. It can be killed at any moment and
run again: it leaves finished work alone.
"""

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from assay.agents import ShellAgent
from assay.agents.teacher import Teacher
from assay.experiments.config import RANDOM, Arm, Experiment
from assay.experiments.place import Place
from assay.ledger import Ledger
from assay.models.allowance import Central
from assay.nouns import PlannedAttempt, Status, Task, Trajectory
from assay.nouns.base import sha256_file
from assay.rollout.attempts import Tried, attempts
from assay.rollout.checkpoint import Checkpoint
from assay.rollout.planned import CutOff
from assay.sandbox import trees

TEACH, TRAIN, EVALUATE = "teacher trajectories", "trajectories trained on", "attempts"

Pairs = Sequence[tuple[PlannedAttempt, Task]]
_TAUGHT_AT_ONCE = 2


@dataclass(frozen=True)
class Progress:
    """So many units of a kind of work are done of what `part` names, all tries of it and earlier runs together."""

    kind: str
    part: str
    done: int


async def teach(experiment: Experiment, pairs: Pairs) -> AsyncIterator[Tried | CutOff]:
    """Let the teacher run training tasks."""
    share = experiment.teacher.wrong_share
    agent = ShellAgent(experiment.agent)
    async for ended in attempts(pairs, agent, lambda task: nullcontext(Teacher(task, share)), _TAUGHT_AT_ONCE):
        yield ended


def verified(ledger: Ledger) -> Iterator[Trajectory]:
    """Yield the teacher's trajectories that solved their task, in the order of the plan."""
    for attempt in ledger.attempts():
        if attempt.status is Status.SOLVED:
            trajectory = ledger.trajectory(attempt.plan.id)
            if trajectory is not None:
                yield trajectory


def tokenizer_directory(experiment: Experiment, arm: Arm) -> Path:
    """Return the directory with the tokenizer of an arm."""
    return experiment.path(arm.tokenizer or arm.base)


async def tokenise(experiment: Experiment, place: Place) -> AsyncIterator[dict]:
    """Tokenise for every arm; yield what was counted for each. Arms with one tokenizer share a file."""
    for arm in experiment.arms:
        yield _tokenised(experiment, place, arm.name)


def _tokenised(experiment: Experiment, place: Place, arm_name: str) -> dict:
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
        context = _context(directory)
        with Ledger(place.teacher) as ledger:
            kept = islice(verified(ledger), experiment.chosen.trajectories)
            examples = [example_of(trajectory, chat, context) for trajectory in kept]
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


async def train_arm(experiment: Experiment, place: Place, arm_name: str, seed: int) -> AsyncIterator[Progress | dict]:
    """Train one arm with one seed through all doses; yield its cards. The seed orders the data, alike for all arms."""
    from assay.models.chat import Chat
    from assay.training.shards import load_examples
    from assay.training.supervised import SupervisedConfig, training

    arm = experiment.arm(arm_name)
    directory = tokenizer_directory(experiment, arm)
    examples = load_examples(place.data(sha256_file(directory / "tokenizer.json")))
    # in this thread, not beside it: memory of other threads is returned late, and a training run is large
    steps = training(
        start_of(experiment, place, arm, seed),
        Chat.load(directory),
        examples,
        experiment.chosen.doses,
        place.checkpoints(arm_name, seed),
        SupervisedConfig(**experiment.training.model_dump(), passes=experiment.chosen.passes),
        seed=seed,
    )
    cards = None
    while cards is None:
        try:
            now = next(steps)
        except StopIteration as end:
            now, cards = experiment.chosen.doses[-1], end.value  # checkpoints that were there already count as done
        yield Progress(TRAIN, f"{arm_name}-{seed}", now)
    yield {"arm": arm_name, "seed": seed, "doses": [card.model_dump(mode="json") for card in cards]}


def checkpoint_of(
    experiment: Experiment, place: Place, arm_name: str, seed: int, dose: int, allowance: Central | None = None
) -> Checkpoint:
    """Return a checkpoint to evaluate, all of which is read; it is made, where it is the random start of an arm."""
    arm = experiment.arm(arm_name)
    directory = start_of(experiment, place, arm, seed) if dose == 0 else place.checkpoints(arm.name, seed) / str(dose)
    key = trees.keep_contents("weights", directory)
    sampling = experiment.sampling
    name = f"{arm.name}-{seed}-{dose}"
    return Checkpoint(key, name, seed, sampling.temperature, sampling.max_new_tokens, allowance=allowance)
