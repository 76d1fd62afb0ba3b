"""One fork server of the warm path, seen from outside: started in a bwrap of its own, tried, killed, reaped.

Each server has a thread, which starts bwrap and then waits for its end. bwrap asks to be killed when the thread that
started it ends, so that thread must live as long as the server; and when this process ends, however it ends, so do
all its servers.
"""

import marshal
import os
import platform
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assay.errors import MachineryError
from assay.sandbox import box, cgroups, layout, programs, seccomp, workspace
from assay.sandbox.system import hold_child, reported, write_all
from assay.sandbox.warm import inside as warm_inside
from assay.sandbox.warm import proof as warm_proof

START_S = 60.0
_TOTAL = 4  # each tmpfs may hold this many times the limit of one file
_SERVER_MB = 64  # what the server itself and what it has loaded may take, beyond what a candidate may
# What the server runs comes as code: to compile it there would leave its memory in holes, for each child to inherit.
_CODE = marshal.dumps(
    compile(Path(warm_inside.__file__).read_text(encoding="utf-8"), "<assay>", "exec", dont_inherit=True, optimize=2), 2
)
_BOOT = "import marshal, posix\nexec(marshal.loads(posix.read(0, 1 << 18)))"
REQUEST, ANSWER = struct.Struct(warm_inside.REQUEST), struct.Struct(warm_inside.ANSWER)
# What candidates import most: loaded once, where each would spend milliseconds on it. What is not here makes every fork
# slower and few candidates faster: `random` draws a new state in each child, `hashlib` brings a large library.
USUAL = (
    *("bisect", "collections", "copy", "functools", "heapq", "itertools", "math", "operator", "re", "string", "time"),
    "typing",
)


