"""What runs first inside the sandbox for the kind `tests`: it starts a process per test file and reports for all.

No code of the candidate's ever runs in this process, nor does it read a file of the workspace. It imports pytest
from a folder of ours and only then forks; a runner of the task's own environment is started as a new program.
The order of things is the defence:
1. the request is read from standard input; the nonce that follows it stays in the pipe, which no child has open;
2. each file's process reports on a pipe of its own, and may claim what it likes about that file, and about no other;
3. when it has ended, everything that it may have left behind is killed, before the next one starts;
4. when none is left, the nonce is read, and one line with the nonce and all claims goes out.
A child of a fork server (`suite_server`) does the same, under the task's own Python: hence no newer than Python 3.6.
"""

import contextlib
import gc
import json
import os
import random
import select
import signal
import sys
from types import ModuleType

_ROOM = 1_000_000  # bytes of one file's report, beside what each test is allowed
_PER_TEST = 1_500
_HIGH = 130  # descriptors are moved to somewhere from here up; the sandbox allows 256
LIBRARY = "/opt/assay/suite/lib"


def _read_exactly(size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(0, size - len(parts))
        if not part:
            raise EOFError("standard input ended early")
        parts += part
    return bytes(parts)


def _read_message() -> bytes:
    return _read_exactly(int.from_bytes(_read_exactly(8), "big"))


def moved(descriptor: int, taken: "set[int]") -> int:
    """Move a descriptor to a high number drawn by chance, closed when another program is started."""
    high = random.SystemRandom().choice([n for n in range(_HIGH, 250) if n not in taken])
    os.dup2(descriptor, high, inheritable=False)
    os.close(descriptor)
    taken.add(high)
    return high


def _silence(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)


def hide() -> None:
    """Keep other processes of this user from reading this one's memory and descriptors through /proc."""
    try:
        import ctypes
    except ImportError:  # an interpreter built without libffi: the sandbox's filter still denies ptrace
        return
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)


def _child(runner: ModuleType, request: dict, part: dict, answer: int) -> None:
    """Become the process that runs the tests of one file. Never returns."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, answer)
    os.closerange(answer + 1, 256)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["root"])
    job = {key: request[key] for key in ("runner", "root", "test_root", "args", "env", "script")}
    job.update(part)
    job.update({key: request[key] for key in ("shuffled", "whole", "survey", "all")})
    if not request["python"]:
        runner.main(job, answer)
    reader, writer = os.pipe()
    if os.fork() == 0:  # feeds the request, so that it is neither in argv nor in a file
        os.close(reader)
        os.close(answer)
        data = json.dumps(job).encode()
        while data:
            data = data[os.write(writer, data) :]
        os._exit(0)
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)
    os.set_inheritable(answer, True)
    words = [request["python"], *request["python_args"], str(runner.__file__), str(answer)]
    path = f"{os.path.dirname(request['python'])}:{os.environ['PATH']}"
    os.execve(request["python"], words, {**os.environ, "PATH": path, **request["env"]})


def make_gone(root: str, removed: list, modes: dict) -> None:
    """Remove what a patch removes, with the folders that it leaves empty, as git does; and set modes of files."""
    for path in removed:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(root, path))
        for depth in range(path.count("/"), 0, -1):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(root, *path.split("/")[:depth]))
    for path, mode in modes.items():
        os.chmod(os.path.join(root, path), mode)


def _end_all() -> None:
    """Kill and reap every other process here. As process 1 of its namespace this one is spared."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _pidfd(pid: int) -> int:
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    import ctypes  # before Python 3.9; only fork servers come here, and none works without

    return ctypes.CDLL(None).syscall(434, ctypes.c_long(pid), ctypes.c_long(0))


def _hear(pid: int, answer: int, room: int) -> "tuple[bytes, int]":
    """Return what a child wrote until it ended, and its status; one that writes more than `room` is ended."""
    ended = _pidfd(pid)
    said = bytearray()
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(answer, select.POLLIN)
    over = False
    while not over:
        events = dict(poll.poll())
        if answer in events:
            part = os.read(answer, 65_536)
            said += part
            if not part:
                poll.unregister(answer)
            if len(said) > room:
                os.kill(pid, signal.SIGKILL)
                over = True
        elif ended in events:
            over = True
    os.close(ended)
    _, status = os.waitpid(pid, 0)
    return bytes(said), -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _report(said: bytes, room: int) -> dict:
    """Return a child's claims: {"tests": [[id, outcome, why, docstring]..], "end": ..}, or {"broken": why}."""
    if len(said) > room:
        return {"broken": "it reported too much"}
    tests: list = []
    end: dict = {}
    try:
        for line in said.decode().splitlines():
            found = json.loads(line)
            if end or not isinstance(found, dict):
                return {"broken": "it went on after its end"}
            if "end" in found:
                end = {"end": int(found["end"]), "note": str(found.get("note", ""))[:600]}
            else:
                told = [str(found.get(key, ""))[:300] for key in ("w", "d")]
                tests.append([str(found["t"]), str(found["o"]), *told])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return {"broken": "its report cannot be read"}
    return {"tests": tests, **end}


def run_parts(runner: ModuleType, request: dict, taken: "set[int]") -> list:
    """Run each file in a process of its own, nothing left of one when the next starts; return what they claim.

    `taken` are the high descriptors in use.
    """
    reports = []
    for part in request["parts"]:
        reader, writer = os.pipe()
        answer = moved(writer, {reader, *taken})
        pid = os.fork()
        if pid == 0:
            try:
                _child(runner, request, part, answer)
            finally:
                os._exit(99)
        os.close(answer)
        room = _ROOM + _PER_TEST * part["room"]
        said, status = _hear(pid, reader, room)
        _end_all()
        os.close(reader)
        reports.append({**_report(said, room), "status": status})
    return reports


def say(channel: int, message: dict) -> None:
    """Write one line."""
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(channel, data) :]


def main() -> None:
    """Serve one run: the request and then the nonce come from standard input, the report goes to standard output."""
    import suite_runner  # beside this file inside the sandbox, where neither is part of a package

    channel = moved(os.dup(1), set())
    _silence(1)
    request = json.loads(_read_message())

    if request["python"]:
        if not os.access(request["python"], os.X_OK):
            say(channel, {"hello": request["hello"], "bad": f"there is no interpreter {request['python']}"})
            return
    else:
        sys.path.append(LIBRARY)
        suite_runner.preload(request["runner"])
    make_gone(request["root"], request["removed"], request["modes"])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # and so no child can interrupt process 1
    hide()
    gc.freeze()
    say(channel, {"hello": request["hello"], "ready": len(request["parts"])})
    _silence(2)  # until here a fault of ours is told on it
    reports = run_parts(suite_runner, request, {channel})
    nonce = _read_message().decode()
    say(channel, {"nonce": nonce, "parts": reports})


if __name__ == "__main__":
    main()
