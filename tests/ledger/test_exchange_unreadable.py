"""Sources that may not be read, or hold nothing: one sentence each, and what of a folder is shut is counted."""

import json
import os
import random
import re
import shutil
import tempfile
import zlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli import app
from assay.errors import UserError
from assay.ledger.exchange import importing, inspectlog, registry
from assay.ledger.exchange.reports import read_report
from assay.ledger.outcomes import read_arms

NOBODY = 65534
ROW = {
    "messages": [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "answer"}],
    "instance_id": "t",
    "model": "m",
    "resolved": True,
}


def as_nobody(call) -> str:
    """Return what a call returns in a process without root's rights, or its exception."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "it did not run"
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            said = str(call())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(write, said.encode("utf-8", "replace")[:4000])
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as stream:
        return stream.read()


@pytest.fixture
def place():
    """A folder that everybody may enter and write to, with a file in it; every mode is given back at the end."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    (folder / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    (folder / "rows.jsonl").chmod(0o644)
    registry.known()  # modules that a process without rights may not be allowed to read
    imported(folder / "rows.jsonl", folder / "first")
    read_arms(str(folder / "rows.jsonl"))
    if as_nobody(lambda: (folder / "rows.jsonl").read_text()[:1]) != "{":
        pytest.skip("no folder that another user may enter")
    yield folder
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    for path, _, _ in os.walk(folder):
        for each in Path(path).iterdir():
            each.chmod(0o755)
    shutil.rmtree(folder)


def imported(path: Path, out: Path) -> str:
    found = importing.bring(path, out)
    return f"{found.account.read} read, {found.account.broken} not: {found.account.faults}"


def outcomes(path: Path) -> str:
    return f"{len(read_arms(str(path)))} arms"


def sub(folder: Path, name: str, mode: int, content: bytes | None = None) -> Path:
    """Make a folder with a good file in it, or a file, of a mode."""
    path = folder / name
    if content is None:
        path.mkdir()
        shutil.copy(folder / "rows.jsonl", path / "more.jsonl")
        (path / "more.jsonl").chmod(0o644)
    else:
        path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o000, 0o644], ids=["shut", "listed"])
def test_a_folder_without_permission_is_one_sentence(mode, place):
    shut = sub(place, "shut", mode)
    for path in (shut, shut / "more.jsonl"):
        said = as_nobody(lambda path=path: imported(path, place / "run"))
        assert said.startswith("UserError: ")
        assert "cannot be read (Permission denied): mend its permissions" in said
        said = as_nobody(lambda path=path: outcomes(path))
        assert said.startswith("UserError: ")
        assert "cannot be read (Permission denied)" in said


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.eval", "x.csv", "x.sqlite"])
def test_a_file_without_permission_is_one_sentence(name, place):
    path = sub(place, name, 0o000, b"{}")
    assert "UserError: " in as_nobody(lambda: imported(path, place / "run"))
    said = as_nobody(lambda: outcomes(path))
    assert said.startswith("UserError: ")
    assert "cannot be read" in said


@pytest.mark.parametrize("mode", [0o000, 0o644], ids=["shut", "listed"])
def test_a_part_of_a_folder_that_cannot_be_read_is_counted_and_the_rest_is_read(mode, place):
    folder = place / "source"
    folder.mkdir()
    shutil.copy(place / "rows.jsonl", folder)
    inner = sub(place, "inner", 0o755).rename(folder / "inner")
    inner.chmod(mode)
    (folder / "shut.jsonl").write_bytes(b"{}")
    (folder / "shut.jsonl").chmod(0o000)
    said = as_nobody(lambda: imported(folder, place / "run"))
    assert said.startswith("1 read, 2 not: ")
    assert f"{inner} cannot be read (Permission denied)" in said
    assert f"{folder / 'shut.jsonl'} cannot be read (Permission denied)" in said


def test_a_folder_of_which_nothing_can_be_read_says_so_and_not_that_its_format_is_unknown(place):
    folder = place / "source"
    folder.mkdir()
    (folder / "shut.jsonl").write_text(json.dumps(ROW))
    (folder / "shut.jsonl").chmod(0o000)
    said = as_nobody(lambda: imported(folder, place / "run"))
    assert said.endswith(f"{folder / 'shut.jsonl'} cannot be read: mend its permissions")


def test_a_log_of_inspect_without_permission_is_one_sentence(place):
    path = sub(place, "x.eval", 0o000, b"PK")
    said = as_nobody(lambda: inspectlog.InspectLog(path))
    assert said == f"UserError: {path} cannot be read (Permission denied): mend its permissions"


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.eval", "x.traj.json", "x"])
def test_an_empty_file_and_an_empty_folder_are_said_to_be_empty(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=r" is empty: "):
        imported(tmp_path / name, tmp_path / "run")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r" is an empty folder: "):
        imported(tmp_path / "folder", tmp_path / "run")


def test_what_is_no_file_is_one_sentence_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UserError, match="is neither a file nor a folder"):
        imported(tmp_path / "pipe.jsonl", tmp_path / "run")


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_rows_with_a_byte_order_mark_and_windows_ends_of_line_are_read(head, end, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(head + f"{json.dumps(ROW)}{end}{json.dumps(ROW)}{end}".encode())
    assert imported(path, tmp_path / "run") == "2 read, 0 not: []"


def test_packed_rows_that_are_damaged_give_what_lies_before(tmp_path):
    """zlib's own error is neither gzip's nor the system's."""
    packer = zlib.compressobj(wbits=31)
    rows = (ROW | {"noise": random.Random(n).randbytes(2000).hex()} for n in range(300))
    good = b"".join(packer.compress(json.dumps(row).encode() + b"\n") for row in rows)
    good += packer.flush(zlib.Z_FULL_FLUSH)
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(good + b"\x07" * 100)  # a block of a kind that there is not
    said = imported(path, tmp_path / "run")
    read = int(said.split()[0])
    assert 0 < read <= 300
    assert said.startswith(f"{read} read, 1 not: ") or said.startswith(f"{read} read, 2 not: ")  # and half a line
    assert "is packed and breaks off (Error -3 while decompressing data: invalid block type)" in said


@pytest.mark.parametrize("verb", [["import"], ["ledger", "check"], ["ledger", "show"]])
def test_the_command_leaves_the_sentence_to_us(verb, place):
    """Where the command line itself checked permissions it would print its usage in a box."""
    paths = [sub(place, "x.jsonl", 0o000, b"{}"), sub(place, "shut", 0o000), sub(place, "listed", 0o644)]

    def run(path: Path) -> str:
        out = ["--out", str(place / "made" / path.name)] if verb == ["import"] else []
        found = CliRunner().invoke(app, [*verb, str(path), *out])
        return f"{found.exception!r}: {found.output}"

    for path in paths:
        run(path)
        said = as_nobody(lambda path=path: run(path))
        assert "Usage" not in said
        assert re.search(r"cannot be read|[Tt]here is no", said), said


def test_what_can_be_done_is_said_by_why_it_cannot_be_read(tmp_path):
    for path, said in ((tmp_path, "name a file"), (tmp_path / "absent", "name one that is there")):
        with pytest.raises(UserError, match=rf"{path} cannot be read \(.*\): {said}$"):
            read_report(path)
    with pytest.raises(UserError, match=r"cannot be read .*: name one that is there"):
        read_arms(f"{tmp_path}/{'x' * 300}")
