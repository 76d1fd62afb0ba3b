"""A whole experiment in small: tiny bases, a few drills, two doses; run by the real command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.models.weights import new_model, use_one_thread
from tests.conftest import ARCHITECTURE

EXPERIMENT = """
name = "small"
question = "Does it run?"
compare = [["first", "second"]]
margin = 0.05
[[arms]]
name = "first"
base = "first"
[[arms]]
name = "second"
base = "random"
tokenizer = "first"
[tasks]
train = "drills:train"
seed = 5
[tasks.evaluation]
seen = "drills:seen"
[tasks.options]
train = { templates = 6 }
seen = { templates = 6 }
[teacher]
wrong_share = 0.3
[training]
batch = 4
warmup = 2
[sampling]
temperature = 0.7
max_new_tokens = 12
[scale.1]
seeds = [0]
trajectories = 16
teacher_tasks = 18
doses = [8, 16]
evaluation = { seen = 6 }
"""


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory, chat) -> Path:
    """A folder with an experiment file and a base checkpoint."""
    folder = tmp_path_factory.mktemp("laboratory")
    use_one_thread(0)
    architecture = ARCHITECTURE.model_copy(update={"context": 768})
    model = new_model(architecture, 0)
    model.save_pretrained(folder / "first")
    chat.tokenizer.save(str(folder / "first" / "tokenizer.json"))
    card = {
        "config": {"architecture": architecture.model_dump()},
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    (folder / "first" / "card.json").write_text(json.dumps(card))
    (folder / "small.toml").write_text(EXPERIMENT)
    return folder


def assay(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    """Run the real command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "assay", *map(str, arguments)], capture_output=True, text=True, timeout=600, **options
    )


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start the real command."""
    return subprocess.Popen(
        [sys.executable, "-m", "assay", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
