"""What chaos found and was mended elsewhere: what a killed run leaves is cleared by the very next one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.sandbox import workspace

MADE = "from assay.sandbox import workspace; print(workspace.base(), flush=True); input()"


def begun(place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MADE],
        env={**os.environ, "ASSAY_TMP": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_run_that_was_killed_a_moment_ago_leaves_its_workspaces_to_the_next(tmp_path):
    with begun(tmp_path) as killed:
        first = Path(killed.stdout.readline().strip())
        killed.send_signal(signal.SIGKILL)
    assert first.is_dir()
    with begun(tmp_path) as living:
        second = Path(living.stdout.readline().strip())
        assert list(tmp_path.iterdir()) == [second]
        with begun(tmp_path) as third:
            place = Path(third.stdout.readline().strip())
            assert sorted(tmp_path.iterdir()) == sorted([second, place])
            third.communicate("\n")
        living.communicate("\n")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_not_locked_yet_is_left_for_a_minute_and_then_removed(tmp_path, monkeypatch):
    """Killed between making it and locking it: it still has its hidden name, and no lock."""
    new = tmp_path / f".{workspace._PREFIX}4194304-abc"
    new.mkdir()
    workspace._remove_stale(tmp_path)
    assert new.is_dir()
    os.utime(new, (0, 0))
    workspace._remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


GROUP = """
import os, signal, subprocess, threading
from assay.sandbox import cgroups
group = cgroups.pool().take(64, 10)
if group is not None:
    process = subprocess.Popen(["sleep", "1000"])
    group.add(process.pid)
    threading.Timer(0.5, process.kill).start()
    print(*cgroups.pool().bases, flush=True)
    cgroups.pool().close()
    process.wait()
"""


def test_a_control_group_that_is_busy_for_a_moment_is_removed():
    done = subprocess.run([sys.executable, "-c", GROUP], capture_output=True, text=True, check=True)
    if not done.stdout:
        pytest.skip("this user may make no control groups")
    assert [base for base in done.stdout.split() if Path(base).exists()] == []
