"""A full disk: one sentence, exit status 2, nothing lost, and the run goes on when there is space again."""

import os
import shutil
import subprocess

import pytest

from assay.ledger import Ledger
from tests.e2e.conftest import assay


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.getuid() != 0 or subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_loses_nothing(laboratory, small_disk, tmp_path):
    full = assay("run", laboratory / "small.toml", "--out", small_disk / "run")
    assert full.returncode == 2, full.stderr
    said = full.stderr.strip().splitlines()[-1]
    assert said.startswith("assay: ")
    assert "free space" in said
    assert "Traceback" not in full.stderr
    with Ledger(small_disk / "run" / "teacher.sqlite") as teacher:
        kept = {attempt.plan.id: attempt for attempt in teacher.attempts()}
    roomy = tmp_path / "roomy"
    shutil.copytree(small_disk / "run", roomy)
    again = assay("run", laboratory / "small.toml", "--out", roomy)
    assert again.returncode == 0, again.stderr
    with Ledger(roomy / "teacher.sqlite") as teacher:
        now = {attempt.plan.id: attempt for attempt in teacher.attempts()}
    assert kept.items() <= now.items()
