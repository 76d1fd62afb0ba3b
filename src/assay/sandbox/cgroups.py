"""Control groups for sandboxes, where the hierarchy is writable: they bound what rlimits cannot.

RLIMIT_NPROC does not bind a process whose host user is root, and RLIMIT_AS bounds one process, not their sum.
A group bounds both for a whole sandbox. Groups are kept and used again, because the kernel frees a memory
group slowly. Version 2 is used where its pids controller is there, version 1 elsewhere, and nothing at all,
without complaint, where neither can be written to.
"""

import atexit
import functools
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_BUSY_S = 5.0  # a group whose last process was just killed may be busy for a moment


@dataclass
class Group:
    """One control group: a folder per hierarchy."""

    folders: list[Path]

    def limit(self, memory_mb: int, processes: int) -> None:
        """Set the limits; one that this kernel does not offer stays unset."""
        size = str(memory_mb * 1024 * 1024)
        for folder in self.folders:
            for name, value in (
                ("pids.max", str(processes + 2)),  # bwrap itself, and its child as it sets up
                ("memory.max", size),
                ("memory.swap.max", "0"),
                ("memory.limit_in_bytes", size),
            ):
                if (folder / name).exists():
                    with suppress(OSError):
                        (folder / name).write_text(value)

    def add(self, pid: int) -> None:
        """Move a process in. Its children follow."""
        for folder in self.folders:
            descriptor = os.open(folder / "cgroup.procs", os.O_WRONLY)
            try:
                os.write(descriptor, str(pid).encode())
            finally:
                os.close(descriptor)

    def kill(self) -> None:
        """Kill all that is in it, where the kernel can (version 2)."""
        for folder in self.folders:
            with suppress(OSError):
                (folder / "cgroup.kill").write_text("1")

    def memory_kills(self) -> int:
        """How often the kernel killed a process here for memory."""
        total = 0
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with suppress(OSError, ValueError):
                    for line in (folder / name).read_text().splitlines():
                        if line.startswith("oom_kill "):
                            total += int(line.split()[1])
        return total


@dataclass
class Pool:
    """The groups of this process. `version` is "v2", "v1" or "" (none)."""

    version: str
    bases: list[Path]
    owner: int
    _idle: list[Group] = field(default_factory=list)
    _made: list[Group] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def take(self, memory_mb: int, processes: int) -> Group | None:
        """Return a group with these limits, or None where groups cannot be had."""
        if not self.bases:
            return None
        try:
            group = self._idle.pop() if self._idle else self._make()
        except OSError:
            return None
        group.limit(memory_mb, processes)
        return group

    def give(self, group: Group) -> None:
        """Take an empty group back."""
        self._idle.append(group)

    def _make(self) -> Group:
        name = str(next(self._numbers))
        group = Group([base / name for base in self.bases])
        for folder in group.folders:
            folder.mkdir()
        self._made.append(group)
        return group

    def close(self) -> None:
        """Remove every group. A forked child must not: the groups are its parent's."""
        if os.getpid() != self.owner:
            return
        for group in self._made:
            group.kill()
        until = time.monotonic() + _BUSY_S
        for folder in [*(folder for group in self._made for folder in group.folders), *self.bases]:
            while not _removed(folder) and time.monotonic() < until:
                time.sleep(0.01)


def _removed(folder: Path) -> bool:
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def _prefix() -> str:
    """Return how our groups' names begin: with the pid namespace in which the number that follows is a pid."""
    return f"assay-{os.stat('/proc/self/ns/pid').st_ino}-"


def _remove_stale(parent: Path) -> None:
    """Remove the groups of assay processes that were killed."""
    for base in parent.glob(f"{_prefix()}*"):
        pid = base.name.rpartition("-")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            for folder in [*base.glob("*/"), base]:
                with suppress(OSError):
                    folder.rmdir()


def _version_2() -> list[Path]:
    parent = _ROOT
    enabled = (parent / "cgroup.subtree_control").read_text().split()
    if "pids" not in enabled:
        return []
    _remove_stale(parent)
    base = parent / f"{_prefix()}{os.getpid()}"
    base.mkdir(exist_ok=True)
    wanted = " ".join(f"+{name}" for name in ("pids", "memory") if name in enabled)
    try:
        (base / "cgroup.subtree_control").write_text(wanted)
    except OSError:
        base.rmdir()
        raise
    return [base]


def _version_1() -> list[Path]:
    bases = []
    for controller in ("pids", "memory"):
        parent = _ROOT / controller
        with suppress(OSError):
            if (parent / "cgroup.procs").exists():
                _remove_stale(parent)
                base = parent / f"{_prefix()}{os.getpid()}"
                base.mkdir(exist_ok=True)
                bases.append(base)
    return bases


def pool() -> Pool:
    """Return this process's pool of groups; an empty one where groups cannot be written."""
    return _pool(os.getpid())


@functools.cache
def _pool(pid: int) -> Pool:
    found = Pool("", [], pid)
    for version, look in (("v2", _version_2), ("v1", _version_1)):
        with suppress(OSError):
            bases = look()
            if bases:
                found = Pool(version, bases, pid)
                break
    atexit.register(found.close)
    return found
