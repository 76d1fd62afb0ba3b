"""`assay train` by the real command: killed it ends with the same bits, stopped it saves, bad input is a sentence."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assay.models.chat import Chat
from assay.models.weights import new_model, use_one_thread
from assay.training.data import write_dataset
from assay.training.tokenizer import train_tokenizer
from tests.conftest import ARCHITECTURE, TEXT
from tests.e2e.conftest import assay, start
from tests.training.small import copying, write_copying

CHOICES = ("--batch-tokens", "60", "--rate", "1e-2", "--save-every", "2", "--keep", "3")


@pytest.fixture(scope="module")
def folder(chat, tmp_path_factory) -> Path:
    """A model, and a training set made for it."""
    place = tmp_path_factory.mktemp("train")
    use_one_thread(0)
    new_model(ARCHITECTURE, 0).save_pretrained(place / "model")
    chat.save(place / "model")
    write_copying(chat, place / "model", place / "data", 200)
    return place


def words(folder: Path, out: str, *more: str, model: str = "model", data: str = "data") -> list[str | Path]:
    return ["train", "--model", folder / model, "--data", folder / data, "--out", folder / out, *CHOICES, *more]


def log(out: Path) -> list[dict]:
    if not (out / "training.jsonl").is_file():
        return []
    text = (out / "training.jsonl").read_text()
    found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    for line in found:
        del line["seconds"]
    return found


def wait_for(process, reached) -> None:
    until = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--lora", "4")], ids=["all weights", "lora"])
def test_killed_and_started_again_it_ends_with_the_same_bits(folder, more):
    name = "lora" if more else "all"
    done = assay(*words(folder, f"{name}-whole", "--json", *more))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["step"] == result["steps"] > 20
    assert "device cpu" in done.stderr
    assert "steps of at most 60 tokens" in done.stderr
    cut = folder / f"{name}-cut"
    process = start(*words(folder, f"{name}-cut", *more))
    wait_for(process, lambda: len(log(cut)) >= 7)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(log(cut)) < result["steps"]
    again = assay(*words(folder, f"{name}-cut", "--json", *more))
    assert again.returncode == 0, again.stderr
    assert "going on after step" in again.stderr
    assert log(cut) == log(folder / f"{name}-whole")
    assert json.loads(again.stdout.splitlines()[-1])["held_out_loss"] == result["held_out_loss"]
    file = "adapter_model.safetensors" if more else "model.safetensors"
    first, second = (
        load_file(folder / f"{name}-{way}" / "checkpoints" / str(result["steps"]) / file) for way in ("whole", "cut")
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert len(list((cut / "checkpoints").iterdir())) == 3
    if more:
        finished = assay(*words(folder, f"{name}-cut", "--json", "--merge", *more))
        merged = Path(json.loads(finished.stdout.splitlines()[-1])["merged"])
        assert {"model.safetensors", "tokenizer.json", "config.json"} <= {path.name for path in merged.iterdir()}


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(folder):
    out = folder / "stopped"
    process = start(*words(folder, "stopped", "--save-every", "0", "--epochs", "50"))
    wait_for(process, lambda: len(log(out)) >= 3)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    steps = len(log(out))
    assert (out / "checkpoints" / str(steps) / "card.json").is_file()
    other = assay(*words(folder, "stopped", "--save-every", "0"))
    assert other.returncode == 2
    assert "config.epochs was 50 and is 1" in other.stderr
    assert len(log(out)) == steps


def other_tokenizer(folder: Path) -> None:
    chat = Chat(train_tokenizer([text.replace("e", "o") for text in TEXT], ARCHITECTURE.vocabulary))
    new_model(ARCHITECTURE, 0).save_pretrained(folder / "other")
    chat.save(folder / "other")


def narrow(folder: Path) -> None:
    new_model(ARCHITECTURE.model_copy(update={"context": 64}), 0).save_pretrained(folder / "narrow")
    Chat.load(folder / "model").save(folder / "narrow")
    chat = Chat.load(folder / "model")
    long = [e for e in copying(chat, 9)] * 4
    ids = tuple(token for e in long for token in e.ids)
    learn = tuple(flag for e in long for flag in e.in_loss)
    write_dataset(folder / "long", [(ids, learn, {"task_id": "t", "split": "train"})])


@pytest.mark.slow
def test_bad_input_is_one_sentence(folder):
    other_tokenizer(folder)
    narrow(folder)
    (folder / "full").mkdir()
    (folder / "full" / "thesis.txt").write_text("mine")
    for arguments, said in [
        (words(folder, "bad", model="other"), "were made with the tokenizer"),
        (words(folder, "bad", model="narrow", data="long"), "longer than the context of 64 tokens, the longest"),
        (words(folder, "bad", data="model"), "is no"),
        (words(folder, "bad", model="none"), "There is no"),
        (words(folder, "full"), "holds thesis.txt and no run of `assay train`"),
        (words(folder, "bad", "--objective", "rlhf"), "There is no objective 'rlhf'"),
        (words(folder, "bad", "--objective", "rloo"), "samples its own data and"),
        (words(folder, "bad", "--merge"), "without --lora there is none"),
        (["train", "--model", folder / "model", "--out", folder / "bad"], "name one with --data"),
    ]:
        done = assay(*arguments)
        assert done.returncode == 2, (said, done.stderr)
        assert "Traceback" not in done.stderr
        assert said in done.stderr, done.stderr
    assert (folder / "full" / "thesis.txt").read_text() == "mine"
    assert not (folder / "bad" / "run.json").exists()
