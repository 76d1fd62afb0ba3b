"""What a fork server must show before it is used: one child of it says what it can see and do.

The probe runs as any candidate would. A machine on which a child is less shut in than it should be has no warm path.
"""

import json
import marshal

_PROBE = """
import errno, posix

def text(path):
    file = posix.open(path, posix.O_RDONLY)
    parts = []
    while part := posix.read(file, 1 << 16):
        parts.append(part)
    posix.close(file)
    return b"".join(parts).decode()

def refused(call, *words):
    try:
        call(*words)
    except OSError as error:
        return error.errno in (errno.EPERM, errno.EACCES, errno.EROFS, errno.EINVAL)
    return False

status = dict(line.split(":\\t", 1) for line in text("/proc/self/status").splitlines() if ":\\t" in line)
places = {line.split()[4]: line.split(" - ")[1].split()[0] for line in text("/proc/self/mountinfo").splitlines()}
posix.write(1, repr([
    [posix.getpid(), posix.getppid(), posix.getuid(), posix.getsid(0)],
    [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")],
    [name for name in posix.listdir("/proc") if name.isdigit()],
    sorted(posix.listdir("/proc/self/fd"))[:3] + ["and %d" % (len(posix.listdir("/proc/self/fd")) - 3)],
    [places.get(place) for place in ("/tmp", "/work", "/dev/shm", "/proc")],
    [len(posix.listdir(place)) for place in ("/tmp", "/work", "/dev/shm")],
    [refused(posix.mkdir, "/x"), refused(posix.mkdir, "/dev/x"), refused(posix.setuid, 0),
     refused(posix.open, "/proc/sys/kernel/core_pattern", posix.O_WRONLY)],
]).replace("'", '"').replace("True", "true").encode())
"""
PROGRAM = marshal.dumps((compile(_PROBE, "<assay>", "exec", dont_inherit=True, optimize=0), {}), 2)


def lacking(said: bytes) -> str:
    """Return in what the answer of the probe differs from that of a child that is shut in; "" when in nothing."""
    nothing = "0" * 16
    wanted = [
        [1, 0, 1000, 1],
        [*[nothing] * 5, "1", "2"],
        ["1"],
        ["0", "1", "2", "and 1"],  # the fourth is the listing itself
        ["tmpfs", "tmpfs", "tmpfs", "proc"],
        [0, 0, 0],
        [True] * 4,
    ]
    try:
        found = json.loads(said)
    except ValueError:
        return f"a child said {said[-300:]!r}"
    return "" if found == wanted else f"a child is not shut in: {found}"
