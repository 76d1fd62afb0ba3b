"""Processes of sandboxes that are killed from outside, as an administrator or the kernel does it."""

import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from assay.chaos import remains
from assay.chaos.drive import Drive
from assay.chaos.fault import MACHINERY, Fault

_WAIT_S = 5.0  # for the next sandbox to start
_LOOK_S = 0.001


def sandboxes(drive: Drive) -> set[int]:
    """Return the bubblewrap processes below the driver."""
    return {pid for pid in remains.below(drive.pid) if _comm(pid) == "bwrap"}


def _comm(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


class SandboxKilled(Fault):
    """SIGKILL to bwrap."""

    name = "sandbox-killed"
    about = "SIGKILL to a sandbox: the next one that starts, or all that there are"
    exits = frozenset({3})
    may = MACHINERY

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Kill the next that starts after a request, or all."""
        every = draw.random() < 0.3

        def act() -> str:
            there = sandboxes(drive)
            chosen = there if every else set()
            until = time.monotonic() + _WAIT_S
            while not chosen and time.monotonic() < until:
                chosen = sandboxes(drive) - there
                time.sleep(_LOOK_S)
            done = [drive.signal(signal.SIGKILL, pid) for pid in sorted(chosen)]
            return ", ".join(filter(None, done))

        drive.at(self, drive.early(draw), 0.001, act)


class WorkerOutOfMemory(Fault):
    """SIGKILL to the largest process below the driver, as the kernel does it when memory ends."""

    name = "worker-out-of-memory"
    about = "SIGKILL to the largest process below the driver, as the kernel's out-of-memory killer chooses"
    exits = frozenset({3})
    may = MACHINERY

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Kill it at a request."""

        def act() -> str:
            sizes: dict[int, int] = {}
            until = time.monotonic() + _WAIT_S
            while not sizes and time.monotonic() < until:
                sizes = {pid: _resident(pid) for pid in remains.below(drive.pid)}
            return drive.signal(signal.SIGKILL, max(sizes, key=lambda pid: sizes[pid])) if sizes else ""

        drive.at(self, drive.early(draw), draw.uniform(0, 0.1), act)


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return 0
