"""A base, a training set and a run of it, all real and tiny: what the doctor's tests plant their faults in."""

import random
import shutil
from pathlib import Path

import pytest

from assay.models.chat import Chat
from assay.models.weights import new_model, use_one_thread
from assay.nouns import Exit, Finish, Message, Reply, Role, Step, Trajectory
from assay.nouns.base import sha256_file
from assay.training.config import TrainConfig
from assay.training.data import write_dataset
from assay.training.examples import example_of
from assay.training.tune import tune
from tests.conftest import ARCHITECTURE

WORDS = [
    "fox",
    "dog",
    "mill",
    "ship",
    "harbour",
    "wheel",
    "grain",
    "price",
    "market",
    "year",
    "brown",
    "quick",
    "lazy",
    "worth",
    "stop",
    "fall",
]
CONFIG = TrainConfig(batch_tokens=1024, pack_tokens=1024, peak_rate=1e-2, warmup=5, epochs=12, save_every=20, keep=9)


def trajectory(number: int) -> Trajectory:
    """Two turns: the agent says a word twice, is told to go on, and says that it is done."""
    rng = random.Random(number)
    asked, other = rng.choice(WORDS), rng.choice(WORDS)
    turns = ((f"{asked} {asked}", f"{other} {rng.randint(0, 99)} seen"), ("done", ""))
    return Trajectory(
        task_id=f"echo/{number}",
        agent="shell",
        model="teacher",
        prompt=(Message(role=Role.USER, content=f"task {number}: say {asked} twice, not {other}"),),
        steps=tuple(Step(reply=Reply(text=said, finish=Finish.STOP), observation=seen) for said, seen in turns),
        exit=Exit.SUBMITTED,
    )


def rows(chat: Chat, numbers, split="train"):
    """Yield examples as `write_dataset` takes them."""
    for number in numbers:
        example = example_of(trajectory(number), chat, ARCHITECTURE.context)
        yield example.ids, example.in_loss, {"task_id": f"echo/{number}", "split": split, "value": 1.0}


def make_dataset(folder: Path, chat: Chat, base: Path, changed=lambda ids, in_loss, meta: (ids, in_loss, meta)) -> Path:
    """Write 96 training and 12 held-out examples, each passed through `changed`."""
    both = [*rows(chat, range(96)), *rows(chat, range(1000, 1012), "validation")]
    about = {"tokenizer_sha256": sha256_file(base / "tokenizer.json"), "vocabulary": chat.vocabulary}
    write_dataset(folder, (changed(*row) for row in both), splits=("train", "validation"), about=about)
    return folder


@pytest.fixture(scope="session")
def base(chat, tmp_path_factory) -> Path:
    """A random model with its tokenizer."""
    folder = tmp_path_factory.mktemp("doctor") / "base"
    use_one_thread(0)
    new_model(ARCHITECTURE, 0).save_pretrained(folder)
    chat.save(folder)
    return folder


@pytest.fixture(scope="session")
def dataset(chat, base, tmp_path_factory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("doctor") / "data", chat, base)


@pytest.fixture(scope="session")
def run(base, dataset, tmp_path_factory) -> Path:
    """A finished supervised run with its checkpoints."""
    out = tmp_path_factory.mktemp("doctor") / "run"
    tune(base, dataset, out, CONFIG, say=lambda text: None)
    return out


@pytest.fixture
def copied(tmp_path):
    """Copy a directory, to plant a fault in the copy."""

    def copy(folder: Path) -> Path:
        return shutil.copytree(folder, tmp_path / f"copy-of-{folder.name}")

    return copy
