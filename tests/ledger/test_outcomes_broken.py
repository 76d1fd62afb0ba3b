"""Broken logs and reports as outcomes: each gives arms or is one sentence, whatever is missing or wrong in it."""

import json
import random
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.ledger.exchange.formats import inspect
from assay.ledger.exchange.importing import bring
from assay.ledger.exchange.run import Run
from assay.ledger.outcomes import read_arms
from assay.ledger.outcomes.formats import evaluation
from tests.ledger.exchange_runs import scratch
from tests.ledger.test_exchange_foreign import sample
from tests.ledger.test_exchange_fuzz import VALUES, spoilt
from tests.ledger.test_exchange_inspect_real import run_of

LAW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
SPEC = {"task": "t", "model": "m", "dataset": {"sample_ids": ["a"]}, "config": {"epochs": 1}}
LOG = {"version": 2, "status": "success", "eval": SPEC, "samples": [sample("a", "C"), sample("b", "I", 2)]}


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> bytes:
    """A log of four samples, as assay writes it for Inspect."""
    folder = tmp_path_factory.mktemp("log")
    run_of(folder / "run")
    inspect.write(Run(folder / "run", ["one"]), folder / "log.eval")
    return (folder / "log.eval").read_bytes()


def outcome(path: Path) -> str:
    """Return what became of reading the outcomes: "read", or the sentence."""
    try:
        return "read" if read_arms(str(path)) else "nothing"
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    return said


def members(data: bytes, place: Path) -> dict[str, bytes]:
    place.write_bytes(data)
    with zipfile.ZipFile(place) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(place: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return place


def test_a_log_cut_anywhere_is_read_or_one_sentence(log, tmp_path):
    place = tmp_path / "log.eval"
    found = []
    for part in range(21):
        place.write_bytes(log[: len(log) * part // 20])
        found.append(outcome(place))
    assert found[20] == "read"
    assert "read" in found[:20]  # one that lacks its table of contents
    assert "is it whole?" in found[0]


def test_a_plain_log_cut_anywhere_is_read_or_one_sentence(tmp_path):
    place, data = tmp_path / "log.json", json.dumps(LOG)
    found = []
    for part in range(21):
        place.write_text(data[: len(data) * part // 20])
        found.append(outcome(place))
    assert found[20] == "read"


@pytest.mark.parametrize("seed", range(4))
def test_a_log_with_bytes_flipped_is_read_or_one_sentence(seed, log, tmp_path):
    draw, place = random.Random(seed), tmp_path / "log.eval"
    names = log.index(b"PK\x01\x02")  # where the table of contents begins: half of the damage is there
    found = set()
    for number in range(100):
        data = bytearray(log)
        for _ in range(draw.choice((1, 1, 3, 20))):
            where = draw.randrange(names, len(data)) if number % 2 else draw.randrange(len(data))
            data[where] ^= 1 << draw.randrange(8)
        place.write_bytes(data)
        found.add(outcome(place))
        with suppress(UserError):
            bring(place, tmp_path / f"run{number}", word="inspect")
    assert len(found) > 1


def test_a_log_without_a_member_or_with_a_broken_one_is_read_or_one_sentence(log, tmp_path):
    files = members(log, tmp_path / "whole.eval")
    assert "summaries.json" in files
    for name in files:
        place = zipped(tmp_path / "log.eval", {each: files[each] for each in files if each != name})
        assert outcome(place) == "read"  # the header stands in the journal too, and the summaries in the samples
        for content in (b"", b"[", b"null", b"[null]", b'[["a"]]', b"[7]", b'{"a": 1}', b"\xff\xfe\x00"):
            found = outcome(zipped(tmp_path / "log.eval", files | {name: content}))
            assert found == "read" or "is it whole?" in found, (name, content, found)


def test_summaries_whose_bytes_are_damaged_are_one_sentence(log, tmp_path):
    place = tmp_path / "log.eval"
    place.write_bytes(log)
    with zipfile.ZipFile(place) as file:
        info = file.getinfo("summaries.json")
    data = bytearray(log)
    begin = info.header_offset + 30 + len("summaries.json") + struct.unpack("<H", log[info.header_offset + 28 :][:2])[0]
    for where in range(begin, begin + info.compress_size):
        data[where] ^= 0xFF
    place.write_bytes(data)
    assert "is it whole?" in outcome(place)


@pytest.mark.parametrize("wide", [b"\x01\x00\x10\x00", b"\x01\x00\x10\x00" + b"\xff" * 16], ids=["cut", "huge"])
def test_a_salvaged_member_with_an_odd_size_is_one_sentence(wide, tmp_path):
    head = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, 0xFFFFFFFF, 0, 11, len(wide))
    body = zipped(tmp_path / "one.zip", {"header.json": json.dumps(LOG).encode()}).read_bytes()
    place = tmp_path / "log.eval"
    place.write_bytes(head + b"header.json" + wide + body[30 + len("header.json") : body.index(b"PK\x01\x02")])
    assert str(place) in outcome(place)


@LAW
@given(st.integers(0, 10**6), VALUES)
@example(10, None)
def test_one_odd_value_in_a_plain_log_is_read_or_one_sentence(where, value):
    with scratch() as place:
        path = Path(place) / "log.json"
        path.write_text(json.dumps(spoilt(LOG, where, value)))
        outcome(path)


@pytest.mark.parametrize("scores", [7, ["C"], "C", None, {"v": None}, {"v": 1}, {"v": {"value": 10**400}}, {"v": {}}])
@pytest.mark.parametrize("epoch", [1, None, "x", float("inf"), 10**400])
def test_odd_scores_and_epochs_in_the_summaries_are_read_or_one_sentence(scores, epoch, log, tmp_path):
    files = members(log, tmp_path / "whole.eval")
    rows = [{"id": "a", "epoch": epoch, "scores": scores}, {"id": "b", "epoch": 1, "scores": {"v": {"value": "C"}}}]
    place = zipped(tmp_path / "log.eval", files | {"summaries.json": json.dumps(rows).encode()})
    found = outcome(place)
    assert found == "read" or str(place) in found


def test_the_instances_of_a_run_of_ours_are_not_searched(tmp_path, monkeypatch):
    """Beside a ledger there may be a folder of any size, and nothing in it is a report of SWE-bench."""
    run_of(tmp_path / "run")
    (tmp_path / "run" / "model" / "task").mkdir(parents=True)
    (tmp_path / "run" / "model" / "task" / "report.json").write_text('{"task": {"resolved": true}}')
    searched = []
    monkeypatch.setattr(evaluation, "_instances", lambda path: searched.append(path) or [])
    assert not evaluation.holds(tmp_path / "run")
    assert searched == []
