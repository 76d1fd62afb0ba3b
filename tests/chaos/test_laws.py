"""The checks of the laws can fail: for each law a ledger, a folder or a machine that breaks it."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assay.chaos import laws, remains
from assay.chaos.laws import Row
from assay.ledger import Ledger
from assay.nouns import Attempt, PlannedAttempt, Reason, Status, Verdict

RIGHT = {"a": "solved", "b": "failed"}
ROWS = [Row("a", 0, "solved", 1.0), Row("b", 0, "failed", 2.0)]
PLANNED = [("a", 0), ("b", 0)]
TOLD = [("a", 0, "solved"), ("b", 0, "failed")]
NONE: frozenset[str] = frozenset()


def test_one_status_holds():
    assert laws.one_status(ROWS, PLANNED, TOLD, whole=True) == []
    assert laws.one_status(ROWS[:1], PLANNED, TOLD[:1], whole=False) == []


@pytest.mark.parametrize(
    ("rows", "planned", "told", "why"),
    [
        (ROWS[:1], PLANNED, TOLD[:1], "b trial 0 has no end"),
        ([*ROWS, Row("b", 0, "solved", 3.0)], PLANNED, TOLD[:1], "b trial 0 has 2 rows"),
        (ROWS, [*PLANNED, ("b", 0)], TOLD, "b trial 0 is planned 2 times"),
        (ROWS, PLANNED[:1], TOLD, "b trial 0 has an end and was not planned"),
        (ROWS, PLANNED, [*TOLD, TOLD[1]], "b trial 0 was run to its end 2 times"),
        (ROWS, PLANNED, [TOLD[0], ("b", 0, "solved")], "b trial 0 was told as solved and is failed"),
        (ROWS[:1], PLANNED[:1], TOLD, "b trial 0 was told as failed and is lost"),
    ],
)
def test_one_status_breaks(rows, planned, told, why):
    assert laws.one_status(rows, planned, told, whole=True) == [why]


def test_what_was_recorded_is_not_changed():
    assert laws.kept(ROWS[:1], ROWS) == []
    assert laws.kept(ROWS, [ROWS[0], Row("b", 0, "solved", 2.0)]) == ["b trial 0 was failed and is changed"]
    assert laws.kept(ROWS, ROWS[:1]) == ["b trial 0 was failed and is changed"]


def test_no_false_score():
    machinery = [ROWS[0], Row("b", 0, "machinery", 2.0)]
    assert laws.no_false_score(ROWS, RIGHT, NONE, {}) == []
    assert laws.no_false_score(machinery, RIGHT, frozenset({"machinery"}), {}) == []
    assert laws.no_false_score(machinery, RIGHT, NONE, {}) == ["b trial 0 is machinery and ought to be failed"]
    scored = [Row("a", 0, "failed", 1.0), ROWS[1]]
    assert laws.no_false_score(scored, RIGHT, frozenset({"machinery"}), {}) == [
        "a trial 0 is failed and ought to be solved"
    ]
    assert laws.no_false_score(scored, RIGHT, NONE, {"a": frozenset({"failed"})}) == []
    assert laws.no_false_score([Row("c", 0, "solved", 1.0)], RIGHT, NONE, {}) == [
        "c trial 0 is solved and ought to be not in the plan"
    ]


def test_the_restart_finishes():
    again = [ROWS[0], Row("b", 0, "machinery", 2.0), Row("b", 1, "failed", 3.0)]
    assert laws.finishes(0, ROWS, RIGHT, {}) == laws.finishes(0, again, RIGHT, {}) == []
    assert laws.finishes(3, ROWS, RIGHT, {}) == ["the restart ended with the exit status 3"]
    assert laws.finishes(0, again[:2], RIGHT, {}) == ["b ended as machinery and ought to be failed"]
    assert laws.finishes(0, ROWS[:1], RIGHT, {}) == ["b ended as None and ought to be failed"]


def test_plain_words():
    assert laws.plain_words(0, frozenset({0}), "assay: fine\n") == []
    assert laws.plain_words(1, frozenset({0, 3}), "assay: no\n") == [
        "the driver ended with the status 1, not [0, 3]: assay: no"
    ]
    said = 'Traceback (most recent call last):\n  File "x"\nValueError: y\n'
    assert laws.plain_words(0, frozenset({0}), said) == ["the driver showed a traceback: ValueError: y"]


def test_what_the_driver_told_is_read_though_its_last_line_is_cut():
    output = '{"id": "a", "trial": 0, "status": "solved"}\n{"planned": 2}\n{"id": "b", "tri'
    assert laws.told_by(output) == [("a", 0, "solved")]


@pytest.fixture
def ledger(tmp_path) -> Path:
    """Two planned attempts, one of them recorded."""
    path = tmp_path / "run" / "ledger.sqlite"
    path.parent.mkdir()
    planned = [PlannedAttempt(arm="m", seed=0, dose=0, task_id=name, split="t") for name in RIGHT]
    with Ledger(path) as made:
        made.plan(planned)
        verdict = Verdict.score(1.0, Reason.PASSED)
        made.record(Attempt(plan=planned[0], status=Status.SOLVED, verdict=verdict), None)
    return path


def test_the_ledger_is_read_as_it_stands(ledger):
    assert [(row.task_id, row.trial, row.status) for row in laws.rows_of(ledger)] == [("a", 0, "solved")]
    assert laws.planned_of(ledger) == PLANNED
    assert laws.rows_of(ledger.with_name("absent")) == []
    (empty := ledger.with_name("empty")).touch()
    assert laws.rows_of(empty) == []


def test_a_ledger_that_is_not_whole_is_found(ledger):
    assert laws.ledger_whole(ledger, whole=False) == []
    (found,) = laws.ledger_whole(ledger, whole=True)
    assert "planned and has no end" in found
    assert laws.ledger_whole(ledger.with_name("absent"), whole=True) != []
    with closing(sqlite3.connect(ledger)) as db:  # as a program that minds no trigger would
        db.execute("DROP TRIGGER attempts_no_update")
        db.execute("UPDATE attempts SET status = 'failed'")
        db.commit()
    said = " ".join(laws.ledger_whole(ledger, whole=False))
    assert "attempts_no_update" in said
    assert "its status is failed" in said


def test_a_file_that_is_left_is_found(tmp_path):
    assert remains.files(tmp_path) == remains.unfinished(tmp_path) == []
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".preds.json.1.part").touch()
    assert remains.files(tmp_path) == [f"the temporary file {tmp_path}/x"]
    assert remains.unfinished(tmp_path) == [f"the unfinished file {tmp_path}/x/.preds.json.1.part"]


def test_a_process_that_is_left_is_found_whoever_adopts_it(monkeypatch):
    """The driver's child outlives it, with no mark in its environment and in a session of its own."""
    code = "import subprocess; subprocess.Popen(['sleep', '1000'], env={}, start_new_session=True)"
    monkeypatch.setattr(remains, "_GONE_S", 0.2)
    known = remains.children()
    with remains.adopting():
        subprocess.run([sys.executable, "-c", code], check=True)
        left = remains.soon(lambda: remains.processes("no such mark", known))
        assert len(left) == 1
        assert "sleep 1000" in left[0]
        os.kill(int(left[0].split()[2]), signal.SIGKILL)
        assert remains.soon(lambda: remains.processes("no such mark", known)) == []


def test_a_process_with_the_mark_is_found(monkeypatch):
    with subprocess.Popen(["sleep", "1000"], env={remains.MARK: "mine"}) as process:
        known = remains.children()
        assert remains.soon(lambda: [] if remains.marked("mine") else ["not yet"]) == []
        assert remains.processes("other", known) == []
        monkeypatch.setattr(remains, "_GONE_S", 0.2)
        process.kill()


def test_a_mount_that_is_left_is_found(tmp_path):
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        assert remains.mounts(tmp_path) == [f"the mount {tmp_path}"]
        assert remains.mounts(tmp_path / "x") == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert remains.mounts(tmp_path) == []


def test_a_control_group_that_is_left_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(remains, "_GROUPS", (str(tmp_path),))
    (tmp_path / "assay-4026531836-77").mkdir()
    assert remains.groups({77}) == [f"the control group {tmp_path}/assay-4026531836-77"]
    assert remains.groups({7}) == []
