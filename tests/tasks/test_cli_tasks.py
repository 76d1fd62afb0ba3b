"""`assay tasks`: it prints tasks readably or as JSON, and checks admission with the real grader."""

import json

import pytest
from typer.testing import CliRunner

from assay.cli.tasks import app
from assay.nouns import Task
from assay.tasks import drills

runner = CliRunner()


def test_show_prints_what_an_agent_reads_and_the_cure() -> None:
    task = drills.load("seen", 2, 5)[1]
    shown = runner.invoke(app, ["show", "drills", "--split", "seen", "--count", "2", "--seed", "5"])
    assert shown.exit_code == 0
    for text in (task.id, task.instruction, task.files["mod.py"], "cure: " + task.metadata["after"].strip()):
        assert text in shown.output


def test_show_json_is_the_tasks() -> None:
    shown = runner.invoke(app, ["show", "drills", "--split", "unseen", "--count", "3", "--seed", "1", "--json"])
    assert [Task.model_validate(item) for item in json.loads(shown.output)] == drills.load("unseen", 3, 1)


def test_check_admits_drills() -> None:
    checked = runner.invoke(app, ["check", "drills", "--split", "unseen", "--count", "10"])
    assert checked.exit_code == 0
    assert "10 of 10 admitted" in checked.output


def test_check_exits_1_when_a_task_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = drills.load("train", 2, 0)
    spoiled = bad.model_copy(update={"gold": {"mod.py": bad.files["mod.py"]}})
    monkeypatch.setattr(drills, "load", lambda split, count, seed: [good, spoiled])
    checked = runner.invoke(app, ["check", "drills", "--count", "2", "--json"])
    assert checked.exit_code == 1
    summary = json.loads(checked.output)
    assert (summary["tasks"], summary["admitted"]) == (2, 1)
    assert summary["refused"][0]["id"] == bad.id
