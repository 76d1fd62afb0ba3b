"""The fork server of the warm path: what runs inside the warm sandbox, sent there as code.

It is ours and never runs a candidate. Each request comes on the socket at descriptor 0: six numbers, and with them
three descriptors, of a file in memory that holds the files and the program, and of the pipes for stdout and stderr.
The server never reads that file nor those pipes: what one candidate was given or said cannot be found in the memory
that the next one is forked from. A child shuts itself in before it touches the file, and then runs the program at
the top level of this module, as `python -c` would have.
Nothing of assay can be imported here, and little else is: all that the server has mapped is copied for each child, and
each page that a child writes to, be it a count of references, is copied once more. So the C library is called without
the modules that wrap it, and what can be done before the fork is done there.
"""

import _signal
import gc
import marshal
import posix
import sys
from collections.abc import Callable
from contextlib import suppress
from types import CodeType
from typing import Any

_NEWNS, _NEWIPC, _NEWPID = 0x00020000, 0x08000000, 0x20000000
_NOSUID, _NODEV, _NOEXEC, _RDONLY = 2, 4, 8, 1
_SET_SECCOMP, _FILTER, _NO_NEW_PRIVS, _BOUNDS_DROP = 22, 2, 38, 24
_LIMIT_CPU, _LIMIT_FSIZE, _LIMIT_CORE, _LIMIT_NPROC, _LIMIT_NOFILE, _LIMIT_AS = 0, 1, 4, 6, 7, 9
_CHILD_ENDED, _INTERRUPTED, _CLOSE_ON_EXEC = 17, 4, 0x40000000
_OPEN_FILES = 256
_PLACES = ((b"/tmp", b"1777"), (b"/dev/shm", b"1777"), (b"/work", b"755"))
_LIBRARY = "/opt/assay/lib"  # where `readonly` may show modules that are not of the standard library
_CAPABILITY_HEADER, _NO_CAPABILITY = (0x20080522).to_bytes(4, sys.byteorder) + bytes(4), bytes(24)
REQUEST = "=6Q"  # bytes of one file and of each tmpfs; seconds of CPU; processes; program; its size
ANSWER = "=i?"  # exit code, or minus the signal; whether the candidate used the network stack
STOP = _signal.SIGUSR1  # sent to the server
FAILED = 97  # exit code of a child that could not shut itself in; it has written nothing to its stdout


