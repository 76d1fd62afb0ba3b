"""A ledger of the first schema is read as it is, brought up by who writes, and says the same before and after."""

import multiprocessing
import sqlite3

import pytest

from assay.errors import UserError
from assay.ledger import Ledger, migrations, schema
from assay.ledger.browse import Filter
from assay.ledger.check import Check
from assay.ledger.reading import LedgerReader
from assay.ledger.traces import folder_of
from assay.nouns import Status
from tests.ledger.building import attempt, ended, fill, fill_first, planned, trajectory


def told(reader):
    """All that a reader says."""
    recorded = list(reader.recorded(0, reader.last_position()))
    rows = reader.browse(Filter(), limit=1000)
    return reader.fingerprint(), reader.sha256(), recorded, rows, reader.coverage(), reader.facts(), reader.tasks()


def test_a_migrated_ledger_says_what_it_said(tmp_path):
    path = tmp_path / "l.sqlite"
    fill_first(path)
    reader = LedgerReader(path)
    before = told(reader)
    assert reader.version == 0
    with Ledger(path) as ledger:
        assert ledger.version == schema.VERSION
        assert ledger.fingerprint() == before[0]
        assert [event.kind for event in ledger.events()] == ["migrated"]
        ledger.record(attempt(planned(0), Status.SOLVED), trajectory(planned(0)))
    assert told(LedgerReader(path))[0] != before[0]
    assert reader.version == schema.VERSION  # the one that was open all the while
    assert reader.attempt(planned(0).id).status is Status.SOLVED
    assert not [found for found in Check(path).findings() if found.damage]


def test_the_fingerprint_does_not_depend_on_the_schema(tmp_path):
    fill(tmp_path / "new.sqlite")
    fill_first(tmp_path / "old.sqlite")
    new, old = LedgerReader(tmp_path / "new.sqlite"), LedgerReader(tmp_path / "old.sqlite")
    assert (new.version, old.version) == (schema.VERSION, 0)
    assert told(new) == told(old)


def test_a_reader_leaves_an_old_ledger_as_it_is(tmp_path):
    fill_first(tmp_path / "l.sqlite")
    before = (tmp_path / "l.sqlite").read_bytes()
    told(LedgerReader(tmp_path / "l.sqlite"))
    assert (tmp_path / "l.sqlite").read_bytes() == before
    assert not folder_of(tmp_path / "l.sqlite").exists()


def test_a_migration_that_is_stopped_leaves_the_old_ledger(tmp_path, monkeypatch):
    path = tmp_path / "l.sqlite"
    fill_first(path)
    before = told(LedgerReader(path))
    with monkeypatch.context() as patched:
        patched.setattr(migrations.schema, "seal", lambda db: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Ledger(path)
    assert LedgerReader(path).version == 0
    assert told(LedgerReader(path)) == before
    with Ledger(path) as ledger:
        assert ledger.fingerprint() == before[0]
    findings = list(Check(path).findings())
    assert [found.kind for found in findings if found.kind != "unfinished"] == ["left over"]


def _open(path, barrier):
    barrier.wait()
    with Ledger(path):
        pass


def test_processes_that_open_an_old_ledger_at_once_migrate_it_once(tmp_path):
    path = tmp_path / "l.sqlite"
    fill_first(path)
    before = told(LedgerReader(path))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_open, args=(path, barrier)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with Ledger(path) as ledger:
        assert ledger.fingerprint() == before[0]
        assert len(list(ledger.events())) == 1


def test_rows_that_cannot_be_read_are_carried_over_and_named(tmp_path):
    path = tmp_path / "l.sqlite"
    fill_first(path, ends=ended(12))
    db = sqlite3.connect(path)
    db.execute("INSERT INTO attempts VALUES (?, 'failed', 'half a row', x'00ff')", (planned(0).id,))
    db.execute("INSERT INTO attempts VALUES ('stranger', 'solved', '{}', NULL)")
    db.commit()
    db.close()
    of_old = {(found.kind, found.where) for found in Check(path).findings() if found.damage}
    assert of_old == {("attempt", planned(0).id), ("trace", planned(0).id), ("attempt", "stranger")}
    with Ledger(path) as ledger:
        assert len(ledger.finished()) == len(ended(12)) + 1
        with pytest.raises(UserError, match="is damaged"):
            ledger.attempt(planned(0).id)
        assert ledger.attempt(planned(1).id) == ended(12)[0][0]
    of_new = {(found.kind, found.where) for found in Check(path).findings() if found.damage}
    assert of_new >= of_old


def test_a_newer_schema_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "l.sqlite"
    fill(path, 5)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    before = path.read_bytes()
    for opened in (Ledger, LedgerReader):
        with pytest.raises(UserError, match="use a newer assay"):
            opened(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "other.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE facts (a)")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    before = path.read_bytes()
    for opened in (Ledger, LedgerReader):
        with pytest.raises(UserError, match="another program's"):
            opened(path)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.sqlite"]
