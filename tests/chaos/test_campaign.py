"""Faults by name and by seed: what is drawn is the same again, what is not there is said, and a broken law is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.chaos.answers import Answers, solvable
from assay.chaos.campaign import Report, drawn, named
from assay.chaos.drive import Note, drives
from assay.chaos.laws import Law
from assay.chaos.registry import fault_names, find_fault
from assay.chaos.trial import Outcome, tasks_for
from assay.cli import app
from assay.errors import UserError
from tests.e2e.conftest import assay


def test_the_faults_of_the_issue_are_there():
    wanted = {
        *("worker-killed", "node-lost", "head-restarted", "sandbox-killed", "endpoint-slow", "endpoint-refusing"),
        *("endpoint-nonsense", "endpoint-cut", "endpoint-limited", "ledger-disk-full", "sandbox-disk-full"),
        *("ledger-locked", "clock-back", "out-of-memory", "worker-out-of-memory", "driver-interrupted"),
        *("driver-terminated", "driver-killed", "task-hangs", "agent-endless"),
    }
    assert wanted <= set(fault_names())


def test_a_seed_draws_the_same_again_and_another_draws_others():
    assert drawn(20, 3) == drawn(20, 3) != drawn(20, 4)
    assert sum(len(names) for names, _ in drawn(20, 3)) == 20
    assert all(len(names) == len(set(names)) <= 2 for names, _ in drawn(20, 3, together=2))


def test_a_fault_that_ends_the_driver_begins_another_drive():
    kinds = [find_fault(name) for name in ("endpoint-cut", "driver-killed", "ledger-locked", "task-hangs")]
    assert [[fault.name for fault in one] for one in drives(kinds)] == [
        ["endpoint-cut", "driver-killed"],
        ["ledger-locked", "task-hangs"],
    ]


def test_a_name_that_is_none_is_said():
    with pytest.raises(UserError, match="there is no fault 'endpoint-sad'"):
        named(["endpoint-slow+endpoint-sad"], 0)
    done = assay("chaos", "--fault", "endpoint-sad")
    assert done.returncode == 2
    assert done.stderr.startswith("assay: there is no fault 'endpoint-sad': choose of agent-endless, ")


def test_nothing_asked_for_is_said():
    done = assay("chaos")
    assert done.returncode == 2
    assert "no fault is asked for" in done.stderr


def test_the_answers_are_the_same_for_the_same_turn():
    tasks = tasks_for(7)
    answers = Answers(tasks)
    for number, task in enumerate(tasks):
        asked = [{"role": "system", "content": "s"}, {"role": "user", "content": f"Please: {task.instruction}"}]
        assert answers.reply(asked) == answers.script(number)[0]
        later = [*asked, {"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}]
        assert answers.reply(later) == answers.script(number)[1]
    assert solvable(7) == [0, 2, 4]


def outcome(*, broken: bool, skipped: str = "") -> Outcome:
    found = {law: () for law in Law} | ({Law.ONE_STATUS: ("x is lost",)} if broken else {})
    notes = () if skipped else (Note("driver-killed", "SIGKILL to the driver", 1.0),)
    return Outcome("endpoint-cut+driver-killed", 7, notes, found, (-9, 0), 1.0, skipped)


def test_the_report_counts_what_was_injected_and_what_broke():
    report = Report((outcome(broken=True), outcome(broken=False)))
    assert report.total == {
        "injected": 2,
        "broken": 1,
        "faults": {
            "driver-killed": {"injected": 2, "broken": ["one-status"]},
            "endpoint-cut": {"injected": 0, "broken": ["one-status"]},
        },
    }
    assert Report((outcome(broken=False, skipped="no root"),)).total["faults"]["driver-killed"]["skipped"] == "no root"


def test_a_broken_law_is_told_with_what_repeats_it(monkeypatch):
    def broken(plans, *, folder, keep, done):
        done(outcome(broken=True))
        return Report((outcome(broken=True),))

    monkeypatch.setattr(sys.modules["assay.chaos.campaign"], "campaign", broken)
    words = ["chaos", "--fault", "endpoint-cut+driver-killed", "--seed", "7"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "--fault endpoint-cut+driver-killed --seed 7: BROKEN" in done.output
    assert "one-status: x is lost" in done.output
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.output.splitlines()[-1])["broken"] == 1


def test_a_run_that_loses_a_row_breaks_a_law(chaos_of, monkeypatch):
    """The whole way: a real run, whose ledger loses an attempt before it is looked at."""
    from assay.chaos import laws

    real = laws.rows_of
    monkeypatch.setattr(laws, "rows_of", lambda ledger: real(ledger)[1:])
    with pytest.raises(pytest.fail.Exception, match="laws were broken"):
        chaos_of("endpoint-limited", seed=2)


@pytest.fixture
def chaos_of(chaos):
    """The fixture of the plugin, whose undisturbed run is made before a test spoils anything."""
    assert chaos.bench.undisturbed
    return chaos


pytest_plugins = ["assay.chaos.plugin"]


def test_the_plugin_is_not_loaded_by_itself():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert "pytest11" not in text


def test_the_plugin_draws_runs_by_its_options(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(chaos, chaos_plan):\n    chaos(*chaos_plan.names)\n")
    words = ["-p", "assay.chaos.plugin", "--chaos-faults", "3", "--chaos-seed", "5", "--collect-only", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "test_it.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for names, seed in drawn(3, 5):
        assert f"test_it.py::test_it[{'+'.join(names)}-{seed}]" in done.stdout
