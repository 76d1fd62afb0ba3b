"""One command in one bwrap: started, fed, read within bounds, timed, killed with all its descendants, reaped.

The options reach bwrap through a pipe that stays open until the limits are set on it, so that no process of
the sandbox is born without them, and no wrapper program is needed. bwrap itself says whether the command was
started and how it ended (--json-status-fd): an exit before that is our failure, never the command's.
The command is process 1 of its namespace (--as-pid-1): when it ends the kernel kills all that it left behind,
and bwrap ends only after that, so no process and no zombie outlives `execute`.
"""

import asyncio
import math
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from assay.errors import MachineryError
from assay.sandbox import routes
from assay.sandbox.launch import Launch, Outcome
from assay.sandbox.room import LOOK_S
from assay.sandbox.system import kill_child, reported, write_all

CHUNK = 1 << 16
FLOOD = 64  # a command that writes this many times what is kept of its output is killed
_WATCH_S = 0.25
REAP_S = 20.0
_ROUTES_S = 30.0
_STALL_S = 1.0  # a timer this late was held up by a host that stood still


async def execute(launch: Launch) -> Outcome:
    """Run it. Raises MachineryError when bwrap could not start the command or could not be reaped."""
    run = Run(launch)
    try:
        run.start()
        return await run.finished()
    finally:
        run.close()


def held_up(loop: asyncio.AbstractEventLoop, timer: asyncio.TimerHandle) -> float:
    """Return how many seconds too late `timer` is called, when a host that stood still must be the reason; else 0."""
    late = loop.time() - timer.when()
    return late if late > _STALL_S else 0.0


