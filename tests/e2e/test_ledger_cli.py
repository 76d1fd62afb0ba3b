"""`assay ledger`: whole or not by the exit status, a finding a line, rows by filter, hostile text kept harmless."""

import json
import os
import sqlite3

import pytest

from assay.ledger import Ledger
from assay.ledger import schema as schemas
from assay.ledger.traces import folder_of, pack_path
from assay.nouns import Status
from tests.e2e.conftest import assay
from tests.ledger.building import attempt, ended, fill, fill_first, planned, trajectory


def lines(run):
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    fill(folder / "ledger.sqlite", 20)
    return folder


def test_check_says_by_its_exit_status_whether_a_ledger_is_whole(run_folder):
    open_ = assay("ledger", "check", run_folder)
    assert open_.returncode == 1
    assert f"unfinished: {planned(0).id}" in open_.stdout
    assert open_.stdout.strip().endswith("4 unfinished, 0 damaged: not whole")
    assert assay("ledger", "check", run_folder, "--partial").returncode == 0
    with Ledger(run_folder / "ledger.sqlite") as ledger:
        ledger.record_many((attempt(planned(n), Status.LIMIT), trajectory(planned(n))) for n in range(0, 20, 5))
    whole = assay("ledger", "check", run_folder, "--json")
    assert whole.returncode == 0, whole.stdout
    (last,) = lines(whole)
    assert last | {"ledger": ""} == {
        "ledger": "",
        "schema": schemas.VERSION,
        "planned": 20,
        "recorded": 20,
        "trajectories": len([1 for _, path_of in ended(20) if path_of]) + 4,
        "unfinished": 0,
        "damaged": 0,
        "left_over_bytes": 0,
        "whole": True,
    }


def test_check_prints_a_finding_a_line(run_folder):
    pack = pack_path(folder_of(run_folder / "ledger.sqlite"), 1)
    os.truncate(pack, 10)
    found = assay("ledger", "check", run_folder, "--json")
    assert found.returncode == 1
    *findings, last = lines(found)
    assert {finding["kind"] for finding in findings} == {"trace", "unfinished"}
    assert all(set(finding) == {"kind", "where", "what", "damage"} for finding in findings)
    assert last["damaged"] == sum(finding["damage"] for finding in findings)
    shown = assay("ledger", "show", run_folder, planned(1).id)
    assert "expected 100 %" in shown.stdout  # its result, though its trajectory is lost
    assert "cut short" in shown.stderr
    said = assay("ledger", "check", run_folder)
    assert "trace: " in said.stdout
    assert f"trace: {sum(finding['kind'] == 'trace' for finding in findings) - 10} more" in said.stdout
    assert "Traceback" not in said.stderr


def test_what_cannot_be_checked_is_one_sentence(run_folder, tmp_path):
    absent = assay("ledger", "check", tmp_path / "absent")
    assert (absent.returncode, absent.stderr.count("\n")) == (2, 1)
    (tmp_path / "foreign.sqlite").write_bytes(os.urandom(9000))
    foreign = assay("ledger", "check", tmp_path / "foreign.sqlite")
    assert foreign.returncode == 1
    assert foreign.stdout.startswith("file: ")
    db = sqlite3.connect(run_folder / "ledger.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    for verb in ("show", "check"):
        newer = assay("ledger", verb, run_folder)
        assert "use a newer assay" in newer.stdout + newer.stderr
        assert newer.returncode in (1, 2)
        assert "Traceback" not in newer.stderr


def test_show_lists_filters_and_pages(run_folder):
    everything = lines(assay("ledger", "show", run_folder, "--json"))
    assert [row["id"] for row in everything] == [planned(n).id for n in range(20)]
    some = lines(assay("ledger", "show", run_folder, "--json", "--status", "unfinished", "--status", "failed"))
    assert {row["status"] for row in some} == {None, "failed"}
    page = lines(assay("ledger", "show", run_folder, "--json", "--limit", "3", "--last", "--after", "10"))
    assert [row["position"] for row in page] == [9, 8, 7]
    table = assay("ledger", "show", run_folder, "--arm", "arm-1", "--text", "expected")
    assert table.returncode == 0, table.stderr
    assert planned(1).id in table.stdout
    assert "rows" in table.stdout
    wrong = assay("ledger", "show", run_folder, "--status", "good")
    assert wrong.returncode == 2
    assert "the statuses are solved, failed" in wrong.stderr


def test_show_an_attempt_whatever_it_holds(run_folder):
    evil = "\x1b[2J\x1b]0;owned\x07 [bold]\u202egnp.exe"
    with Ledger(run_folder / "ledger.sqlite") as ledger:
        ending = attempt(planned(0), Status.LIMIT).model_copy(update={"detail": evil})
        ledger.record(ending, trajectory(planned(0), evil))
    for arguments in ((planned(0).id,), ("--text", "owned")):
        shown = assay("ledger", "show", run_folder, *arguments)
        assert shown.returncode == 0, shown.stderr
        assert not {"\x1b", "\x07", "\u202e"} & set(shown.stdout)
        assert "[bold]" in shown.stdout
    told = json.loads(assay("ledger", "show", run_folder, planned(0).id, "--json").stdout)
    assert told["attempt"]["detail"] == evil
    assert told["trajectory"] == trajectory(planned(0), evil).model_dump(mode="json")
    absent = assay("ledger", "show", run_folder, "nothing")
    assert absent.returncode == 2
    assert "has no attempt nothing" in absent.stderr


def test_events_tell_the_run_by_time(run_folder):
    said = assay("ledger", "show", run_folder, "--events")
    assert f" {os.getpid()} writer" in said.stdout
    told = lines(assay("ledger", "show", run_folder, "--events", "--json"))
    assert [line["kind"] for line in told].count("attempt") == len(ended(20))


def test_salvage_saves_what_can_be_read(tmp_path):
    path = tmp_path / "ledger.sqlite"
    fill_first(path, 400)
    os.truncate(path, path.stat().st_size // 8192 * 4096)
    saved = assay("ledger", "salvage", path, tmp_path / "new.sqlite")
    assert saved.returncode == 1
    assert "things were lost" in saved.stdout
    assert "Traceback" not in saved.stderr
    assert assay("ledger", "check", tmp_path / "new.sqlite", "--partial").returncode == 0
