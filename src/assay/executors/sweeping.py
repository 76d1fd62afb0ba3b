"""What a worker leaves when it is killed, removed as soon as it is gone: `python -m assay.executors.sweeping`.

Ray ends its workers by SIGKILL, and nobody may start another on their node. So each has a shell beside it, which waits
for its end on a pipe that nobody else holds, and then starts this module.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The shell that waits is not the worker's child: Ray kills those with it. `&` would take its standard input away.
_WAIT = 'exec 3<&0; (cat <&3 >/dev/null; exec 3<&-; exec "$@") &'
_CLOSED_S = 0.5  # a process that dies closes its files one after another, its locks perhaps behind the pipe


def sweep_after_me() -> None:
    """Have the workspaces and control groups of this process removed when it ends, however it ends."""
    waited, held = os.pipe()  # `held` is open as long as we live, and programs that we start do not get it
    command = ["sh", "-c", _WAIT, "sh", sys.executable, "-m", "assay.executors.sweeping"]
    try:
        subprocess.run(
            command,
            stdin=waited,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(waited)
    _held.append(held)


_held: list[int] = []


def _sweep() -> None:
    from assay.sandbox import cgroups, workspace

    time.sleep(_CLOSED_S)
    if not Path(os.environ.get("ASSAY_TMP") or tempfile.gettempdir()).is_dir():
        return  # it was removed with all that was in it
    workspace.base()  # both remove what dead processes left, and what they make for this one goes at its end
    cgroups.pool()


if __name__ == "__main__":
    _sweep()