class Stream:
    """The reading end of a pipe and the first bytes that came."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.kept = bytearray()
        self.seen = 0


class Run:
    """One command in bwrap. What starts, kills and explains it may be overridden for another engine."""

    engine = "bwrap"

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.owned: set[int] = set()
        self.followed: set[int] = set()  # those of them that the loop waits for
        self.waiting: set[str] = set()
        self.timers: dict[str, asyncio.TimerHandle] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.timed_out = self.flooded = self.disk_full = False
        self.stopped = ""
        self.report = b""
        self.began = time.perf_counter()

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self.owned.update(ends)
        return ends

    def _stream(self) -> Stream:
        stream = Stream()
        self.owned.update((stream.reader, stream.writer))
        return stream

    def _shut(self, descriptor: int) -> None:
        if descriptor in self.owned:
            self.owned.discard(descriptor)
            if descriptor in self.followed:
                self.followed.discard(descriptor)
                self.loop.remove_reader(descriptor)
                self.loop.remove_writer(descriptor)
            os.close(descriptor)

    def start(self) -> None:
        """Start bwrap, bound it, and let it go."""
        launch = self.launch
        self.kills_before = launch.group.memory_kills() if launch.group else 0
        try:
            self._spawn()
        except (OSError, ValueError) as error:
            raise MachineryError(f"{self.engine} could not be started: {error}") from error
        if launch.start_s is None:
            self._arm("clock", launch.timeout_s, self._late)
        else:
            self._arm("clock", launch.start_s, self._late)
        if launch.watch:
            self._arm("watch", _WATCH_S, self._look)
        if launch.room:
            self._arm("room", LOOK_S, self._look_at_disk)

    def _spawn(self) -> None:
        launch = self.launch
        words_out, words_in = self._pipe()
        status_out, status_in = self._pipe()
        input_out, input_in = self._pipe()
        os.set_blocking(status_out, False)
        self.status = status_out
        self.stdout = self._stream()
        self.stderr = self.stdout if launch.merge else self._stream()
        words = [*launch.options, "--as-pid-1", "--json-status-fd", str(status_in)]
        passed = [words_out, status_in]
        if launch.seccomp:
            rules = os.open(launch.seccomp, os.O_RDONLY | os.O_CLOEXEC)
            self.owned.add(rules)
            words += ["--seccomp", str(rules)]
            passed.append(rules)
        if launch.blackhole:
            held, self.holder = self._pipe()
            words += ["--block-fd", str(held)]
            passed.append(held)
        blob = os.fsencode("\0".join(words) + "\0")
        self.process = process = subprocess.Popen(
            [launch.bwrap, "--args", str(words_out), "--", *launch.command],
            stdin=input_out,
            stdout=self.stdout.writer,
            stderr=self.stderr.writer,
            pass_fds=passed,
            start_new_session=True,  # its process group is what we kill while it sets up
            cwd="/",
            env={},
        )
        for descriptor in (*passed, input_out, self.stdout.writer, self.stderr.writer):
            self._shut(descriptor)
        self._bound(process.pid)
        with suppress(BrokenPipeError):
            write_all(words_in, blob)
        self._shut(words_in)
        self._feed(input_in)
        self._follow("stdout", self.stdout.reader, lambda: self._take("stdout", self.stdout))
        if not launch.merge:
            self._follow("stderr", self.stderr.reader, lambda: self._take("stderr", self.stderr))
        self.exited = exited = os.pidfd_open(process.pid)
        self.owned.add(exited)
        self._follow("exit", exited, lambda: self._ended("exit", exited))

    def _bound(self, pid: int) -> None:
        launch = self.launch
        clock = int(launch.timeout_s + (launch.start_s or 0)) + 2
        seconds = clock if launch.cpu_s is None else math.ceil(launch.cpu_s)
        for kind, value in (
            (resource.RLIMIT_AS, launch.memory_bytes),
            (resource.RLIMIT_FSIZE, launch.file_bytes),
            (resource.RLIMIT_NOFILE, launch.open_files),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_CPU, seconds),
        ):
            hard = resource.prlimit(pid, kind)[1]  # our own may be lower, and may not be raised
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, kind, (value, value))
        if launch.group:
            launch.group.add(pid)

    def _feed(self, descriptor: int) -> None:
        """Write stdin, as far as the pipe takes it now and the rest when it can; then close it."""
        if not self.launch.stdin:
            self._shut(descriptor)
            return
        os.set_blocking(descriptor, False)
        rest = memoryview(self.launch.stdin)

        def more() -> None:
            nonlocal rest
            try:
                while rest:
                    rest = rest[os.write(descriptor, rest[: 1 << 20]) :]
            except BlockingIOError:
                return
            except BrokenPipeError:
                pass
            self._shut(descriptor)

        more()
        if descriptor in self.owned:
            self.followed.add(descriptor)
            self.loop.add_writer(descriptor, more)

    def _follow(self, name: str, descriptor: int, act: Callable[[], None]) -> None:
        self.waiting.add(name)
        self.followed.add(descriptor)
        self.loop.add_reader(descriptor, act)

    def _take(self, name: str, stream: Stream) -> None:
        try:
            data = os.read(stream.reader, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._ended(name, stream.reader)
            return
        self._keep(name, stream, data)

    def _keep(self, name: str, stream: Stream, data: bytes) -> None:
        if name == "stdout" and not stream.seen and self.launch.start_s is not None:
            self._arm("clock", self.launch.timeout_s, self._late)
        stream.seen += len(data)
        room = self.launch.output_bytes - len(stream.kept)
        stream.kept += data[:room]
        if stream.seen > self.launch.output_bytes * FLOOD:
            self.flooded = True
            self.kill()

    def _ended(self, name: str, descriptor: int) -> None:
        self._shut(descriptor)
        self.waiting.discard(name)
        if not self.waiting and not self.done.done():
            self.done.set_result(None)

    def _arm(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        if name in self.timers:
            self.timers[name].cancel()
        self.timers[name] = self.loop.call_later(seconds, act)

    def _late(self) -> None:
        """Stop what outlived its time, unless it ended already or we, not it, took the time.

        After a stop of the whole host (SIGSTOP, a suspended machine) this is called long after its moment. A
        command that ended meanwhile is no timeout, and one that stood still with us gets the lost time back.
        """
        if "exit" not in self.waiting or select.select([self.exited], [], [], 0)[0]:
            return
        if lost := held_up(self.loop, self.timers["clock"]):
            self._arm("clock", lost, self._late)
            return
        self.timed_out = True
        self.kill()
        self._arm("clock", REAP_S, self._stuck)

    def _stuck(self) -> None:
        if not self.done.done():
            self.done.set_exception(MachineryError(f"a killed sandbox is still there after {REAP_S:.0f} s"))

    def _look(self) -> None:
        self.stopped = self.launch.watch() if self.launch.watch else ""
        if self.stopped:
            self.kill()
            self._arm("clock", REAP_S, self._stuck)
        else:
            self._arm("watch", _WATCH_S, self._look)

    def _look_at_disk(self) -> None:
        room = self.launch.room
        assert room is not None
        self.disk_full = room.full(self._said("child-pid"), self.launch.file_bytes)
        if self.disk_full:
            self.kill()
            self._arm("clock", REAP_S, self._stuck)
        else:
            self._arm("room", LOOK_S, self._look_at_disk)

    def kill(self) -> None:
        """Kill process 1 of the sandbox, which kills the rest; bwrap then reaps it and ends.

        While bwrap still sets up, there is no such process to name, and its own process group is killed.
        """
        if self.process is None or self.process.returncode is not None:
            return
        first = self._said("child-pid")
        if first is None or not kill_child(self.process.pid, first):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _said(self, name: str) -> int | None:
        """Return a number from what bwrap has reported so far, None when it is not there."""
        with suppress(BlockingIOError):
            while part := os.read(self.status, CHUNK):
                self.report += part
        return reported(self.report, name)

    async def _add_routes(self) -> None:
        """Make the networks of `blackhole` hang, while bwrap holds the command back; then let it go."""
        until = self.loop.time() + _ROUTES_S
        while (child := self._said("child-pid")) is None:
            if self.done.done() or self.loop.time() > until:
                return  # bwrap failed, or hangs: what follows says so
            await asyncio.sleep(0.001)
        words = [sys.executable, "-I", "-S", str(routes.__file__), str(child), *self.launch.blackhole]
        try:
            done = await asyncio.to_thread(
                subprocess.run, words, capture_output=True, stdin=subprocess.DEVNULL, timeout=_ROUTES_S
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MachineryError(f"a sandbox's black-hole routes could not be set: {error}") from error
        if done.returncode and not self.done.done():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise MachineryError(f"a sandbox's black-hole routes could not be set: {''.join(said)}")
        self._shut(self.holder)  # end of file lets bwrap go on

    async def finished(self) -> Outcome:
        """Wait for the end of the whole tree and say how the command ended."""
        if self.launch.blackhole:
            await self._add_routes()
        await self.done
        assert self.process is not None
        ended = self.process.wait()
        launch = self.launch
        if self.disk_full and launch.room:
            self.stopped = launch.room.own_doing()
            if not self.stopped:
                launch.room.check()
                where = launch.room.folder
                raise MachineryError(f"the disk that holds the workspaces was full as a command ran, under {where}")
        silent = launch.start_s is not None and not self.stdout.seen
        if self.timed_out and silent:
            raise MachineryError(f"the sandbox did not start its program within {launch.start_s} s")
        killed = self.timed_out or self.flooded or bool(self.stopped)
        code = 137 if killed else self._exit_code(ended)
        streams = {id(s): s for s in (self.stdout, self.stderr)}.values()
        return Outcome(
            returncode=None if self.timed_out else code,
            stdout=bytes(self.stdout.kept),
            stderr=b"" if launch.merge else bytes(self.stderr.kept),
            timed_out=self.timed_out,
            truncated=any(s.seen > len(s.kept) for s in streams),
            stopped=self.stopped,
            wall_s=time.perf_counter() - self.began,
        )

    def _exit_code(self, ended: int) -> int:
        code = self._said("exit-code")
        if code is not None:
            return code
        if self.launch.group and self.launch.group.memory_kills() > self.kills_before:
            return 137  # the command took more memory than its group may; bwrap was among the killed
        words = bytes(self.stderr.kept[-500:]).decode("utf-8", "replace").strip()
        raise MachineryError(f"bwrap ended ({ended}) before it started the command: {words or 'it said nothing'}")

    def close(self) -> None:
        """Leave nothing: no timer, no process, no descriptor. Also on cancellation, when it kills and reaps."""
        for timer in self.timers.values():
            timer.cancel()
        if self.process and self.process.returncode is None:
            self.kill()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=REAP_S)
        for descriptor in list(self.owned):
            self._shut(descriptor)
