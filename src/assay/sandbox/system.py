"""Dealings with the system that must be right: writing all of something, and naming and killing the right process."""

import json
import os
import signal
from contextlib import suppress


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data` to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def reported(report: bytes, name: str) -> int | None:
    """Return a number from what bwrap has reported (one JSON object a line), None when it is not there."""
    for line in report.splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and isinstance(said.get(name), int):
                return int(said[name])
    return None


def hold_child(parent: int, child: int) -> int | None:
    """Return a pidfd of `child`; None when it is not, or no longer, a child of `parent` (numbers are used again)."""
    try:
        handle = os.pidfd_open(child)
    except OSError:
        return None
    try:
        with open(f"/proc/{child}/stat", encoding="utf-8", errors="replace") as file:
            above = int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        above = -1
    if above == parent:
        return handle
    os.close(handle)
    return None


def kill_child(parent: int, child: int) -> bool:
    """Kill `child`; False when it is not, or no longer, a child of `parent`."""
    handle = hold_child(parent, child)
    if handle is None:
        return False
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
