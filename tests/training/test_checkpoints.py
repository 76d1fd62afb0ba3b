"""Checkpoints: renamed into place, the newest kept, random states restored; a full disk and a foreign one."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest
import torch

from assay.errors import UserError
from assay.ledger.directory import held
from assay.models.weights import new_model
from assay.training import checkpoints
from assay.training.config import TrainConfig
from assay.training.folder import claim
from assay.training.loop import Trainer, supervised
from assay.training.packing import pack
from tests.conftest import ARCHITECTURE
from tests.training.small import copying

CONFIG = TrainConfig(steps=9, warmup=0, keep=2)


def trained(chat, out, steps, architecture=ARCHITECTURE):
    made = Trainer(new_model(architecture, 0), chat, CONFIG, out)
    for _ in range(steps):
        made.step(pack(copying(chat, 3), 40), supervised)
    return made


def test_the_newest_stay_and_a_half_written_one_is_none(chat, tmp_path):
    made = trained(chat, tmp_path, 0)
    for _ in range(4):
        made.step(pack(copying(chat, 3), 40), supervised)
        made.save()
    assert [path.name for path in checkpoints.checkpoints(tmp_path)] == ["3", "4"]
    (tmp_path / "checkpoints" / "7.partial").mkdir()
    (tmp_path / "checkpoints" / "8").mkdir()
    assert checkpoints.latest(tmp_path) == tmp_path / "checkpoints" / "4"
    names = {path.name for path in (tmp_path / "checkpoints" / "4").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "card.json", "state"} <= names
    card = json.loads((tmp_path / "checkpoints" / "4" / "card.json").read_text())
    assert (card["step"], card["tokens"], card["loss_tokens"]) == (4, made.tokens, made.loss_tokens)
    assert card["decay"] == {"matrices": 0.01, "embedding": 0.0, "norms": 0.0, "chat_rows": 0.0}


KILLED_WITHIN = """
import os, signal, sys
from pathlib import Path
from assay.training import checkpoints

final, renamed, plain = Path(sys.argv[1]), [], Path.rename

def rename(path, target):  # the process dies just before its rename of that number
    if len(renamed) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    renamed.append(path)
    return plain(path, target)

