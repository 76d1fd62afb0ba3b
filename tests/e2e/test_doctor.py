"""`assay doctor` and `assay atlas` as a user runs them: what is printed, what is written, and the exit statuses."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from assay.cli import app
from assay.errors import UserError
from assay.training.data.layout import INDEX_FILE, mask_file
from assay.training.tune import tune
from tests.training.doctor.conftest import CONFIG, base, dataset  # noqa: F401  (fixtures)


@pytest.fixture(scope="module")
def finished(base, dataset, tmp_path_factory):  # noqa: F811
    out = tmp_path_factory.mktemp("doctor-e2e") / "run"
    tune(base, dataset, out, CONFIG.model_copy(update={"epochs": 6}), say=lambda text: None)
    return out


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_broken_training_set_is_told_in_words_and_in_json(base, dataset, tmp_path):  # noqa: F811
    clean = call("doctor", dataset, "--model", base)
    assert clean.exit_code == 0, clean.output
    assert "checks, all ok" in clean.stdout

    broken = shutil.copytree(dataset, tmp_path / "broken")
    row = np.load(broken / INDEX_FILE)[0]
    mask = np.memmap(mask_file(broken, 0), dtype=np.bool_, mode="r+")
    mask[row["start"] : row["start"] + row["length"]] = False
    mask.flush()
    told = call("doctor", broken, "--model", base)
    assert told.exit_code == 1
    assert "fail: masked_share.data: 1 of 108 examples have no token in the loss" in told.stdout
    findings = json.loads(call("doctor", broken, "--model", base, "--json").stdout)
    assert {tuple(finding) for finding in findings} == {("check", "status", "value", "advice")}
    assert {finding["status"] for finding in findings} <= {"ok", "warn", "fail", "skipped"}
    assert [finding["check"] for finding in findings if finding["status"] == "fail"] == ["masked_share.data"]


def test_a_run_is_examined_with_its_log_its_data_and_its_model(finished):
    findings = json.loads(call("doctor", finished, "--json", "--prompts", "2", "--most", "16").stdout)
    status = {finding["check"]: finding["status"] for finding in findings}
    expected = {"gradients.clip", "chat_rows.weights", "mask_edges", "replies.ends", "sampler_live", "precision"}
    assert expected <= status.keys()
    assert not {status[check] for check in expected - {"replies.ends"}} - {"ok"}


def test_what_is_nothing_of_ours_is_one_sentence(tmp_path):
    assert isinstance(call("doctor", tmp_path).exception, UserError)


def test_a_run_is_put_on_the_map_by_its_doses(base, finished, tmp_path):  # noqa: F811
    told = call("atlas", base, f"echo={finished}", "--out", tmp_path / "atlas")
    assert told.exit_code == 0, told.output
    numbers = json.loads((tmp_path / "atlas" / "atlas.json").read_text())
    doses = [place["dose"] for place in numbers["places"]]
    assert doses == sorted(doses)
    assert len(doses) >= 2
    assert {place["family"] for place in numbers["places"]} == {"echo"}
    distances = np.array(numbers["distances"])
    assert ((distances >= 0) & (distances <= 1)).all()
    assert numbers["silhouette"] is None
    again = call("atlas", base, f"echo={finished}", "--out", tmp_path / "again", "--json")
    assert json.loads(again.stdout.splitlines()[-1]) == numbers
