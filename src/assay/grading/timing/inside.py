"""The program that runs inside the sandbox for one timed run, and the filter that holds it on one core.

It pins itself, forbids any change of that to itself and all that it may start, connects to the parent's socket and
says that it is ready. Only then does the parent send, in one message, the source text and the input, and starts its
clock: whatever a candidate does, at import or later, is in the time. One line comes back. Then it waits to be killed,
so that the parent can read how much processor time it took.
"""

import platform
import struct

from assay.grading.functions.runner import ENCODE, MODULE

PLACE = "/channel"
_SCHED_SETAFFINITY = {"x86_64": (0xC000003E, 203), "aarch64": (0xC00000B7, 122)}

_PROGRAM = f"""{ENCODE}{MODULE}
import _socket, marshal, sys

def pin(core, rules):
    try:
        posix.sched_setaffinity(0, [core])
        import ctypes
        kept = ctypes.create_string_buffer(rules, len(rules))
        class Filter(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
        filter = Filter(len(rules) // 8, ctypes.addressof(kept))
        ctypes.CDLL(None).prctl(22, 2, ctypes.byref(filter), 0, 0)
        posix.sched_setaffinity(0, posix.sched_getaffinity(0))
    except PermissionError:
        return posix.sched_getaffinity(0) == {{core}}
    except (ImportError, OSError):
        pass
    return False

def read(connection, size):
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            posix._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)

def describe(error):
    try:
        return quote((type(error).__name__ + ": " + str(error))[:300])
    except BaseException:
        return '"an exception that cannot be shown"'

def play(job):
    module = made(job["path"])
    try:
        exec(compile(job["source"], module.__file__, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        return '["import",%s]' % describe(error)
    try:
        call = module
        for part in job["entry"].split("."):
            call = getattr(call, part)
    except BaseException as error:
        return '["no_entry",%s]' % describe(error)
    try:
        payload = '["value",%s]' % encode(call(*job["arguments"]))
        return payload if len(payload) <= job["room"] else '["refused","a result much longer than expected"]'
    except Refused as error:
        return '["refused",%s]' % describe(error)
    except BaseException as error:
        return '["raised",%s]' % describe(error)

def main():
    pinned = pin(request["core"], request["rules"])
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect("{PLACE}/socket")
    posix.write(1, b"up")
    null = posix.open("/dev/null", posix.O_RDWR)
    for descriptor in (0, 1, 2):
        posix.dup2(null, descriptor)
    nonce = request["nonce"]
    connection.sendall(("%s ready %d\\n" % (nonce, pinned)).encode())
    job = marshal.loads(read(connection, int.from_bytes(read(connection, 8), "big")))
    send, wait = connection.sendall, connection.recv
    line = "%s %s %s\\n" % (nonce, job["id"], play(job))
    send(line.encode())
    wait(1)

try:
    main()
finally:
    posix._exit(0)
"""

PROGRAM = compile(_PROGRAM, "<assay>", "exec", dont_inherit=True, optimize=0)


def rules() -> bytes:
    """Return a seccomp filter that denies sched_setaffinity and allows all else; empty on another machine type."""
    known = _SCHED_SETAFFINITY.get(platform.machine())
    if known is None:
        return b""
    arch, number = known

    def op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    return b"".join(
        [
            op(0x20, 4),  # A = the machine type
            op(0x15, arch, 0, 3),
            op(0x20, 0),  # A = the number of the call
            op(0x15, number, 0, 1),
            op(0x06, 0x00050001),  # EPERM
            op(0x06, 0x7FFF0000),  # allow
        ]
    )
