"""Truncated, foreign, half-written and garbled sources: what can be read is read, the rest is named and counted."""

import gzip
import json
import random
import zipfile
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.ledger.exchange import text
from assay.ledger.exchange.formats import chat
from assay.ledger.exchange.importing import bring
from assay.ledger.exchange.registry import known, named
from assay.ledger.exchange.run import Run
from assay.ledger.exchange.sniff import head
from assay.ledger.exchange.text import BrokenJson, lines, members, parsed
from tests.ledger.exchange_runs import held, keep
from tests.ledger.test_exchange_inspect_real import run_of


def row(number: int, said: str = "yes") -> dict:
    messages = [{"role": "user", "content": f"ask {number}"}, {"role": "assistant", "content": said}]
    return {"messages": messages, "instance_id": f"t{number}", "model": "m", "resolved": True}


def brought(source: Path, place: Path, **more):
    found = bring(source, place, **more)
    return found, held(place)


@pytest.fixture
def exports(tmp_path):
    """Every format of one run, four attempts of each of two arms."""
    run_of(tmp_path / "run")
    places = {}
    for name, form in known().items():
        places[name] = tmp_path / ("rows.jsonl" if name == "chat" else name)
        form.write(Run(tmp_path / "run"), places[name])
    return places


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_rows_in_any_unicode_encoding_are_read(encoding, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(
        "".join(json.dumps(row(n, "naïve 🐍"), ensure_ascii=False) + "\n" for n in range(3)).encode(encoding)
    )
    found, rows = brought(file, tmp_path / "run")
    assert [path.steps[0].reply.text for _, _, path in rows] == ["naïve 🐍"] * 3
    assert (found.account.broken, dict(found.account.notes)) == (0, {})


def test_bytes_and_escapes_that_are_no_text_are_replaced_and_counted(tmp_path):
    latin = json.dumps(row(0, "caf\u00e9"), ensure_ascii=False).encode("latin-1")
    lone = json.dumps(row(1, "\ud83d")).encode()
    file = tmp_path / "rows.jsonl"
    file.write_bytes(latin + b"\n" + lone + b"\n")
    found, rows = brought(file, tmp_path / "run")
    assert [path.steps[0].reply.text for _, _, path in rows] == ["caf\ufffd", "\ufffd"]
    assert dict(found.account.notes) == {text.MENDED: 2}


def test_lines_that_are_no_rows_are_named_and_the_others_are_read(tmp_path):
    bad = ["{oops", "[]", "7", '{"other": "schema"}', '{"messages": [{"role": "wizard"}]}', '{"messages": [5]}', "\0\0"]
    deep = '{"messages": ' + "[" * 100_000
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join([json.dumps(row(0)), *bad, deep, "", json.dumps(row(1)), json.dumps(row(2))[:-9]]))
    found, rows = brought(file, tmp_path / "run")
    assert [plan.task_id for plan, _, _ in rows] == ["t0", "t1"]
    assert found.account.broken == len(bad) + 2
    assert [fault.split(":")[0] for fault in found.account.faults] == [
        f"rows.jsonl, line {number}" for number in [*range(2, 2 + len(bad) + 1), 12]
    ]


def test_a_packed_file_that_breaks_off_gives_what_lies_before(tmp_path):
    file = tmp_path / "rows.jsonl.gz"
    noise = random.Random(0)
    packed = gzip.compress(
        "".join(json.dumps(row(n, str(noise.random()) * 50)) + "\n" for n in range(300)).encode(), mtime=0
    )
    file.write_bytes(packed[: len(packed) // 2])
    found, rows = brought(file, tmp_path / "run")
    assert 50 < len(rows) < 300
    assert [plan.task_id for plan, _, _ in rows] == [f"t{n}" for n in range(len(rows))]
    assert found.account.broken
    assert "breaks off" in found.account.faults[-1]


def test_what_is_longer_than_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LARGEST", 2000)
    monkeypatch.setattr(text, "_BLOCK", 500)
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(each) for each in (row(0), row(1, "x" * 5000), row(2))))
    found, rows = brought(file, tmp_path / "run")
    assert [plan.task_id for plan, _, _ in rows] == ["t0", "t2"]
    assert found.account.faults == ["rows.jsonl, line 2: it has over 0 million characters"]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([row(0), row(1, "x" * 5000), row(2)]))
    found, rows = brought(file, tmp_path / "other")
    assert [plan.task_id for plan, _, _ in rows] == ["t0"]
    assert found.account.broken == 1


