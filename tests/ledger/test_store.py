"""The ledger appends only, counts from the plan, and survives being opened twice."""

import sqlite3

import pytest

from assay.errors import MachineryError, UserError
from assay.ledger import Ledger
from assay.nouns import Attempt, Exit, Message, PlannedAttempt, Role, Status, Trajectory


def planned(n: int) -> PlannedAttempt:
    return PlannedAttempt(arm="a", seed=0, dose=10, task_id=f"t{n}", split="seen")


def trajectory() -> Trajectory:
    prompt = (Message(role=Role.USER, content="fix it"),)
    return Trajectory(task_id="t0", agent="shell", model="m", prompt=prompt, steps=(), exit=Exit.SUBMITTED)


def test_plan_and_attempts_come_back_in_order(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([planned(n) for n in range(3)])
        for n in (2, 0):
            ledger.record(Attempt(plan=planned(n), status=Status.FAILED), trajectory())
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert [p.task_id for p in ledger.planned()] == ["t0", "t1", "t2"]
        assert [a.plan.task_id for a in ledger.attempts()] == ["t0", "t2"]
        assert ledger.finished() == {planned(0).id, planned(2).id}
        assert ledger.trajectory(planned(0).id) == trajectory()
        assert ledger.trajectory(planned(1).id) is None


def test_an_attempt_has_exactly_one_end(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan([planned(0)])
        ledger.record(Attempt(plan=planned(0), status=Status.FAILED), None)
        with pytest.raises(MachineryError):
            ledger.record(Attempt(plan=planned(0), status=Status.SOLVED), None)
        assert [a.status for a in ledger.attempts()] == [Status.FAILED]


def test_rows_cannot_be_changed_or_removed(tmp_path):
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        ledger.plan([planned(0)])
        ledger.record(Attempt(plan=planned(0), status=Status.FAILED), None)
    raw = sqlite3.connect(path)
    for sql in ("UPDATE attempts SET status='solved'", "DELETE FROM attempts", "DELETE FROM plan"):
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(sql)
    raw.close()


def test_planning_twice_adds_nothing_and_facts_do_not_change(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        for _ in range(2):
            ledger.plan([planned(n) for n in range(2)])
            ledger.set_fact("seeds", [1, 2])
        assert len(ledger.planned()) == 2
        with pytest.raises(MachineryError):
            ledger.set_fact("seeds", [1])


def test_a_file_that_is_no_ledger_is_the_users_error(tmp_path):
    path = tmp_path / "l.sqlite"
    path.write_text("not a database, but long enough to be read as the header of one" * 20)
    with pytest.raises(UserError, match="cannot be opened"):
        Ledger(path)