Path.rename = rename
checkpoints.finish(final, keep=2)
"""


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_while_one_takes_the_place_of_another_loses_neither_run_nor_step(chat, tmp_path, renames):
    made = trained(chat, tmp_path, 2)
    final = made.save()
    wanted = {name: tensor.clone() for name, tensor in made.model.state_dict().items()}
    shutil.copytree(final, checkpoints.partial_of(final))
    killed = subprocess.run([sys.executable, "-c", KILLED_WITHIN, final, str(renames)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = checkpoints.latest(tmp_path)
    assert left == (final if renames == 0 else final.with_name("2.before"))
    again = trained(chat, tmp_path, 0)
    assert again.resume()
    assert again.steps_done == 2
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in again.model.state_dict().items())
    again.save()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["2"]


def test_a_checkpoint_that_was_half_removed_is_none_and_goes_with_the_next(chat, tmp_path):
    made = trained(chat, tmp_path, 1)
    torn = made.save()
    (torn / "card.json").unlink()
    assert checkpoints.latest(tmp_path) is None
    made.step(pack(copying(chat, 3), 40), supervised)
    made.save()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["2"]


def test_what_a_kill_kept_from_being_removed_goes_when_the_run_goes_on(chat, tmp_path):
    made = trained(chat, tmp_path, 0)
    made.config = CONFIG.model_copy(update={"keep": 9})  # so that nothing is removed, as after a kill
    for _ in range(4):
        made.step(pack(copying(chat, 3), 40), supervised)
        made.save()
    (tmp_path / "checkpoints" / "1" / "card.json").unlink()
    (tmp_path / "checkpoints" / "5.partial").mkdir()
    assert trained(chat, tmp_path, 0).resume()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["3", "4"]


def test_random_states_come_back(tmp_path):
    random.seed(5)
    random.gauss(0, 1)
    torch.manual_seed(5)
    checkpoints.write_random(tmp_path, 0)
    wanted = [random.random(), random.gauss(0, 1), float(torch.rand(()))]
    random.seed(6)
    torch.manual_seed(6)
    checkpoints.read_random(tmp_path, 0)
    assert [random.random(), random.gauss(0, 1), float(torch.rand(()))] == wanted


def test_a_log_is_cut_to_a_step_and_loses_a_torn_line(tmp_path):
    path = tmp_path / "training.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    checkpoints.cut_log(path, 2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_what_is_not_finite_is_null_in_a_log(tmp_path):
    line = {"step": 1, "ratio_max": float("inf"), "norms": {"matrices": float("nan"), "norms": 2.0}, "largest": "norms"}
    checkpoints.append_line(tmp_path / "training.jsonl", line)
    read = json.loads((tmp_path / "training.jsonl").read_text(), parse_constant=pytest.fail)
    assert read == {"step": 1, "ratio_max": None, "norms": {"matrices": None, "norms": 2.0}, "largest": "norms"}


def test_a_log_that_cannot_be_written_anew_is_a_sentence_and_stays(tmp_path):
    path = tmp_path / "training.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n')
    (tmp_path / "training.jsonl.partial").mkdir()  # writing there fails as on a full disk
    with pytest.raises(UserError, match=r"could not be written .* free space"):
        checkpoints.cut_log(path, 1)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_checkpoint_of_another_architecture_is_refused(chat, tmp_path):
    trained(chat, tmp_path, 1).save()
    wider = ARCHITECTURE.model_copy(update={"inner": 96})
    with pytest.raises(UserError, match=r"is of another model: `model\.layers\.0\.mlp"):
        trained(chat, tmp_path, 0, wider).resume()
    deeper = ARCHITECTURE.model_copy(update={"layers": 3})
    with pytest.raises(UserError, match=r"is of another model: `model\.layers\.2"):
        trained(chat, tmp_path, 0, deeper).resume()


def test_a_torn_state_is_a_sentence(chat, tmp_path):
    directory = trained(chat, tmp_path, 1).save()
    (directory / "state" / "optimizer.safetensors").write_bytes(b"\x10torn")
    with pytest.raises(UserError, match=r"cannot be read .* the one before"):
        trained(chat, tmp_path, 0).resume()


def test_torn_weights_are_a_sentence_that_says_how_to_go_on(chat, tmp_path):
    trainer = trained(chat, tmp_path, 1)
    first = trainer.save()
    second = trained(chat, tmp_path, 2).save()
    weights = second / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=rf"{second}.*remove it, and the run goes on from the one before"):
        trained(chat, tmp_path, 0).resume()
    shutil.rmtree(second)
    again = trained(chat, tmp_path, 0)
    assert again.resume()
    assert again.steps_done == 1
    assert checkpoints.latest(tmp_path) == first


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 900 kB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", place], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_keeps_the_last_good_checkpoint(chat, small_disk):
    made = trained(chat, small_disk, 1)
    good = made.save()
    before = (good / "model.safetensors").read_bytes()
    (small_disk / "ballast").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 60_000))
    made.step(pack(copying(chat, 3), 40), supervised)
    with pytest.raises(UserError, match=f"could not be written .*the last good checkpoint is {good}: free space"):
        made.save()
    assert checkpoints.checkpoints(small_disk) == [good]
    assert (good / "model.safetensors").read_bytes() == before
    assert [path.name for path in (small_disk / "checkpoints").iterdir()] == ["1"]
    (small_disk / "ballast").unlink()
    assert made.save() == small_disk / "checkpoints" / "2"


def test_a_directory_is_claimed_by_one_run_and_what_differs_is_named(tmp_path):
    identity = {"config": {"seed": 0, "keep": 2, "lora": None}, "model": {"sha256": {"config.json": "a"}}}
    claim(tmp_path, identity)
    claim(tmp_path, {**identity, "config": {"seed": 0, "keep": 5, "lora": None}})
    with pytest.raises(UserError, match=r"holds another run: config\.seed was 0 and is 1\. Give the same"):
        claim(tmp_path, {**identity, "config": {"seed": 1, "keep": 2, "lora": None}})
    with pytest.raises(UserError, match=r"model\.sha256\.config\.json was a and is b"):
        claim(tmp_path, {**identity, "model": {"sha256": {"config.json": "b"}}})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "ledger.sqlite").write_text("")
    with pytest.raises(UserError, match=r"holds ledger\.sqlite and no run of `assay train`"):
        claim(tmp_path / "other", identity)


def test_a_directory_is_held_by_one_run_at_a_time(tmp_path):
    with held(tmp_path / "run"), pytest.raises(UserError, match="Another run is at work"), held(tmp_path / "run"):
        pass