def salvage(file: Path, cut: bytes, place: Path):
    file.write_bytes(cut)
    return brought(file, place)


def test_an_eval_log_cut_anywhere_gives_its_whole_samples(exports, tmp_path):
    whole = sorted(exports["inspect"].glob("*.eval"))[0]
    data = whole.read_bytes()
    with zipfile.ZipFile(whole) as file:
        ends = [info.header_offset for info in file.infolist() if info.filename.startswith("samples/")]
        after = next(info.header_offset for info in file.infolist() if info.filename == "summaries.json")
    starts = [*ends, after]
    arm = None
    for number, start in enumerate(starts):
        for cut in {start, start + 17, (start + len(data)) // 2 if start == after else start + 200}:
            place = tmp_path / f"cut{number}-{cut}"
            if number == 0:
                with pytest.raises(UserError, match=r"nothing in .* can be read as inspect"):
                    salvage(tmp_path / "cut.eval", data[:cut], place)
                continue
            found, rows = salvage(tmp_path / "cut.eval", data[:cut], place)
            done = [(plan, attempt, path) for plan, attempt, path in rows if attempt is not None]
            assert len(done) == number
            assert found.account.notes["logs that break off: what lies before is read"] == 1
            arm = arm or done[0][0].arm
    assert arm in ("one", "two")


def test_an_eval_log_written_as_a_stream_is_salvaged_too(exports, tmp_path):
    """Members whose sizes follow them, as zips written to a pipe have them."""
    whole = sorted(exports["inspect"].glob("*.eval"))[0]

    class Pipe:
        def __init__(self, path):
            self._file = path.open("wb")

        def write(self, data):
            return self._file.write(data)

        def flush(self):
            self._file.flush()

    piped = tmp_path / "piped.eval"
    with zipfile.ZipFile(whole) as source:
        out = zipfile.ZipFile(Pipe(piped), "w", zipfile.ZIP_DEFLATED)
        for name in source.namelist():
            out.writestr(name, source.read(name))
        out.close()
        out.fp = None
    data = piped.read_bytes()
    cut = data[: data.index(b"PK\x01\x02")]
    _, rows = salvage(tmp_path / "cut.eval", cut, tmp_path / "run2")
    assert len([attempt for _, attempt, _ in rows if attempt is not None]) == 4


def test_one_broken_sample_costs_no_other(exports, tmp_path):
    whole = sorted(exports["inspect"].glob("*.eval"))[0]
    odd = tmp_path / "odd.eval"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(odd, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            out.writestr(name, b'{"id": 1, "mess' if name.startswith("samples/drills/1") else source.read(name))
        out.writestr("samples/other_epoch_1.json", '["foreign"]')
        out.writestr("samples/more_epoch_1.json", '{"id": "more", "epoch": "x", "messages": 7}')
    data = bytearray(odd.read_bytes())
    at = data.index(b"samples/drills/2_epoch_1.json") + 60
    data[at : at + 20] = bytes(20)  # its checksum no longer fits
    odd.write_bytes(data)
    found, rows = brought(odd, tmp_path / "run2")
    assert sorted(plan.task_id for plan, attempt, _ in rows if attempt is not None) == ["drills/0", "drills/3"]
    assert found.account.broken == 4


def test_a_json_log_of_inspect_that_breaks_off_gives_what_lies_before(tmp_path):
    spec = {"task": "t", "model": "m", "dataset": {"sample_ids": ["a", "b", "c"]}, "config": {"epochs": 1}}
    samples = [
        {"id": name, "epoch": 1, "messages": row(0)["messages"], "scores": {"s": {"value": "C"}}} for name in "abc"
    ]
    whole = json.dumps({"version": 2, "status": "success", "eval": spec, "samples": samples})
    file = tmp_path / "log.json"
    file.write_text(whole[: whole.index('"id": "c"') + 30])
    found, rows = brought(file, tmp_path / "run")
    assert [(plan.task_id, attempt and attempt.status.value) for plan, attempt, _ in rows] == [
        ("a", "solved"),
        ("b", "solved"),
        ("c", None),
    ]
    assert found.account.broken == 1


def test_half_written_trials_were_planned_and_not_finished(exports, tmp_path):
    trials = sorted(each for each in exports["harbor"].iterdir() if each.is_dir())
    done = [trial for trial in trials if (trial / "result.json").is_file()]
    (done[0] / "result.json").write_text((done[0] / "result.json").read_text()[:100])
    (done[1] / "agent" / "trajectory.json").write_text("{")
    (done[2] / "agent" / "trajectory.json").unlink()
    (done[3] / "config.json").write_text("")
    (done[3] / "result.json").write_text("")
    (exports["harbor"] / "result.json").write_text('{"n_total')
    found, rows = brought(exports["harbor"], tmp_path / "run2")
    recorded = [(attempt, path) for _, attempt, path in rows if attempt is not None]
    assert len(recorded) == len(done) - 2
    assert sum(path is None for _, path in recorded) == 2
    assert len(rows) == len(trials) - 1  # of one nothing at all can be read
    named_faults = " ".join(found.account.faults)
    for trial in (done[0], done[1], done[3]):
        assert trial.name in named_faults


@pytest.mark.parametrize("name", ["mini", "mini-1.1", "atif"])
def test_a_broken_trajectory_costs_no_other(name, exports, tmp_path):
    files = sorted(each for each in exports[name].rglob("*.json") if each.name != "preds.json")
    assert len(files) == 8
    files[0].write_text(files[0].read_text()[:-40])
    files[1].write_bytes(b"\xff\xfe" + files[1].read_bytes())
    files[2].write_text("{}")
    files[3].write_text('{"schema_version": "ATIF-v9", "trajectory_format": "mini-swe-agent-9", "messages": []}')
    found, rows = brought(exports[name], tmp_path / "run2")
    assert len(rows) == 4
    # In a folder of ATIF a file that does not say that it is ATIF is somebody else's.
    assert found.account.broken == (3 if name == "atif" else 4)
    assert files[0].name in " ".join(found.account.faults)


def test_broken_predictions_and_reports_are_named(tmp_path):
    (tmp_path / "runs").mkdir()
    good = {"instance_id": "a", "model_patch": "x", "model_name_or_path": "m"}
    preds = [json.dumps(good), "{oops", json.dumps({"model_patch": "x"}), json.dumps(good | {"instance_id": "b"})]
    (tmp_path / "runs" / "preds.jsonl").write_text("\n".join(preds))
    (tmp_path / "runs" / "m.one.json").write_text(json.dumps({"resolved_ids": ["a"], "unresolved_ids": ["c"]}))
    (tmp_path / "runs" / "m.two.json").write_text(json.dumps({"resolved_ids": [], "unresolved_ids": ["a"]}))
    (tmp_path / "runs" / "m.three.json").write_text('{"resolved_ids": ["a"')
    found, rows = brought(tmp_path / "runs", tmp_path / "run")
    assert {plan.task_id: attempt.status.value for plan, attempt, _ in rows} == {
        "a": "solved",
        "b": "machinery",
        "c": "failed",
    }
    assert (found.account.broken, found.ungraded) == (4, 1)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"hello", b"{}", b"[]", b"PK\x03\x04rubbish", b"\xff\xfe\x00"])
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.eval", "x.traj.json", "x"])
def test_what_is_nothing_is_one_sentence_and_leaves_nothing(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    for word in ("", *known()):
        with pytest.raises(UserError):
            bring(tmp_path / name, tmp_path / "run", word=word)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_nothing_and_a_path_that_is_none(tmp_path):
    (tmp_path / "empty").mkdir()
    for word in ("", *known()):
        for path in (tmp_path / "empty", tmp_path / "absent"):
            with pytest.raises(UserError):
                bring(path, tmp_path / "run", word=word)
    with pytest.raises(UserError, match="there is no format 'nonsense'"):
        named("nonsense")


def test_a_kill_in_the_middle_is_gone_on_with(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row(n)) + "\n" for n in range(200)))

    class Killed(Exception):
        pass

    form = named("chat")
    real, seen = form.read, []

    def dies(path, account):
        for entry in real(path, account):
            seen.append(entry)
            if len(seen) == 150:
                raise Killed
            yield entry

    form.read = dies
    try:
        with pytest.raises(Killed):
            bring(file, tmp_path / "run")
    finally:
        form.read = real
    assert 0 < sum(attempt is not None for _, attempt, _ in held(tmp_path / "run")) < 200
    found = bring(file, tmp_path / "run")
    assert found.before + sum(found.statuses.values()) == 200
    assert [plan.task_id for plan, attempt, _ in held(tmp_path / "run") if attempt] == [f"t{n}" for n in range(200)]
    file.write_text(json.dumps(row(9)))
    with pytest.raises(UserError, match="as it was then"):
        bring(file, tmp_path / "run")