class _Kernel:
    """Calls of the C library that Python does not offer. Most are made once in vain: a child finds them bound."""

    def __init__(self, rules: bytes, clone: int) -> None:
        import _ctypes  # not at the top: the program that sends this text out imports it too

        def simple(code: str) -> Any:
            return type("Simple", (_ctypes._SimpleCData,), {"_type_": code})

        def call(name: str, result: str = "i") -> Any:
            flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI  # the latter keeps the interpreter's lock
            kind = type("Call", (_ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": simple(result)})
            return kind(_ctypes.dlsym(library, name))

        library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
        self._system, self._mount, self._prctl = call("syscall"), call("mount"), call("prctl")
        self._capset, self._limit, self._receive = call("capset"), call("setrlimit"), call("recvmsg")
        self._errno = simple("i").from_address(call("__errno_location", "P")())
        self._clone = clone
        self.trim = call("malloc_trim")
        # One buffer of 64-bit words: a msghdr at 0, its iovec at 7, at 9 what is received, at 16 its descriptors.
        self._words = type("Words", (_ctypes.Array,), {"_type_": simple("L"), "_length_": 24})()
        self._start = _ctypes.addressof(self._words)
        self._words[:9] = [0, 0, self._start + 56, 1, self._start + 128, 64, 0, self._start + 72, 56]
        view = memoryview(self._words).cast("B")
        self.numbers, self.descriptors = view[72:120].cast("Q"), view[144:156].cast("i")
        self._rules = rules  # which the filter, a struct sock_fprog, points to
        self._filter = (len(rules) // 8).to_bytes(8, sys.byteorder) + bytes(simple("z")(rules))
        self._prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
        # What a process may never have again; what the server has it keeps, and each child gives up.
        for capability in range(64):
            self._prctl(_BOUNDS_DROP, capability, 0, 0, 0)
        self._mount(None, None, None, 0, None)
        self._capset(None, None)

    def _check(self, answer: int, what: str) -> None:
        if answer < 0:
            raise OSError(self._errno.value, what)

    def receive(self) -> bool:
        """Wait for a request, which `numbers` and `descriptors` then hold; False when the socket is closed."""
        while True:
            self._words[5] = 64
            size = self._receive(0, self._words, _CLOSE_ON_EXEC)
            if size >= 0:
                return size > 0
            if self._errno.value != _INTERRUPTED:
                return False

    def fork(self) -> int:
        """Fork a child into new namespaces, where it is process 1."""
        child = self._system(self._clone, _NEWPID | _NEWNS | _NEWIPC | _CHILD_ENDED, 0, 0, 0, 0)
        self._check(child, "clone")
        return int(child)

    def mount_tmpfs(self, place: bytes, options: bytes) -> None:
        """Mount an empty file system in memory."""
        self._check(self._mount(b"tmpfs", place, b"tmpfs", _NOSUID | _NODEV, options), "mount tmpfs")

    def mount_proc(self, extra: int) -> None:
        """Mount the /proc of this process's namespace over what is there."""
        self._check(self._mount(b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC | extra, None), "mount proc")

    def limit(self, kind: int, value: int) -> None:
        """Set a resource limit for good."""
        self._check(self._limit(kind, value.to_bytes(8, sys.byteorder) * 2), "setrlimit")

    def disarm(self) -> None:
        """Give up every capability, for good, and go behind the filter."""
        self._check(self._capset(_CAPABILITY_HEADER, _NO_CAPABILITY), "capset")
        self._check(self._prctl(_SET_SECCOMP, _FILTER, self._filter, 0, 0), "seccomp")


def _begun(definitions: CodeType) -> dict[str, Any]:
    """Return the namespace of a program that has run this far."""
    space: dict[str, Any] = {"__name__": "assay_runner", "posix": posix}
    exec(definitions, space)
    return space


class _Server:
    def __init__(self) -> None:
        posix.closerange(3, 1 << 20)
        posix.unsetenv(b"LD_BIND_NOW")
        posix.environ.pop(b"LD_BIND_NOW", None)
        config = marshal.loads(posix.read(0, 1 << 18))
        self.programs = [(main, _begun(definitions)) for definitions, main in config["programs"]]
        self.kernel = _Kernel(config["rules"], config["clone"])
        self.kernel.mount_proc(0)
        with suppress(OSError), open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")  # the filter refuses them too
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # rather this sandbox than anything else of the machine
        self.traffic = posix.open("/proc/net/dev", posix.O_RDONLY | posix.O_CLOEXEC)
        self.child = 0
        _signal.signal(STOP, self.stop)
        self.counts = bytearray(4096)
        posix.preadv(self.traffic, [self.counts], 0)
        self.quiet = bytes(self.counts)
        self.hooks: list[dict[str, Callable[[], None]]] = []
        self.load(config["imports"])
        compile("", "", "exec")  # the first call makes all types of syntax trees, which takes a millisecond
        gc.collect()
        self.ballast = self.fill_pools()
        gc.freeze()
        self.kernel.trim(0)
        self.kernel.limit(_LIMIT_CORE, 0)
        self.kernel.limit(_LIMIT_NOFILE, _OPEN_FILES)
        self.kernel.limit(_LIMIT_AS, config["memory"])
        null = posix.open("/dev/null", posix.O_RDWR)
        posix.dup2(null, 2)
        posix.close(null)
        posix.write(0, b"ready")

    def load(self, names: list[str]) -> None:
        """Import what candidates import most, and note what these modules want to be called at a fork.

        The fork is the kernel's own, of which Python knows nothing: what it would do then costs a child a tenth of
        its time, and is for locks and threads, of which there are none here.
        """
        real = posix.register_at_fork

        def noting(**hooks: Any) -> None:
            self.hooks.append(hooks)
            real(**hooks)

        with_hook = [posix, sys.modules.get("os", posix)]
        for module in with_hook:
            module.register_at_fork = noting  # type: ignore[attr-defined]
        with suppress(OSError):
            posix.stat(_LIBRARY)
            sys.path.append(_LIBRARY)
        for name in names:
            with suppress(ImportError):  # the candidate that asks for it will be told
                __import__(name)
        for module in [*with_hook, sys.modules.get("os", posix)]:
            module.register_at_fork = real  # type: ignore[attr-defined]

    def fill_pools(self) -> list[object]:
        """Return objects that fill the gaps which the start has left in Python's memory.

        A child's objects would go into these gaps, all over the pages that it shares with the server, and each page
        would be copied for the sake of a few bytes. Now they lie side by side in pages of its own.
        """
        report = posix.memfd_create("report", 0)
        posix.dup2(report, 2)
        sys._debugmallocstats()
        text = posix.pread(report, 1 << 20, 0).decode()
        posix.close(report)
        ballast: list[object] = []
        for line in text.splitlines():
            words = line.split()
            if len(words) == 5 and all(word.isdigit() for word in words):  # class, size, pools, blocks used, free
                size = int(words[1])
                for number in range(int(words[4])):
                    ballast.append(bytes(size - 33) if size >= 48 else number + (1 << 24) if size == 32 else object())
        return ballast

    def call_hooks(self, when: str) -> None:
        """Call what modules have registered for a fork, as Python's own fork does."""
        for hooks in self.hooks[::-1] if when == "before" else self.hooks:
            if when in hooks:
                hooks[when]()

    def serve(self) -> None:
        """Answer requests until the socket closes, and end; in a child, return."""
        kernel, tmp_bytes = self.kernel, 0
        while kernel.receive():
            self.given, self.limits = kernel.descriptors.tolist(), kernel.numbers.tolist()
            if self.limits[1] != tmp_bytes:
                tmp_bytes = self.limits[1]
                self.options = [
                    (place, b"size=%d,nr_inodes=20000,mode=%s" % (tmp_bytes, mode)) for place, mode in _PLACES
                ]
            if self.hooks:
                self.call_hooks("before")
            self.child = kernel.fork()
            if self.hooks:
                self.call_hooks("after_in_parent" if self.child else "after_in_child")
            if self.child == 0:
                return
            # When process 1 of a namespace has ended, so has every other one in it. All else waits for that: a page
            # that is written to meanwhile would be copied for the sake of the child.
            _, status = posix.waitpid(self.child, 0)
            self.child = 0
            posix.closerange(self.traffic + 1, _OPEN_FILES)
            posix.preadv(self.traffic, [self.counts], 0)
            code = posix.waitstatus_to_exitcode(status)
            posix.write(0, code.to_bytes(4, sys.byteorder, signed=True) + bytes((self.counts != self.quiet,)))
        posix._exit(0)

    def stop(self, *_: object) -> None:
        """End the child of the run that is under way, if there is one: the parent has heard enough of it."""
        if self.child:
            with suppress(ProcessLookupError):  # it has just ended by itself
                posix.kill(self.child, _signal.SIGKILL)

    def shut_in(self) -> tuple[CodeType, dict[str, Any]]:
        """Leave this child nothing but what a candidate may have; return its program and the namespace to run it in."""
        kernel, (source, out, err) = self.kernel, self.given
        try:
            posix.dup2(2, 0)
            posix.dup2(out, 1)
            posix.dup2(err, 2)
            _signal.signal(STOP, _signal.SIG_DFL)
            file_bytes, _, cpu_s, processes, number, size = self.limits
            posix.setsid()
            for place, options in self.options:
                kernel.mount_tmpfs(place, options)
            kernel.mount_proc(_RDONLY)
            posix.chdir("/work")
            content = posix.pread(source, size, 0)
            posix.closerange(3, _OPEN_FILES)
            kernel.limit(_LIMIT_FSIZE, file_bytes)
            kernel.limit(_LIMIT_CPU, cpu_s)
            if processes:
                kernel.limit(_LIMIT_NPROC, processes)
            kernel.disarm()
            files, message = marshal.loads(content)
            for path, data in files.items():
                self.lay(path, data)
            if number:
                code, space = self.programs[number - 1]
                space["request"] = message
                return code, space
            code, request = message
            return code, {"__name__": "assay_runner", "posix": posix, "request": request}
        except BaseException as error:
            posix.write(2, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:300])
            posix._exit(FAILED)

    @staticmethod
    def lay(path: str, data: bytes) -> None:
        """Write one file under /work. The path was looked at outside."""
        if "/" in path:
            parts = path.split("/")
            for count in range(1, len(parts)):
                with suppress(FileExistsError):
                    posix.mkdir("/".join(parts[:count]), 0o755)
        file = posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW, 0o644)
        while data:
            data = data[posix.write(file, data) :]
        posix.close(file)


if __name__ == "__main__":
    _server = _Server()
    _server.serve()  # returns in a child
    _code, _space = _server.shut_in()
    sys.modules["__main__"] = type(sys)("__main__")
    exec(_code, _space)
