"""Disk space that no listing shows: files that running processes hold after their names are gone."""

import os
import stat
from contextlib import suppress

from assay.sandbox.cgroups import Group
from assay.sandbox.copying import taken

_Files = dict[tuple[int, int], int]  # device and inode -> bytes
_IN_MEMORY = ("/memfd:", "/dev/zero", "/SYSV")  # what the kernel calls shared memory that no file system bounds


def held_bytes(group: Group | None) -> int:
    """Return the bytes of unlinked files that the processes of a control group hold open, each file once.

    Those in memory (/tmp, /dev/shm, memfd) have bounds of their own and do not count. 0 where there is no group,
    since its processes could not be told from others. A file that is mapped and not open escapes.
    """
    found: _Files = {}
    for pid in _members(group):
        with suppress(OSError):  # it may have ended
            found.update(_open(pid, _memory(pid)))
    return sum(found.values())


def hidden_bytes(first: int, file_bytes: int) -> tuple[int, bool]:
    """Return the bytes of unlinked files that the sandbox of process 1 `first` holds, and whether some may be missed.

    It is the most that they can be. Files that are mapped and not open count too. So does what travels between its
    processes, in a message that nobody has received: such a file is not seen, and each may be as large as a file may
    be, `file_bytes`; and so may be what a process holds that cannot be looked into. Some may be missed where a process
    ended meanwhile, or was about to. It reads the whole process table.
    """
    found: _Files = {}
    unseen = 0
    pids = _namespace(first)
    doubtful = not pids
    for pid in pids:
        try:
            memory = _memory(pid)
            found.update({**_mapped(pid, memory), **_open(pid, memory)})
            unseen += _travelling(pid)
        except (FileNotFoundError, ProcessLookupError):
            doubtful = True
        except OSError:
            unseen += 1
        doubtful = doubtful or _is_ending(pid)
    return sum(found.values()) + unseen * file_bytes, doubtful


def _memory(pid: str) -> set[int]:
    """Return the devices of the file systems in memory that a process sees."""
    return {os.stat(f"/proc/{pid}/root{place}").st_dev for place in ("/tmp", "/dev/shm")}


def _open(pid: str, memory: set[int]) -> _Files:
    """Return the unlinked files that a process holds open."""
    found: _Files = {}
    with os.scandir(f"/proc/{pid}/fd") as descriptors:
        for entry in descriptors:
            with suppress(OSError):
                info = entry.stat()
                if info.st_nlink or not stat.S_ISREG(info.st_mode) or info.st_dev in memory:
                    continue
                if not os.readlink(entry.path).startswith("/memfd:"):
                    found[info.st_dev, info.st_ino] = taken(info)
    return found


def _mapped(pid: str, memory: set[int]) -> _Files:
    """Return the unlinked files that a process has mapped, with the bytes on disk, or those mapped where none tells."""
    found: _Files = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            span, _, _, device, inode, *path = line.split(maxsplit=5)
            if not path or not path[0].rstrip().endswith(" (deleted)") or path[0].startswith(_IN_MEMORY):
                continue
            major, minor = (int(part, 16) for part in device.split(":"))
            key = os.makedev(major, minor), int(inode)
            if key[0] in memory:
                continue
            begin, end = (int(part, 16) for part in span.split("-"))
            try:  # it takes a right that an ordinary user lacks
                found[key] = taken(os.stat(f"/proc/{pid}/map_files/{begin:x}-{end:x}"))
            except OSError:
                found[key] = found.get(key, 0) + end - begin
    return found


def _travelling(pid: str) -> int:
    """Return how many descriptors wait in the sockets of a process to be received."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with suppress(OSError), open(f"/proc/{pid}/fdinfo/{name}", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("scm_fds:"):
                    count += int(line.split()[1])
    return count


def _is_ending(pid: str) -> bool:
    """Say whether a process has let go of its files, or is gone."""
    try:
        return not os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return True


def _namespace(first: int) -> list[str]:
    """Return the processes of the pid namespace of `first`; none when that has ended."""
    found = []
    with suppress(OSError):
        wanted = os.readlink(f"/proc/{first}/ns/pid")
        if wanted == os.readlink("/proc/self/ns/pid"):
            return []  # never all of this machine
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):  # it may have ended, or is none of ours
                if os.readlink(f"/proc/{pid}/ns/pid") == wanted:
                    found.append(pid)
    return found


def _members(group: Group | None) -> list[str]:
    if group is None or not group.folders:
        return []
    try:
        return (group.folders[0] / "cgroup.procs").read_text().split()
    except OSError:
        return []