def test_an_export_writes_over_nothing(tmp_path):
    run_of(tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    (tmp_path / "rows.jsonl").write_text("")
    for name, form in known().items():
        out = tmp_path / ("rows.jsonl" if name == "chat" else "full")
        with pytest.raises(UserError, match="name another"):
            form.write(Run(tmp_path / "run"), out)
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["mine"]
    with pytest.raises(UserError, match=r"one log and the run has 2 groups"):
        named("inspect").write(Run(tmp_path / "run"), tmp_path / "one.eval")
    with pytest.raises(UserError, match="no arm 'three'"):
        Run(tmp_path / "run", ["three"])
    named("inspect").write(Run(tmp_path / "run", ["one"]), tmp_path / "one.eval")
    assert (tmp_path / "one.eval").is_file()


def test_an_empty_ledger_is_one_sentence(tmp_path):
    keep(tmp_path / "run", [])
    with pytest.raises(UserError, match="nothing planned"):
        named("inspect").write(Run(tmp_path / "run"), tmp_path / "logs")


def remembered(items, found):
    for name, value in items:
        found[name] = value
        yield name, value


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_members_of_a_cut_object_come_until_the_cut(cut, tmp_path):
    whole = {f"k{n}": [n, {"x": "y" * n}] for n in range(30)}
    body = json.dumps(whole)
    file = tmp_path / "x.json"
    file.write_text(body[: -cut * 10])
    found = {}
    with pytest.raises(BrokenJson):
        found.update(item for item in remembered(members(file), found))
    assert found == {name: whole[name] for name in found}
    assert len(found) >= 30 - cut * 10


def test_lines_are_counted_with_the_empty_ones(tmp_path):
    (tmp_path / "x").write_text('\n{"a": 1}\r\n\n  \n[2]')
    assert [(number, parsed(line)[0]) for number, line in lines(tmp_path / "x")] == [(2, {"a": 1}), (5, [2])]


def test_numbers_that_no_ledger_holds_are_left_out_and_counted(tmp_path):
    odd = [row(0), row(1), row(2)]
    odd[0]["messages"][1]["logprobs"] = [-1.0, float("nan")]
    odd[1]["messages"][1]["logprobs"] = [-1.0, float("-inf")]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in odd))
    found, rows = brought(file, tmp_path / "run")
    assert [path.steps[0].reply.logprobs for _, _, path in rows] == [None] * 3
    assert dict(found.account.notes) == {"attempts with numbers that are not finite, left out": 2}
    samples = [{"id": "a", "epoch": epoch, "messages": row(0)["messages"]} for epoch in (1, 2**70)]
    log = {"version": 2, "eval": {"task": "t", "model": "m"}, "samples": samples}
    (tmp_path / "log.json").write_text(json.dumps(log))
    found, rows = brought(tmp_path / "log.json", tmp_path / "other")
    assert ([plan.task_id for plan, _, _ in rows], found.account.broken) == (["a"], 1)


def test_a_folder_is_recognised_with_one_look_at_a_file_and_folders_named_like_files_are_passed_over(
    tmp_path, monkeypatch
):
    source = tmp_path / "source"
    (source / "odd.jsonl").mkdir(parents=True)
    (source / "rows.jsonl").write_text(json.dumps(row(0)) + "\n")
    looked = []
    monkeypatch.setattr(chat, "head", lambda file: looked.append(file.name) or head(file))
    assert not chat.holds(tmp_path / "nothing")
    assert chat.holds(source)
    assert looked == ["rows.jsonl"]
    (source / "rows.jsonl").write_text("nothing\n")
    looked.clear()
    assert not chat.holds(source)
    assert looked == ["rows.jsonl"]
    (source / "rows.jsonl").write_text(json.dumps(row(0)) + "\n")
    found, rows = brought(source, tmp_path / "run")
    assert (len(rows), found.account.broken) == (1, 0)
