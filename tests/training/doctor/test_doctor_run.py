"""Faults planted in runs and checkpoints, made by the real training loop: each is found, and the clean run passes."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from assay.errors import UserError
from assay.training.config import LoraChoice
from assay.training.data import open_dataset
from assay.training.doctor import Patient, Status, examine
from assay.training.loop import LOG
from assay.training.optimizer import Groups
from assay.training.tokenizer import train_tokenizer
from assay.training.tune import tune
from tests.conftest import ARCHITECTURE, TEXT
from tests.training.doctor.conftest import CONFIG
from tests.training.doctor.test_doctor_data import failed, statuses


def quiet(text):
    pass


def test_a_clean_run_passes_every_check(run):
    found = examine(Patient(run))
    assert {finding.status for finding in found} == {Status.OK, Status.SKIPPED}, [f for f in found if f.advice]
    looked = {finding.check for finding in found if finding.status is Status.OK}
    assert {"gradients.clip", "chat_rows.weights", "replies.ends", "sampler_live", "tokenizer.recorded"} <= looked


def test_a_clean_checkpoint_passes_every_check(run):
    last = max((run / "checkpoints").iterdir(), key=lambda path: int(path.name))
    found = examine(Patient(last))
    assert {finding.status for finding in found} == {Status.OK, Status.SKIPPED}, [f for f in found if f.advice]


def test_weight_decay_on_the_chat_rows_is_found_in_the_weights(base, dataset, tmp_path, monkeypatch):
    real = Groups.decayed

    def everything(groups):
        decayed, free = real(groups)
        return [*decayed, *free], []

    monkeypatch.setattr(Groups, "decayed", everything)
    config = CONFIG.model_copy(update={"weight_decay": 20.0, "peak_rate": 2e-3})
    tune(base, dataset, tmp_path / "run", config, say=quiet)
    found = failed(examine(Patient(tmp_path / "run")))
    # the card repeats what the configuration promises: only the rows themselves tell
    assert "chat_rows.decay" not in found
    assert found["chat_rows.weights"].value["norm_ratio"] < 0.9
    assert "weight decay on the embedding" in found["chat_rows.weights"].advice
    assert "chat_rows.log" in found


def test_a_card_that_tells_of_decay_on_the_chat_rows_is_believed(run, copied):
    folder = copied(run)
    for path in (folder / "checkpoints").glob("*/card.json"):
        card = json.loads(path.read_text())
        card["decay"]["chat_rows"] = 0.1
        path.write_text(json.dumps(card))
    assert set(failed(examine(Patient(folder)))) == {"chat_rows.decay"}


def test_a_clip_that_one_gain_dominates_so_that_nothing_learns_is_found(base, dataset, tmp_path):
    """Gains a millionth of what they were and the matrices after them a million times: the same function of the
    input, and the gradient of the gains a million times larger. Clipped by kind the same model learns.
    """

    folder = shutil.copytree(base, tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    for layer in range(ARCHITECTURE.layers):
        weights[f"model.layers.{layer}.input_layernorm.weight"] *= 1e-6
        for matrix in ("q", "k", "v"):
            weights[f"model.layers.{layer}.self_attn.{matrix}_proj.weight"] *= 1e6
    save_file(weights, folder / "model.safetensors", {"format": "pt"})

    def trained(by, limit):
        out = tmp_path / f"{by}-{limit}"
        tune(folder, dataset, out, CONFIG.model_copy(update={"clip_by": by, "clip": limit}), say=quiet)
        return {finding.check: finding for finding in examine(Patient(out))}["gradients.clip"]

    dead, alive = trained("whole", 1e-16), trained("group", 1.0)
    assert dead.status is Status.FAIL, dead
    assert dead.value["largest"] == "norms"
    assert dead.value["share_of_largest"] > 0.9
    assert "`norms` alone makes" in dead.advice
    assert "nothing learns" in dead.advice
    assert alive.status is Status.OK, alive
    assert alive.value["loss_fell_by"] > 0.1
    by_kind = trained("group", 1e-16)
    assert by_kind.status is Status.FAIL
    assert "Raise `clip`" in by_kind.advice


def test_the_tokenizer_of_another_model_is_found(run, copied):
    folder = copied(run)
    other = train_tokenizer([text[::-1] for text in TEXT], ARCHITECTURE.vocabulary)
    for path in (folder / "checkpoints").iterdir():
        other.save(str(path / "tokenizer.json"))
    found = failed(examine(Patient(folder)))
    assert "ids mean other words" in found["tokenizer.recorded"].advice


def test_a_tokenizer_with_more_ids_than_the_model_has_rows_is_found(base, copied):
    folder = copied(base)
    larger = train_tokenizer([*TEXT, "wholly new words to merge: " + " ".join(str(n) for n in range(999))], 400)
    larger.save(str(folder / "tokenizer.json"))
    found = failed(examine(Patient(folder)))
    assert found["tokenizer.size"].value == {"ids": 400, "embedding_rows": 380}
    assert set(found) == {"template", "tokenizer.size"}


def test_a_model_whose_prose_costs_more_than_guessing_is_found(tmp_path):
    from pathlib import Path

    twins = Path(__file__).parents[3] / "checkpoints"
    folder = tmp_path / "vintage"
    shutil.copytree(twins / "vintage", folder)
    (folder / "card.json").unlink()
    assert statuses(examine(Patient(folder, most=16)))["tokenizer.cost"] is Status.OK
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    words = tokens[300:2044]
    vocabulary |= dict(zip(words, [vocabulary[token] for token in reversed(words)], strict=True))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (finding,) = [one for one in examine(Patient(folder, most=16)) if one.check == "tokenizer.cost"]
    assert finding.status is Status.WARN
    assert "more than guessing evenly" in finding.advice


def test_a_weight_that_is_no_number_is_found(run, copied):
    folder = copied(run)
    last = max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name))
    weights = load_file(last / "model.safetensors")
    weights["model.norm.weight"][0] = torch.nan
    save_file(weights, last / "model.safetensors", {"format": "pt"})
    assert "model.norm.weight" in failed(examine(Patient(folder)))["finite.weights"].advice


def test_a_log_whose_last_line_was_cut_by_a_kill_is_read_to_there(run, copied):
    folder = copied(run)
    whole = (folder / LOG).read_text()
    (folder / LOG).write_text(whole + '{"step": 99, "lo')
    assert statuses(examine(Patient(folder)))["finite.log"] is Status.OK


def test_a_training_set_that_went_away_is_no_fault_of_the_run(run, dataset, copied):
    assert open_dataset(dataset).card.examples == 108
    folder = copied(run)
    for path in (folder / "checkpoints").glob("*/card.json"):
        card = json.loads(path.read_text())
        card["data"]["folder"] = str(folder / "gone")
        path.write_text(json.dumps(card))
    found = {finding.check: finding for finding in examine(Patient(folder))}
    assert found["duplicates"].status is Status.SKIPPED
    assert "name one with --data" in found["duplicates"].advice


def test_a_run_of_adapters_is_examined_with_its_base(base, dataset, tmp_path):
    out = tmp_path / "run"
    tune(base, dataset, out, CONFIG.model_copy(update={"lora": LoraChoice(rank=8), "epochs": 3}), say=quiet)
    found = statuses(examine(Patient(out, most=16)))
    judged = {status for check, status in found.items() if not check.startswith("replies")}
    assert judged == {Status.OK, Status.SKIPPED}, found
    assert {found["sampler_live"], found["chat_rows.weights"], found["tokenizer.recorded"]} == {Status.OK}


def test_a_run_in_rounds_is_told_to_name_one(run, tmp_path):
    shutil.copytree(run, tmp_path / "expert" / "rounds" / "0")
    with pytest.raises(UserError, match=r"trained in rounds.*rounds/0"):
        Patient(tmp_path / "expert")


@pytest.mark.parametrize("written", [float("nan"), None])
@pytest.mark.parametrize("field", ["loss", "reward_mean", "ratio_max"])
def test_a_number_of_the_log_that_is_none_is_found(run, copied, field, written):
    folder = copied(run)
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    lines[6][field] = written
    (folder / LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
    finding = failed(examine(Patient(folder)))["finite.log"]
    assert finding.value == {"first_step": {field: 7}}
    assert f"`{field}` is not a finite number from step 7 on" in finding.advice