class _Pipe:
    """A pipe whose ends are closed at the end of a `with`, or before."""

    def __enter__(self) -> "_Pipe":
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is still open."""
        while self._open:
            os.close(self._open.pop())

    def shut_writer(self) -> None:
        """Close the writing end, which another process has now."""
        self._open.discard(self.writer)
        os.close(self.writer)

    def read_now(self) -> bytes:
        """Return what is there, up to 64 KiB, without waiting."""
        os.set_blocking(self.reader, False)
        with suppress(BlockingIOError):
            return os.read(self.reader, 1 << 16)
        return b""


@contextmanager
def memory_file(files: Mapping[str, bytes], message: bytes) -> Iterator[tuple[int, int]]:
    """Give the descriptor and size of a file in memory that holds what a child is to read; `message` is marshalled."""
    descriptor = os.memfd_create("assay", os.MFD_CLOEXEC)
    try:
        content = programs.pair(marshal.dumps(dict(files), 2), message)
        write_all(descriptor, content)
        yield descriptor, len(content)
    finally:
        os.close(descriptor)


def _first(report: bytes, bwrap: int) -> int:
    """Return a pidfd of process 1 inside, which bwrap named in its report."""
    first = reported(report, "child-pid")
    if first is not None and (handle := hold_child(bwrap, first)):
        return handle
    raise MachineryError("bwrap did not name the process that it started")


@dataclass(frozen=True)
class Kind:
    """In what servers differ: modules loaded beyond the usual, host folders shown, and the bounds of a whole run."""

    imports: tuple[str, ...] = ()
    readonly: tuple[tuple[str, Path], ...] = ()
    memory_mb: int = 512
    processes: int = 64


class Server:
    """A fork server. `ready` holds it, or why it did not start; `gone` is done when nothing of it is left."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.served = 0
        self.spoiled = False  # a candidate used its network stack, and the next could see that
        self.ready: Future[Server] = Future()
        self.gone: Future[None] = Future()
        for future in (self.ready, self.gone):
            future.set_running_or_notify_cancel()  # one who stops waiting must not cancel it for others
        self.programs = programs.kept()
        self._etc, _ = box.shared(workspace.base())  # here, since threads must not make it twice at once
        self.control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._first: int | None = None  # of process 1 inside, the server itself
        self._lock = threading.Lock()
        self._group: cgroups.Group | None = None
        self._process: subprocess.Popen[bytes] | None = None
        threading.Thread(target=self._live, name="assay-warm", daemon=True).start()

    def _process_limit(self) -> int:
        """Return RLIMIT_NPROC for a child, the server counted too; 0 where it would not bind, or need not."""
        limit = None if self._group else box.process_limit(self.kind.processes)
        return limit + 1 if limit is not None else 0

    def _live(self) -> None:
        try:
            self._start()
        except BaseException as error:  # whoever waits for the server gets it
            self._theirs.close()
            self.control.close()
            if self._process is not None:
                self._process.kill()
            self._reap()
            self.ready.set_exception(error)
        else:
            self.ready.set_result(self)
            self._reap()
        self.gone.set_result(None)

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
        with self._lock:
            if self._first is not None:
                os.close(self._first)
                self._first = None
        if self._group is not None:
            cgroups.pool().give(self._group)

    def kill(self) -> None:
        """Kill process 1 inside; the kernel then ends all others there, and bwrap, which the thread reaps."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End the run that is under way; the server itself stays, and answers."""
        self._signal(warm_inside.STOP)

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._first is not None:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._first, number)

    def close(self) -> None:
        """Kill it and let go of its socket, at once or when it has started; the caller must have no run on it."""
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)  # which ends the waiting for a server that is still starting
        self.ready.add_done_callback(lambda _: self._end())

    def _end(self) -> None:
        self.kill()
        self.control.close()

    def _start(self) -> None:
        """Start bwrap, bound it, let it go, wait for the server's greeting, and try a child."""
        rules, machine = seccomp.build(), seccomp.MACHINES.get(platform.machine())
        if rules is None or machine is None:
            raise MachineryError(f"neither the filter nor clone is known for {platform.machine()}")
        bwrap = box.bubblewrap()
        options = layout.fork_server(self._etc, dict(self.kind.readonly))
        self._group = cgroups.pool().take(self.kind.memory_mb + _SERVER_MB, self.kind.processes)
        with _Pipe() as words, _Pipe() as status, _Pipe() as said:
            self._process = subprocess.Popen(
                [bwrap.path, "--args", str(words.reader), "--", "python", "-I", "-S", "-B", "-c", _BOOT],
                stdin=self._theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=said.writer,
                pass_fds=(words.reader, status.writer),
                start_new_session=True,
                cwd="/",
                env={},
            )
            self._theirs.close()
            if self._group:
                self._group.add(self._process.pid)
            text = [*options, "--setenv", "LD_BIND_NOW", "1", "--json-status-fd", str(status.writer)]
            write_all(words.writer, b"".join(os.fsencode(word) + b"\0" for word in text))
            words.close()
            status.shut_writer()
            said.shut_writer()
            self.control.settimeout(START_S)
            try:
                config = {
                    "rules": rules,
                    "clone": machine[2]["clone"],
                    "memory": self.kind.memory_mb << 20,
                    "imports": [*USUAL, *self.kind.imports],
                    "programs": [parts for _, parts in self.programs],
                }
                self.control.send(_CODE)
                self.control.send(marshal.dumps(config, 2))
                greeting = self.control.recv(16)
            except OSError as error:
                greeting = str(error).encode()
            if greeting != b"ready":
                why = said.read_now().decode("utf-8", "replace").strip()[-300:]
                raise MachineryError(f"the fork server did not start: {why or greeting.decode() or 'it said nothing'}")
            self._first = _first(status.read_now(), self._process.pid)
        if lack := warm_proof.lacking(self._try(warm_proof.PROGRAM)):
            raise MachineryError(f"the fork server is not used: {lack}")
        self.control.setblocking(False)

    def _try(self, program: bytes) -> bytes:
        """Run one program and return what it wrote, up to 64 KiB. Blocks; for the start only."""
        with _Pipe() as out, memory_file({}, program) as source:
            self.send(0, source, out.writer, out.writer, file_bytes=1 << 20, cpu_s=10)
            out.shut_writer()
            try:
                answer = self.control.recv(ANSWER.size)
            except OSError as error:
                answer = str(error).encode()
            said = out.read_now()
            return said if answer[:4] == bytes(4) else said + b" and ended with " + answer

    def knows(self, program: bytes) -> tuple[int, bytes]:
        """Return the number of a program that the server has loaded and its request, or 0 and all of `program`."""
        if isinstance(program, programs.Message):
            for number, (code, _) in enumerate(self.programs, 1):
                if code is program.code:
                    return number, program.request
        return 0, program

    def send(self, number: int, source: tuple[int, int], out: int, err: int, *, file_bytes: int, cpu_s: int) -> None:
        """Ask for a run: `number` as `knows` gives it, `source` a `memory_file`, `out` and `err` its streams."""
        descriptor, size = source
        request = REQUEST.pack(file_bytes, _TOTAL * file_bytes, cpu_s, self._process_limit(), number, size)
        socket.send_fds(self.control, [request], [descriptor, out, err])
        self.served += 1
