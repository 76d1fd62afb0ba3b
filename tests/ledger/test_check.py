"""`check` finds a ledger whole, names everything that is not, reads what it can, and `salvage` saves that."""

import os
import sqlite3

import pytest

from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.check import Check, disagreement
from assay.ledger.reading import LedgerReader
from assay.ledger.salvage import salvage
from assay.ledger.traces import folder_of, pack_path
from assay.nouns import Attempt, Reason, Status, Verdict
from tests.ledger.building import ENDS, attempt, ended, fill, fill_first, planned, trajectory


def checked(path):
    check = Check(path)
    return list(check.findings()), check.counts


def damaged(path):
    return {(found.kind, found.where) for found in checked(path)[0] if found.damage}


def unguarded(path, *statements):
    """Change a ledger as nobody should: without its triggers."""
    raw = sqlite3.connect(path, isolation_level=None)
    kept = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in kept:
        raw.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        raw.execute(*statement) if isinstance(statement, tuple) else raw.execute(statement)
    for _, sql in kept:
        raw.execute(sql)
    raw.close()


@pytest.mark.parametrize("make", [fill, fill_first])
def test_a_whole_ledger_has_no_finding(tmp_path, make):
    make(tmp_path / "l.sqlite", 40, 1000)
    with_start = [*ended(40, 1000), (attempt(planned(0), Status.SOLVED), trajectory(planned(0)))]
    if make is fill:
        with Ledger(tmp_path / "l.sqlite") as ledger:
            ledger.record(*with_start[-1])
    else:
        (tmp_path / "l.sqlite").unlink()
        fill_first(tmp_path / "l.sqlite", ends=with_start)
    findings, counts = checked(tmp_path / "l.sqlite")
    assert findings == []
    assert (counts["planned"], counts["recorded"], counts["tasks"], counts["facts"]) == (40, 40, 2, 1)
    assert counts["trajectories"] == 35


@pytest.mark.parametrize("make", [fill, fill_first])
def test_attempts_without_an_end_are_named_and_are_no_damage(tmp_path, make):
    make(tmp_path / "l.sqlite")
    findings, counts = checked(tmp_path / "l.sqlite")
    assert [(found.kind, found.where) for found in findings] == [("unfinished", planned(n).id) for n in range(0, 40, 5)]
    assert counts["unfinished"] == 8
    assert not counts["damaged"]


