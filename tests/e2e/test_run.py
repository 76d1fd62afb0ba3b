"""`assay run` end to end: killed at any moment it ends with the same ledger, and twice it does nothing twice."""

import json
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from assay.ledger import Ledger
from assay.nouns import Status
from tests.e2e.conftest import assay, start


def rows(path: Path, table: str = "attempts") -> int:
    if not path.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
            return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def fingerprint(run: Path) -> tuple[str, str]:
    with Ledger(run / "ledger.sqlite") as ledger, Ledger(run / "teacher.sqlite") as teacher:
        return ledger.fingerprint(), teacher.fingerprint()


@pytest.fixture(scope="module")
def whole(laboratory) -> Path:
    """One run without a break."""
    out = laboratory / "whole"
    done = assay("run", laboratory / "small.toml", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"report: {out / 'report' / 'index.html'}"
    return out


def test_every_planned_attempt_has_one_status_and_the_summary_counts_them(whole):
    with Ledger(whole / "ledger.sqlite") as ledger:
        planned, attempts = ledger.planned(), list(ledger.attempts())
    assert len(planned) == 2 * 3 * 6
    assert [a.plan for a in attempts] == planned
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["planned"] == 36
    assert set(summary["statuses"]) == {status.value for status in Status}
    assert sum(summary["statuses"].values()) == 36
    assert summary["statuses"]["machinery"] == 0
    assert set(summary["top"]) == {"first", "second"}
    assert set(summary["top"]["first"]["seen"]) == {"n", "estimate", "low", "high", "minus_floor"}
    assert set(summary["difference"]["seen"]) == {"estimate", "low", "high", "margin", "equivalent"}
    assert summary["wall_s"] > 0
    assert summary["peak_rss_mb"] < 4096


def test_every_teacher_trajectory_that_is_trained_on_was_verified(whole):
    with Ledger(whole / "teacher.sqlite") as teacher:
        attempts = list(teacher.attempts())
        assert {a.status for a in attempts} == {Status.SOLVED}
        assert all(a.verdict is not None and a.verdict.value == 1.0 for a in attempts)
        steps = [len(trajectory.steps) for a in attempts if (trajectory := teacher.trajectory(a.plan.id))]
    assert set(steps) == {3, 4}  # some went wrong first


@pytest.mark.parametrize("moment", ["teaching", "trained", "evaluating"])
def test_killed_and_started_again_it_ends_with_the_same_ledger(laboratory, whole, moment):
    out = laboratory / f"killed-{moment}"
    reached = {
        "teaching": lambda: rows(out / "teacher.sqlite") >= 3,
        "trained": lambda: (out / "checkpoints" / "first-0" / "8").is_dir(),
        "evaluating": lambda: rows(out / "ledger.sqlite") >= 4,
    }[moment]
    process = start("run", laboratory / "small.toml", "--out", out)
    until = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = rows(out / "teacher.sqlite") + rows(out / "ledger.sqlite")
    assert before < 36 + 18
    again = assay("run", laboratory / "small.toml", "--out", out)
    assert again.returncode == 0, again.stderr
    assert "reused" in again.stderr
    assert fingerprint(out) == fingerprint(whole)


def test_a_second_run_elsewhere_gives_the_same_tasks_verdicts_and_tables(laboratory, whole):
    out = laboratory / "second"
    assert assay("run", laboratory / "small.toml", "--out", out, "--workers", "1").returncode == 0
    assert fingerprint(out) == fingerprint(whole)
    tables = [json.loads((run / "summary.json").read_text()) for run in (whole, out)]
    for table in tables:
        del table["wall_s"], table["peak_rss_mb"]
    assert tables[0] == tables[1]


def test_run_again_it_reuses_everything_and_says_so(laboratory, whole):
    summary = (whole / "summary.json").read_text()
    again = assay("run", laboratory / "small.toml", "--out", whole)
    assert again.returncode == 0
    assert "nothing is run again" in again.stderr
    assert (whole / "summary.json").read_text() == summary


def test_a_directory_of_another_configuration_is_refused_and_kept(laboratory, whole):
    other = laboratory / "other.toml"
    other.write_text((laboratory / "small.toml").read_text().replace("temperature = 0.7", "temperature = 0.8"))
    before = fingerprint(whole)
    refused = assay("run", other, "--out", whole)
    assert refused.returncode == 2
    assert refused.stderr.count("assay: ") == 1
    assert "another configuration" in refused.stderr
    assert "--out" in refused.stderr
    assert fingerprint(whole) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_how_to_go_on(laboratory, number):
    out = laboratory / f"stopped-{number}"
    process = start("run", laboratory / "small.toml", "--out", out)
    until = time.monotonic() + 300
    while rows(out / "teacher.sqlite") < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(300) == 130
    assert rows(out / "teacher.sqlite") >= 2


def tokens_read_and_written(run: Path) -> int:
    with Ledger(run / "ledger.sqlite") as ledger:
        found = [ledger.trajectory(attempt.plan.id) for attempt in ledger.attempts()]
    replies = [step.reply for trajectory in found if trajectory is not None for step in trajectory.steps]
    return sum((reply.prompt_tokens or 0) + len(reply.token_ids or ()) for reply in replies)


def spent(run: Path) -> int:
    with Ledger(run / "ledger.sqlite") as ledger:
        said = [event.body for event in ledger.events() if event.kind == "spent"]
    return max(said, key=lambda body: body["number"])["tokens"]


def test_a_budget_of_tokens_is_kept_and_a_higher_one_goes_on_to_the_same_ledger(laboratory, whole):
    out, total = laboratory / "few-tokens", tokens_read_and_written(whole)
    assert spent(whole) == total  # counted without a budget, too
    first = assay("run", laboratory / "small.toml", "--out", out, "--budget-tokens", str(total // 2))
    assert first.returncode == 130, first.stderr
    assert "raise --budget-tokens to go on" in first.stderr
    assert 0 < rows(out / "ledger.sqlite") < 36
    assert tokens_read_and_written(out) <= spent(out) <= total // 2
    last = assay("run", laboratory / "small.toml", "--out", out, "--budget-tokens", str(20 * total))
    assert last.returncode == 0, last.stderr
    assert fingerprint(out) == fingerprint(whole)


def test_a_budget_stops_it_and_a_higher_one_goes_on_to_the_same_ledger(laboratory, whole):
    out = laboratory / "limited"
    first = assay("run", laboratory / "small.toml", "--out", out, "--budget-attempts", "5")
    assert first.returncode == 130, first.stderr
    assert "raise --budget-attempts to go on" in first.stderr
    assert rows(out / "ledger.sqlite") == 5
    again = assay("run", laboratory / "small.toml", "--out", out, "--budget-attempts", "6", "--budget-wall", "1s")
    assert again.returncode == 130
    assert "raise --budget-wall to go on" in again.stderr
    last = assay("run", laboratory / "small.toml", "--out", out)
    assert last.returncode == 0, last.stderr
    assert fingerprint(out) == fingerprint(whole)
