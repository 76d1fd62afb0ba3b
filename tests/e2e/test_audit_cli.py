"""`assay audit` as a user runs it: ledgers, files of other tools, broken input, --json, a judge, the training set."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from assay.cli import app
from assay.errors import UserError
from assay.ledger import Ledger
from tests.audit.test_integrity import SED, ended, planned

KEYS = ["attempt", "kind", "mechanism", "step", "line", "confidence"]
READ = "cat /solution/mod.py"


def run(*words):
    return CliRunner().invoke(app, ["audit", *map(str, words)], catch_exceptions=True)


@pytest.fixture
def ledger(tmp_path):
    rows = [
        ended(planned(n), True, steps=(SED, f"echo {n}") if n % 2 else ("ls", READ, f"echo {n}"), wall_s=n + 0.5)
        for n in range(10)
    ]
    with Ledger(tmp_path / "ledger.sqlite") as book:
        book.plan([record.plan for record, _ in rows])
        for record, trajectory in rows:
            book.record(record, trajectory)
    return tmp_path / "ledger.sqlite"


def test_a_finding_a_line_and_the_totals_last(ledger):
    done = run(ledger, "--json")
    assert done.exit_code == 0, done.output
    *lines, totals = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(list(line) == KEYS for line in lines)
    hits = [line for line in lines if line["mechanism"] == "answer_read"]
    assert [(line["step"], line["line"], line["kind"]) for line in hits] == [(1, 1, "task")] * 5
    assert (totals["attempts"], totals["planned"], totals["flagged"]) == (10, 10, 5)
    assert totals["findings"] == len(lines)
    assert totals["conduct"]["a"]["turns"]["n"] == 10
    kept = [json.loads(line) for line in ledger.with_name("audit.jsonl").read_text().splitlines()]
    assert len(kept) == len(lines)
    conduct = [json.loads(line) for line in ledger.with_name("audit-conduct.jsonl").read_text().splitlines()]
    assert conduct[0]["arm"] == "a"


def test_the_table_names_the_step_and_what_was_done(ledger):
    done = run(ledger.parent)
    assert done.exit_code == 0, done.output
    assert "answer_read" in done.stdout
    assert "step 1, line 1" in done.stdout
    assert "5 flagged" in " ".join(done.stdout.split())


def test_again_gives_the_same_file(ledger):
    first = run(ledger) and ledger.with_name("audit.jsonl").read_bytes()
    assert run(ledger).exit_code == 0
    assert ledger.with_name("audit.jsonl").read_bytes() == first


def test_another_place_for_the_findings(ledger, tmp_path):
    out = tmp_path / "elsewhere.jsonl"
    assert run(ledger, "--out", out).exit_code == 0
    assert out.is_file()
    assert not ledger.with_name("audit.jsonl").exists()


def mini(path, command):
    messages = [
        {"role": "system", "content": "You mend."},
        {"role": "user", "content": "Mend it."},
        {"role": "assistant", "content": f"```bash\n{command}\n```"},
        {"role": "user", "content": "<returncode>0</returncode>\n<output>\nx\n</output>"},
    ]
    info = {"exit_status": "Submitted", "submission": "", "model_stats": {}}
    data = {"info": info, "messages": messages, "trajectory_format": "mini-swe-agent-1", "instance_id": path.stem}
    path.write_text(json.dumps(data))


def test_a_folder_of_another_tools_trajectories_with_broken_ones_in_it(tmp_path):
    folder = tmp_path / "trajectories"
    folder.mkdir()
    mini(folder / "a.traj.json", READ)
    mini(folder / "b.traj.json", "ls")
    (folder / "c.traj.json").write_text('{"trajectory_format": "mini-swe-agent-1", "messages": [{"ro')
    (folder / "d.traj.json").write_bytes(b"\xff\xfe\x00garbage")
    done = run(folder, "--json")
    assert done.exit_code == 0, done.output
    *lines, totals = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["mechanism"] for line in lines if line["kind"] == "task"] == ["answer_read"]
    assert "a.traj.json" in next(line["attempt"] for line in lines if line["kind"] == "task")
    assert (totals["attempts"], totals["flagged"], totals["unreadable"]) == (2, 1, 2)
    assert sorted(path.name for path in folder.iterdir()) == [f"{c}.traj.json" for c in "abcd"]
    shown = run(folder)
    assert "2 could not be read" in shown.stdout


def test_chat_rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [
        {"instance_id": str(n), "messages": [
            {"role": "user", "content": "Mend it."},
            {"role": "assistant", "content": f"```bash\n{READ if n else 'ls'}\n```"},
            {"role": "user", "content": "ok"},
        ]}
        for n in range(2)
    ]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, rows)) + '\n{"messages": [{"role": "assi')
    done = run(file, "--json")
    assert done.exit_code == 0, done.output
    totals = json.loads(done.stdout.splitlines()[-1])
    assert (totals["attempts"], totals["flagged"], totals["unreadable"]) == (2, 1, 1)
    assert (tmp_path / "rows.jsonl.audit.jsonl").is_file()


def test_a_ledger_with_a_damaged_trace_is_read_as_far_as_it_goes(ledger):
    traces = ledger.with_name("ledger.sqlite-traces")
    files = sorted(path for path in traces.rglob("*") if path.is_file()) if traces.is_dir() else []
    assert files, "the traces of a ledger lie beside it"
    whole = files[0].read_bytes()
    middle = len(whole) // 2
    files[0].write_bytes(whole[:middle] + bytes(40) + whole[middle + 40 :])
    done = run(ledger, "--json")
    assert done.exit_code == 0, done.output
    totals = json.loads(done.stdout.splitlines()[-1])
    assert totals["unreadable"] >= 1
    assert totals["attempts"] + totals["unreadable"] == 10


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00" + b"\xff" * 2000])
def test_what_is_no_source_is_one_sentence(tmp_path, content):
    file = tmp_path / "x.dat"
    file.write_bytes(content)
    done = run(file)
    assert isinstance(done.exception, UserError)
    assert "\n" not in str(done.exception).strip()
    assert isinstance(run(tmp_path / "absent").exception, UserError)


def test_a_place_that_cannot_be_written_is_one_sentence(ledger, tmp_path):
    done = run(ledger, "--out", tmp_path / "no" / "such" / "folder.jsonl")
    assert isinstance(done.exception, UserError)


def test_a_judge_is_asked_only_about_what_was_found_and_kept_apart(ledger, tmp_path):
    script = tmp_path / "judge.json"
    script.write_text(json.dumps([json.dumps({"verdict": "cheat", "step": 1, "line": READ, "why": "It read it."})]))
    done = run(ledger, "--json", "--judge", f"scripted:{script}")
    assert done.exit_code == 0, done.output
    *lines, totals = [json.loads(line) for line in done.stdout.splitlines()]
    assert totals["judge"]["asked"] == totals["judge"]["cheat"] == 5
    assert all(list(line) == KEYS for line in lines)
    said = [json.loads(line) for line in ledger.with_name("audit-judge.jsonl").read_text().splitlines()]
    assert all(one["found"] and one["verdict"] == "cheat" for one in said)
    assert "judge" not in ledger.with_name("audit.jsonl").read_text()


def test_the_training_set_leaves_out_what_the_audit_flagged(ledger):
    from assay.training.data.audited import audit_flags, with_audit

    assert audit_flags(ledger) == {}
    before = with_audit("x", ledger)
    assert run(ledger).exit_code == 0
    flags = audit_flags(ledger)
    assert sorted(flags) == sorted(planned(n).id for n in range(0, 10, 2))
    assert set(flags.values()) == {("answer_read",)}
    assert with_audit("x", ledger) != before
    with ledger.with_name("audit.jsonl").open("a") as stream:
        stream.write('{"attempt": "y", "kind": "task", "confidence": 0.1, "mechanism": "m"}\nnot json\n[]\n')
    assert audit_flags(ledger) == flags


def test_the_ledger_itself_is_not_touched(ledger):
    def rows():
        with sqlite3.connect(ledger) as db:
            return list(db.execute("SELECT * FROM attempts ORDER BY 1"))

    before = rows()
    assert run(ledger).exit_code == 0
    assert rows() == before
