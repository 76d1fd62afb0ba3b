"""Trajectories beside the ledger come back byte for byte, packs are never shared, and damage has a name."""

import fcntl
import io
import json
import os

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.ledger import traces
from assay.ledger.traces import DamagedTrace, Frame, TraceReader, TraceWriter, pack_path, packs


@given(batches=st.lists(st.lists(st.binary(max_size=400), max_size=4), max_size=5))
@settings(max_examples=40, deadline=None)
def test_every_frame_comes_back(tmp_path_factory, batches):
    folder = tmp_path_factory.mktemp("packs")
    writer, reader = TraceWriter(folder), TraceReader(folder)
    kept = []
    for batch in batches:
        kept += zip(writer.append(batch), batch, strict=True)
        for frame, content in kept:
            assert reader.read(frame) == content
    writer.close()
    reader.close()
    assert len(packs(folder)) == (1 if any(batches) else 0)


def test_a_pack_is_a_stream_that_any_zstd_reads(tmp_path):
    writer = TraceWriter(tmp_path)
    for number in range(3):
        writer.append([json.dumps({"n": number}).encode()])
    writer.close()
    with zstd.ZstdFile(io.BytesIO(pack_path(tmp_path, 1).read_bytes())) as lines:
        assert [json.loads(line)["n"] for line in lines] == [0, 1, 2]


def test_writers_never_share_a_pack_and_take_up_a_free_one(tmp_path):
    one, other = TraceWriter(tmp_path), TraceWriter(tmp_path)
    frames = [writer.append([b"x"])[0] for writer in (one, other, one)]
    assert [frame.pack for frame in frames] == [1, 2, 1]
    one.close()
    third = TraceWriter(tmp_path)
    assert third.append([b"y"])[0].pack == 1
    reader = TraceReader(tmp_path)
    assert [reader.read(frame) for frame in frames] == [b"x"] * 3
    assert sorted(packs(tmp_path)) == [1, 2]


def test_bytes_of_a_killed_writer_are_stepped_over(tmp_path):
    writer = TraceWriter(tmp_path)
    before = writer.append([b"before"])[0]
    with pack_path(tmp_path, 1).open("ab") as stream:
        stream.write(b"half a fra")
    after = writer.append([b"after"])[0]
    assert after.place == before.size + len(b"half a fra")
    assert [TraceReader(tmp_path).read(frame) for frame in (before, after)] == [b"before", b"after"]


def test_a_full_pack_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "FULL_BYTES", 60)
    writer = TraceWriter(tmp_path)
    frames = [writer.append([os.urandom(50)])[0] for _ in range(3)]
    assert [frame.pack for frame in frames] == [1, 2, 3]


def test_a_pack_that_another_program_holds_is_left_alone(tmp_path):
    pack_path(tmp_path, 1).write_bytes(b"")
    with pack_path(tmp_path, 1).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert TraceWriter(tmp_path).append([b"x"])[0].pack == 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-3], "cut short"),
        (lambda data: b"", "cut short"),
        (lambda data: b"\0" * len(data), "cannot be unpacked"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "cannot be unpacked|does not hold|is not what was written"),
    ],
)
def test_a_damaged_frame_is_named(tmp_path, damage, said):
    frame = TraceWriter(tmp_path).append([b"what was said " * 9])[0]
    path = pack_path(tmp_path, 1)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedTrace, match=said):
        TraceReader(tmp_path).read(frame)


def test_another_trajectory_in_its_place_is_found_by_the_hash(tmp_path):
    writer = TraceWriter(tmp_path)
    one, other = writer.append([b"what was said", b"what was made"])
    forged = Frame(1, other.place, other.size, other.length, one.sha256)
    with pytest.raises(DamagedTrace, match="hash"):
        TraceReader(tmp_path).read(forged)


def test_a_missing_pack_says_what_to_copy(tmp_path):
    frame = TraceWriter(tmp_path).append([b"x"])[0]
    pack_path(tmp_path, 1).unlink()
    with pytest.raises(DamagedTrace, match="copy the folder"):
        TraceReader(tmp_path).read(frame)


def test_a_frame_that_would_fill_the_memory_is_not_opened(tmp_path):
    writer = TraceWriter(tmp_path)
    frame = writer.append([b"\0" * 50_000_000])[0]
    assert frame.size < 100_000
    reader = TraceReader(tmp_path)
    for length in (10, 1 << 40):
        with pytest.raises(DamagedTrace):
            reader.read(Frame(1, frame.place, frame.size, length, frame.sha256))
    with pytest.raises(DamagedTrace, match="no place"):
        reader.read(Frame(1, -5, 1 << 50, 10, frame.sha256))
