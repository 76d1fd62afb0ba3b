"""Two processes on the CPU (gloo, FSDP2): the losses of one process, and a run that resumes."""

import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from assay.models.weights import new_model, use_one_thread
from assay.training.config import LoraChoice, TrainConfig
from assay.training.distributed import Processes
from assay.training.tune import tune
from tests.conftest import ARCHITECTURE
from tests.training.small import write_copying

CONFIG = {
    "batch_tokens": 120,
    "pack_tokens": 40,  # several rows a step, an odd number of them now and then
    "peak_rate": 1e-2,
    "warmup": 2,
    "save_every": 4,
    "evaluate_every": 4,
    "precision": "float32",
}


def test_shares_are_equally_long_and_every_row_counts_once():
    import torch

    for count in (1, 2, 3, 4):
        shares = [Processes(rank, count, torch.device("cpu")).share("abcde") for rank in range(count)]
        assert len({len(share) for share in shares}) == 1
        assert sorted(row for share in shares for row, counts in share if counts) == list("abcde")


def written(folder, name):
    found = [json.loads(text) for text in (folder / name).read_text().splitlines()]
    for line in found:
        line.pop("seconds", None)
    return found


def launch(folder, config, out, processes=2):
    lines = [f"{name} = {json.dumps(value)}" for name, value in config.items() if name != "lora"]
    if "lora" in config:
        lines += ["[lora]", f"rank = {config['lora'].rank}"]
    (folder / "run.toml").write_text("\n".join(lines))
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m", "assay", "train"]
    words += ["--model", folder / "model", "--data", folder / "data", "--out", out, "--config", folder / "run.toml"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, words), "--json"],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(chat, tmp_path_factory):
    place = tmp_path_factory.mktemp("two")
    use_one_thread(0)
    new_model(ARCHITECTURE, 0).save_pretrained(place / "model")
    chat.save(place / "model")
    write_copying(chat, place / "model", place / "data")
    return place


@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True], ids=["all weights", "lora"])
def test_two_processes_give_the_losses_of_one_and_resume(folder, lora):
    config = {**CONFIG, **({"lora": LoraChoice(rank=4)} if lora else {})}
    name = "lora" if lora else "all"
    one, two = folder / f"{name}-one", folder / f"{name}-two"
    alone = tune(folder / "model", folder / "data", one, TrainConfig(**config), say=lambda text: None)
    together = launch(folder, config, two)
    assert together["steps"] == alone["steps"] > 8
    for first, second in zip(written(one, "training.jsonl"), written(two, "training.jsonl"), strict=True):
        assert second["loss"] == pytest.approx(first["loss"], abs=1e-5)
        assert second["norms"] == pytest.approx(first["norms"], rel=1e-3)
        assert (second["tokens"], second["loss_tokens"]) == (first["tokens"], first["loss_tokens"])
    for first, second in zip(written(one, "evaluation.jsonl"), written(two, "evaluation.jsonl"), strict=True):
        assert second["held_out_loss"] == pytest.approx(first["held_out_loss"], abs=1e-5)
    file = "adapter_model.safetensors" if lora else "model.safetensors"
    end = str(alone["steps"])
    ours, theirs = (load_file(out / "checkpoints" / end / file) for out in (one, two))
    assert set(ours) == set(theirs)
    whole = written(two, "training.jsonl")
    # as if it had been killed after the last checkpoint but one
    import shutil

    shutil.rmtree(two / "checkpoints" / end)
    kept = max(int(path.name) for path in (two / "checkpoints").iterdir())
    assert 0 < kept < alone["steps"]
    again = launch(folder, config, two)
    assert again["step"] == alone["steps"]
    assert written(two, "training.jsonl") == whole
    resumed = load_file(two / "checkpoints" / end / file)
    assert all((resumed[key] == theirs[key]).all() for key in theirs)
    # a checkpoint of two processes is one of one process too
    shutil.rmtree(two / "checkpoints" / end)
    single = tune(folder / "model", folder / "data", two, TrainConfig(**config), say=lambda text: None)
    assert single["loss"] == pytest.approx(alone["loss"], abs=1e-5)
