"""What a killed worker leaves is removed soon after, though nobody starts another."""

import os
import subprocess
import sys
import time
from pathlib import Path

KILLED = """
import os, signal
from assay.executors.sweeping import sweep_after_me
from assay.sandbox import cgroups, workspace
sweep_after_me()
(workspace.base() / "left").write_text("by untrusted code")
print(workspace.base(), *cgroups.pool().bases, sep="\\n", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_is_cleaned_up_after(tmp_path):
    there = {**os.environ, "ASSAY_TMP": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=there, capture_output=True, text=True, timeout=300)
    assert done.returncode == -9, done.stderr
    left = [Path(line) for line in done.stdout.splitlines()]
    assert left[0].parent == tmp_path
    until = time.monotonic() + 300
    while any(path.exists() for path in left) or list(tmp_path.iterdir()):
        assert time.monotonic() < until, left
        time.sleep(0.05)
