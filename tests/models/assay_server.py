"""Starts `assay serve` as its user does: a process, whose first line says where it listens."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    """The running server. `url` ends in /v1."""

    url: str
    process: subprocess.Popen[str]

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=300)


@contextmanager
def assay_serve(*words: str | Path, env: dict[str, str] | None = None) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "serve", *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"at (http://\S+/v1),", line):
                yield Served(found[1], process)
                return
        raise AssertionError(f"it did not start: {said}")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()
