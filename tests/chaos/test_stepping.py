"""The clock that steps back: it does, once its file is there, and the ledger of a run shows it."""

import os
import subprocess
import sys

from assay.chaos import laws
from assay.chaos.stepping import VARIABLE

LOOK = """
import time
from pathlib import Path
from assay.chaos.stepping import step
before, before_ns = time.time(), time.time_ns()
step(3600.0, "flag")
assert abs(time.time() - before) < 1000
Path("flag").touch()
assert -4600 < time.time() - before < -2600, time.time() - before
assert -4600 < (time.time_ns() - before_ns) / 1e9 < -2600
"""


def test_it_steps_once_the_file_is_there(tmp_path):
    subprocess.run([sys.executable, "-c", LOOK], cwd=tmp_path, check=True)


def test_a_run_through_it_records_the_time_that_it_was_told(tmp_path):
    (tmp_path / "script.json").write_text('["```bash\\ntrue\\n```"]')
    (tmp_path / "flag").touch()
    words = ["solve", "--tasks", "drills", "--limit", "1", "--model", "scripted:script.json", "--out", "run"]
    env = {**os.environ, VARIABLE: f"1000000000:{tmp_path}/flag"}
    done = subprocess.run(
        [sys.executable, "-m", "assay.chaos.stepping", *words], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (row,) = laws.rows_of(tmp_path / "run" / "ledger.sqlite")
    assert row.recorded < (tmp_path / "flag").stat().st_mtime - 900_000_000