def test_a_changed_byte_of_a_trajectory_is_found(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path)
    raw = sqlite3.connect(path)
    position, place, size = raw.execute(
        "SELECT position, place, size FROM attempts WHERE pack = 1 ORDER BY place LIMIT 1 OFFSET 4"
    ).fetchone()
    attempt_id = raw.execute("SELECT id FROM plan WHERE position = ?", (position,)).fetchone()[0]
    raw.close()
    pack = pack_path(folder_of(path), 1)
    data = bytearray(pack.read_bytes())
    data[place + size // 2] ^= 0x40
    pack.write_bytes(data)
    assert damaged(path) == {("trace", attempt_id)}


def test_a_pack_cut_short_or_missing_costs_its_trajectories_alone(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path)
    pack = pack_path(folder_of(path), 1)
    os.truncate(pack, pack.stat().st_size // 2)
    findings, counts = checked(path)
    lost = [found for found in findings if found.kind == "trace"]
    assert 0 < len(lost) < counts["recorded"]
    assert counts["trajectories"] + len(lost) == len([1 for _, path_of in ended(40) if path_of])
    pack.unlink()
    findings, counts = checked(path)
    assert counts["recorded"] == len(ended(40))
    assert all("missing" in found.what for found in findings if found.kind == "trace")


def test_bytes_left_by_a_killed_writer_are_counted_and_no_damage(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path)
    with pack_path(folder_of(path), 1).open("ab") as stream:
        stream.write(b"half a frame")
    findings, counts = checked(path)
    assert [found.where for found in findings if found.kind == "left over"] == ["0001.zst"]
    assert counts["left over bytes"] == 12
    assert not counts["damaged"]


def test_facts_tasks_plan_and_rows_that_contradict_are_named(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path, 40)
    solved, failed = planned(6).id, planned(1).id
    of = "(SELECT position FROM plan WHERE id = '{}')"
    unguarded(
        path,
        "INSERT INTO facts VALUES ('odd', '{half')",
        "INSERT INTO tasks VALUES ('odd', 'seen', x'00')",
        "UPDATE tasks SET split = 'other' WHERE id = 'Owner__repo-0'",
        "UPDATE plan SET trial = 5 WHERE position = 40",
        f"UPDATE attempts SET status = 'failed' WHERE position = {of.format(solved)}",
        f"UPDATE attempts SET value = 1.0 WHERE position = {of.format(failed)}",
        "UPDATE attempts SET cell = cell + 1 WHERE position = 3",
        "INSERT INTO attempts SELECT 99, cell, task, status, value, reason, steps, sampled_tokens, wall_s, test_only, "
        "at, session, NULL, NULL, NULL, NULL, NULL, detail FROM attempts WHERE position = 2",
        "UPDATE events SET body = 'no json' WHERE number = 1",
    )
    assert damaged(path) == {
        ("fact", "odd"),
        ("task", "odd"),
        ("task", "Owner__repo-0"),
        ("plan", planned(39).id),
        ("attempt", planned(39).id),
        ("verdict", solved),
        ("attempt", failed),
        ("attempt", planned(2).id),
        ("attempt", "99"),
        ("file", "attempts"),
        ("event", "1"),
    }


def test_a_missing_or_changed_trigger_is_named(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path)
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER attempts_no_update")
    raw.execute("DROP TRIGGER plan_no_delete")
    raw.execute("CREATE TRIGGER plan_no_delete BEFORE DELETE ON plan BEGIN SELECT 1; END")
    raw.close()
    assert damaged(path) == {("schema", "attempts_no_update"), ("schema", "plan_no_delete")}


@pytest.mark.parametrize("status", list(Status))
def test_a_status_agrees_with_its_own_verdict_and_with_no_other(status):
    own = {Status.SOLVED: Reason.PASSED, Status.CHEATED: Reason.CHEATED, Status.MACHINERY: Reason.MACHINERY}
    allowed = {own.get(status, Reason.WRONG)}
    for end in (end for end in ENDS.values() if end is not None):
        said = disagreement(Attempt(plan=planned(0), status=status, verdict=end))
        assert (said == "") == (end.reason in allowed), (status, end)
    assert disagreement(Attempt(plan=planned(0), status=status)) == ""
    half = Verdict.score(0.5, Reason.PASSED)
    assert (disagreement(Attempt(plan=planned(0), status=status, verdict=half)) == "") == (status not in own)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("make", [fill, fill_first])
def test_of_a_file_cut_short_the_rest_is_read_named_and_saved(tmp_path, make, share):
    path = tmp_path / "l.sqlite"
    make(path, 400)
    os.truncate(path, int(path.stat().st_size * share) // 4096 * 4096)
    findings, counts = checked(path)
    assert any(found.kind == "file" for found in findings)
    _saved(path, tmp_path / "new.sqlite", counts)


@pytest.mark.parametrize("page", range(2, 30, 3))
def test_of_a_file_with_a_page_overwritten_the_rest_is_read_named_and_saved(tmp_path, page):
    path = tmp_path / "l.sqlite"
    fill(path, 400)
    with path.open("r+b") as stream:
        stream.seek(4096 * page)
        stream.write(b"\xa5" * 4096)
    findings, counts = checked(path)
    assert any(found.damage for found in findings)
    _saved(path, tmp_path / "new.sqlite", counts)


def _saved(path, out, counts):
    whole = {one.plan.id: one for one, _ in ended(400)}
    try:
        saved = salvage(path, out)
    except UserError:  # nothing of it can be read: its first pages are gone
        assert not counts["recorded"]
        return
    if (counts["recorded"], counts["trajectories"], counts["planned"]) != (len(whole), 274, 400):
        assert saved.lost
    assert saved.attempts == counts["recorded"]
    with LedgerReader(out) as reader:
        kept = list(reader.recorded(0, reader.last_position()))
        assert len(kept) == saved.attempts
        for _, one, path_of in kept:
            assert one == whole[one.plan.id]
            assert path_of in (None, trajectory(one.plan))
    assert damaged(out) == set()


def test_a_file_that_is_no_ledger_is_a_finding_and_one_that_is_not_there_an_error(tmp_path):
    (tmp_path / "text").write_text("no ledger at all\n" * 300)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(b"\0" * 8192)
    for name in ("text", "empty", "zeros"):
        assert {kind for kind, _ in damaged(tmp_path / name)} == {"file"}
    with pytest.raises(UserError, match="There is no ledger"):
        Check(tmp_path / "absent")


def test_salvage_writes_over_nothing(tmp_path):
    fill(tmp_path / "l.sqlite")
    with pytest.raises(UserError, match="is there already"):
        salvage(tmp_path / "l.sqlite", tmp_path / "l.sqlite")
    saved = salvage(tmp_path / "l.sqlite", tmp_path / "new.sqlite")
    assert saved.lost == []
    with LedgerReader(tmp_path / "l.sqlite") as old, LedgerReader(tmp_path / "new.sqlite") as new:
        assert old.fingerprint() == new.fingerprint()
