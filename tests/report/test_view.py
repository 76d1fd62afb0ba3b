"""`assay view --report` prints the path and makes the report when it is old; the page takes a port that is free."""

import os
import socket

import pytest
import typer
from typer.testing import CliRunner

from assay.cli.view import _bound, _rebuild, view
from assay.errors import UserError
from assay.ledger import Ledger
from assay.report.web.runs import runs_of


@pytest.fixture
def opened(monkeypatch):
    pages = []
    monkeypatch.setattr("webbrowser.open", pages.append)
    return pages


@pytest.fixture
def run(made):
    return made(splits={"seen": 6}, doses=(0, 10))


def invoke(*arguments):
    app = typer.Typer()
    app.command()(view)
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output.strip()


def test_it_prints_the_path_and_opens_a_display(run, opened, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    index = run / "report" / "index.html"
    assert invoke(run, "--report") == str(index)
    assert opened == [index.resolve().as_uri()]
    assert invoke(run, "--report", "--no-open") == str(index)
    monkeypatch.delenv("DISPLAY")
    assert invoke(run, "--report") == str(index)
    assert len(opened) == 1


def test_it_builds_once_again_when_asked_and_again_when_the_ledger_has_grown(run, opened):
    index = run / "report" / "index.html"
    invoke(run, "--report", "--no-open")
    index.write_text("as it was")
    invoke(run, "--report", "--no-open")
    assert index.read_text() == "as it was"
    invoke(run, "--report", "--no-open", "--rebuild")
    assert index.read_text() != "as it was"
    index.write_text("as it was")
    with Ledger(run / "ledger.sqlite") as ledger:
        ledger.set_fact("finished/2", {"wall_s": 1.0})
    later = index.stat().st_mtime_ns + 1_000_000
    os.utime(run / "ledger.sqlite", ns=(later, later))  # some file systems count time in coarse steps
    invoke(run, "--report", "--no-open")
    assert index.read_text() != "as it was"


def test_a_ledger_that_holds_nothing_is_not_newer_than_a_report(tmp_path, opened):
    (tmp_path / "ledger.sqlite").touch()
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("as it was")
    assert invoke(tmp_path, "--report", "--no-open") == str(tmp_path / "report" / "index.html")


def test_every_run_of_a_folder_is_rebuilt_and_one_that_cannot_be_is_said(made, tmp_path, capsys):
    runs = tmp_path / "runs"
    runs.mkdir()
    made(splits={"seen": 3}, doses=(0, 10)).rename(runs / "one")
    made(splits={"seen": 3}, doses=(0, 10)).rename(runs / "two")
    (runs / "odd").mkdir()
    (runs / "odd" / "ledger.sqlite").write_bytes(b"no ledger" * 500)
    for each in runs.glob("*/report/index.html"):
        each.write_text("as it was")
    _rebuild(runs_of([runs]))
    for name in ("one", "two"):
        assert "as it was" not in (runs / name / "report" / "index.html").read_text()
    assert "odd has no new report: " in capsys.readouterr().err


def test_a_missing_run_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"There is no run in .*none.*assay run experiments/twins\.toml"):
        invoke(tmp_path / "none", "--report")
    with pytest.raises(UserError, match=r"There is no run in .*none.*assay run experiments/twins\.toml"):
        invoke(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_the_page_takes_the_next_port_where_its_own_is_in_use_unless_one_was_asked_for(capsys):
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bound = _bound("127.0.0.1", None, port)
        assert bound.getsockname()[1] != port
        assert f"port {port} is in use" in capsys.readouterr().out
        bound.close()
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1 is in use: name another with --port"):
            _bound("127.0.0.1", port)
