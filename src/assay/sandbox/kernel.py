"""Calls of the kernel by which a child of a fork server shuts itself in; it is shown inside, as a file.

It runs under whatever Python a task's own environment has, so it keeps to the standard library and to what Python 3.6
knows. The server must be in a user namespace of its own and hold CAP_SYS_ADMIN there (`layout.fork_server`).
"""

import ctypes
import os
import struct

NEWNS, NEWIPC, NEWPID, NEWNET = 0x00020000, 0x08000000, 0x20000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _RDONLY = 2, 4, 8, 1
_DUMPABLE, _SET_SECCOMP, _FILTER, _NO_NEW_PRIVS, _BOUNDS_READ, _BOUNDS_DROP = 4, 22, 2, 38, 23, 24
_CAPABILITY_HEADER, _NO_CAPABILITY = struct.pack("=Ii", 0x20080522, 0), bytes(24)
_PIDFD_OPEN = 434  # on every machine: it came after the numbers were made one
_IFF_UP, _SIOCSIFFLAGS = 1, 0x8914


class Kernel:
    """`rules` is the seccomp filter, empty for none. Every method raises OSError where the kernel refuses."""

    def __init__(self, rules):
        self._library = ctypes.CDLL(None, use_errno=True)
        self._rules = ctypes.create_string_buffer(rules)
        self._filter = struct.pack("@HP", len(rules) // 8, ctypes.addressof(self._rules)) if rules else None
        self._call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        self._bounds = [n for n in range(64) if self._library.prctl(_BOUNDS_READ, ctypes.c_long(n)) == 1]

    def _call(self, name, *words):
        # Numbers fill whole registers, as variadic functions need.
        given = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
        answer = getattr(self._library, name)(*given)
        if answer < 0:
            raise OSError(ctypes.get_errno(), f"{name} {words[1]}" if name == "mount" else name)
        return answer

    def unshare(self, flags):
        """Leave namespaces for new ones."""
        self._call("unshare", flags)

    def setns(self, descriptor, flags):
        """Go to a namespace."""
        self._call("setns", descriptor, flags)

    def mount_tmpfs(self, place, size, inodes, mode):
        """Mount an empty file system in memory."""
        options = f"size={size},nr_inodes={inodes},mode={mode:o}".encode()
        self._call("mount", b"tmpfs", place.encode(), b"tmpfs", _NOSUID | _NODEV, options)

    def mount_overlay(self, lower, upper, work, place):
        """Mount an overlay, whose upper folder keeps what is written. Of a path no part may hold ',' or ':'."""
        if any(sign in path for path in (lower, upper, work) for sign in ",:\\"):
            raise OSError(22, "mount overlay")
        options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr".encode()
        self._call("mount", b"overlay", place.encode(), b"overlay", _NOSUID | _NODEV, options)

    def mount_proc(self, readonly):
        """Mount the /proc of this process's namespace over what is there."""
        flags = _NOSUID | _NODEV | _NOEXEC | (_RDONLY if readonly else 0)
        self._call("mount", b"proc", b"/proc", b"proc", flags, None)

    def disarm(self):
        """Give up every capability, for good, and go behind the filter."""
        for capability in self._bounds:
            self._call("prctl", _BOUNDS_DROP, capability, 0, 0, 0)
        self._call("capset", _CAPABILITY_HEADER, _NO_CAPABILITY)
        if self._filter is not None:
            self._call("prctl", _SET_SECCOMP, _FILTER, self._filter, 0, 0)

    def pidfd(self, pid):
        """Return a descriptor that can be read from once the process has ended."""
        return self._call("syscall", _PIDFD_OPEN, pid, 0)


def set_dumpable(yes):
    """Let other processes of this user read this one's memory and descriptors through /proc, or keep them from it."""
    ctypes.CDLL(None).prctl(_DUMPABLE, ctypes.c_long(1 if yes else 0), ctypes.c_long(0), ctypes.c_long(0))


def raise_loopback():
    """Switch the loopback device of this network namespace on."""
    import fcntl
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle.fileno(), _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def lacks(places, filtered, descriptors):
    """Return in what this process is not shut in as a child of a fork server must be, "" where it is.

    `places` maps mount points to the kind of file system that must be there, `filtered` is whether there is a filter,
    and `descriptors` are those that may be open.
    """
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    with open("/proc/self/mountinfo") as file:
        mounts = {line.split()[4]: line.partition(" - ")[2].split()[0] for line in file}
    found = []
    if os.getpid() != 1 or os.getppid() != 0 or [name for name in os.listdir("/proc") if name.isdigit()] != ["1"]:
        found.append("it sees other processes")
    if any(int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")):
        found.append("it has capabilities")
    if status["NoNewPrivs"].strip() != "1" or status["Seccomp"].strip() != ("2" if filtered else "0"):
        found.append("it has no filter")
    if os.getuid() == 0:
        found.append("it is root")
    found += [f"{place} is no {kind}" for place, kind in places.items() if mounts.get(place) != kind]
    listing = os.open("/proc/self/fd", os.O_RDONLY)
    more = sorted(int(name) for name in os.listdir(listing) if int(name) != listing)
    os.close(listing)
    extra = [number for number in more if number not in descriptors and not _is_listing(number)]
    if extra:
        found.append(f"descriptors {extra} are open")
    return "; ".join(found)


def _is_listing(number):
    """Whether a descriptor was there only while the list of them was read."""
    try:
        os.fstat(number)
    except OSError:
        return True
    return False
