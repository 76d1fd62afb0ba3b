"""What a run leaves on the machine: processes, mounts, control groups, temporary files. Linux, read from /proc.

A sandbox's processes have an empty environment and a session of their own, so that neither a mark nor a group finds
them. They are found by descent: while a drive runs this process adopts the orphans among its descendants
(PR_SET_CHILD_SUBREAPER), so that whatever the driver started stays below us when the driver is killed.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = "ASSAY_CHAOS_MARK"  # the variable of the environment that a drive's processes inherit
_SUBREAPER = 36
_GONE_S = 30.0  # what is still there after so long, stays
_LOOK_S = 0.05
_GROUPS = ("", "pids", "memory")


@contextmanager
def adopting() -> Iterator[None]:
    """Adopt the orphans among our descendants until the block ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_SUBREAPER, 0, 0, 0, 0)


def _parents() -> dict[int, tuple[int, str]]:
    """Return the parent and the state of every process."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError, IndexError, ValueError):
            words = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            found[int(name)] = (int(words[1]), words[0])
    return found


def below(root: int) -> set[int]:
    """Return the living descendants of a process, without itself."""
    parents = _parents()
    found: set[int] = set()
    new = {root}
    while new:
        new = {pid for pid, (parent, _) in parents.items() if parent in new and pid not in found}
        found |= new
    return {pid for pid in found if parents[pid][1] != "Z"}


def children() -> set[int]:
    """Return the direct children of this process, the dead among them too."""
    return {pid for pid, (parent, _) in _parents().items() if parent == os.getpid()}


def reap(known: set[int]) -> None:
    """Take leave of adopted processes that have ended: children that are not `known` to be somebody's here."""
    for pid in children() - known:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def marked(mark: str) -> set[int]:
    """Return the living processes whose environment bears the mark, whoever their parent is."""
    found = set()
    wanted = f"{MARK}={mark}".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if int(name) != os.getpid() and wanted in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.add(int(name))
    return found


def named(pid: int) -> str:
    """Return a process's command line, for people."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        return f"the process {pid} ({words[:80] or Path(f'/proc/{pid}/comm').read_text().strip()})"
    return f"the process {pid}"


def processes(mark: str, known: set[int]) -> list[str]:
    """Name the processes that a drive left: those with its mark, and those below us that are not below a known one."""
    reap(known)
    ours: set[int] = set()
    for child in children() - known:
        ours |= {child} | below(child)
    living = {pid for pid in ours | marked(mark) if _state(pid) not in ("Z", "gone")}
    return [named(pid) for pid in sorted(living - known)]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "gone"


def mounts(place: Path) -> list[str]:
    """Name the mounts at or below a folder."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [f"the mount {point}" for point in points if Path(point).is_relative_to(place)]


def groups(pids: set[int]) -> list[str]:
    """Name the control groups that these processes made for their sandboxes."""
    found = []
    for controller in _GROUPS:
        for folder in Path("/sys/fs/cgroup", controller).glob("assay-*-*"):
            owner = folder.name.rpartition("-")[2]
            if owner.isdigit() and int(owner) in pids:
                found.append(f"the control group {folder}")
    return found


def files(place: Path) -> list[str]:
    """Name what lies in a folder for temporary files."""
    return [f"the temporary file {path}" for path in sorted(place.iterdir())]


def unfinished(run: Path) -> list[str]:
    """Name the parts of files that a run's folder still holds."""
    return [f"the unfinished file {path}" for path in sorted(run.rglob("*.part"))]


def soon(look: Callable[[], list[str]]) -> list[str]:
    """Wait a while for something to be empty; return what it is."""
    until = time.monotonic() + _GONE_S
    while (left := look()) and time.monotonic() < until:
        time.sleep(_LOOK_S)
    return left
