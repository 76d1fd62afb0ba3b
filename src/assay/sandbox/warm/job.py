"""One run on a fork server: asked for, read within bounds, timed, and told apart from a failure of the server.

The child writes into pipes that were made for it alone, and the server says on its socket when the child's whole
namespace has ended. Most runs are over in a few milliseconds, so the pipes are read at the end, or from `_LOOK_S` on;
for a run that is watched also after `_WATCH_S`, twice that and so on. To wake at every line would cost more than the
whole run.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from assay.errors import MachineryError
from assay.sandbox.process import CHUNK, FLOOD, REAP_S, held_up
from assay.sandbox.results import SplitResult
from assay.sandbox.warm.inside import FAILED
from assay.sandbox.warm.server import ANSWER, START_S, Server

_LOOK_S = 0.03
_WATCH_S = 0.012


@dataclass(frozen=True)
class Job:
    """Bounds of one run: one file, the clock from the first byte of stdout on, and what is kept of each stream.

    `watch` is shown what has come on stdout so far, as often as more comes; once it says True the run is stopped.
    """

    file_bytes: int
    timeout_s: float
    capacity: int
    watch: Callable[[bytes], bool] | None = None


class _Stream:
    """The reading end of a pipe, and the first bytes that came."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.kept = b""
        self.seen = 0


class Run:
    """One use of a server. After `outcome` has returned, nothing that the program started is there any more."""

    def __init__(self, server: Server, number: int, source: tuple[int, int], job: Job) -> None:
        self.server = server
        self.number = number  # as `Server.knows` gives it
        self.source = source  # as `memory_file` gives it
        self.job = job
        self.answer = b""
        self.killed = ""  # "time" or "flood"
        self.stopped = False
        self.timer: asyncio.TimerHandle | None = None

    async def outcome(self) -> SplitResult | None:
        """Return how the program ended; None when that is not known, and it must be run elsewhere.

        That is when the server ended or spoke nonsense, and when the program never began or was killed by the kernel,
        for memory perhaps, of which others may have had a part.
        """
        began = time.perf_counter()
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.streams = (_Stream(), _Stream())
        control = self.server.control.fileno()
        try:
            try:
                out, err = self.streams
                self.server.send(
                    self.number,
                    self.source,
                    out.writer,
                    err.writer,
                    file_bytes=self.job.file_bytes,
                    cpu_s=int(self.job.timeout_s + START_S) + 2,
                )
            except OSError:
                return None
            finally:
                for stream in self.streams:
                    os.close(stream.writer)
            self.loop.add_reader(control, self._answered)
            if self.job.watch:
                self.timer = self.loop.call_later(_WATCH_S, self._peek, 2 * _WATCH_S)
            else:
                self.timer = self.loop.call_later(_LOOK_S, self._look)
            await self.done
            self.timer.cancel()
            if self.killed:
                self.loop.remove_reader(control)
                await self._gone()
            for stream in self.streams:
                self._drain(stream)
            return self._result(time.perf_counter() - began)
        finally:
            if self.timer:
                self.timer.cancel()
            if control >= 0:  # else the server had ended before this run began, and nothing was sent
                self.loop.remove_reader(control)
            for stream in self.streams:
                self.loop.remove_reader(stream.reader)
                os.close(stream.reader)

    async def _gone(self) -> None:
        try:
            await asyncio.wait_for(asyncio.wrap_future(self.server.gone), REAP_S)
        except TimeoutError:
            raise MachineryError(f"a killed fork server is still there after {REAP_S:.0f} s") from None

    def _result(self, wall_s: float) -> SplitResult | None:
        out, err = self.streams
        if self.killed:
            code = None if self.killed == "time" else 137
        else:
            if len(self.answer) != ANSWER.size or not out.seen:
                return None
            code, used_network = ANSWER.unpack(self.answer)
            if used_network:
                self.server.spoiled = True
            if code in (-signal.SIGKILL, FAILED) and not self.stopped:
                return None
            if code < 0:
                code = 128 - code
        return SplitResult(
            returncode=code,
            stdout=out.kept,
            stderr=err.kept,
            timed_out=self.killed == "time",
            truncated=any(stream.seen > len(stream.kept) for stream in self.streams),
            wall_s=wall_s,
            stopped=self.stopped,
        )

    def _answered(self) -> None:
        try:
            self.answer = self.server.control.recv(ANSWER.size + 1)
        except BlockingIOError:
            return
        except OSError:
            self.answer = b""
        if not self.done.done():
            self.done.set_result(None)

    def _peek(self, next_s: float) -> None:
        """Read what there is of stdout, see whether it is enough, and come again."""
        self._read(self.streams[0])
        self._watch()
        if next_s < _LOOK_S:
            self.timer = self.loop.call_later(next_s / 2, self._peek, 2 * next_s)
        else:
            self._look()

    def _watch(self) -> None:
        """Ask whether enough has been said, and stop the run then."""
        if self.job.watch and not self.stopped and self.job.watch(self.streams[0].kept):
            self.stopped = True
            self.server.stop()

    def _look(self) -> None:
        """The program takes its time: from now on follow what it writes, so that it can write on."""
        for stream in self.streams:
            self.loop.add_reader(stream.reader, self._take, stream)
        self._arm(self.job.timeout_s if self.streams[0].seen else START_S)

    def _take(self, stream: _Stream) -> None:
        first = not stream.seen
        if not self._read(stream):
            self.loop.remove_reader(stream.reader)
        elif first and stream is self.streams[0]:
            self._arm(self.job.timeout_s)
        if stream.seen > self.job.capacity * FLOOD:
            self._kill("flood")
        elif stream is self.streams[0]:
            self._watch()

    def _read(self, stream: _Stream) -> bool:
        """Read what is there, up to a chunk; False at the end of the stream."""
        try:
            data = os.read(stream.reader, CHUNK)
        except BlockingIOError:
            return True
        stream.kept += data[: self.job.capacity - stream.seen] if stream.seen < self.job.capacity else b""
        stream.seen += len(data)
        return bool(data)

    def _drain(self, stream: _Stream) -> None:
        """Read the rest, which is at most what the pipe held: nobody writes any more."""
        seen = -1
        while seen < stream.seen:
            seen = stream.seen
            self._read(stream)
            if stream.seen - seen < CHUNK:  # there was no more
                break

    def _arm(self, seconds: float) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """Stop what outlived its time, unless it ended already or we, not it, took the time (as in `process`)."""
        self._answered()
        if self.done.done():
            return
        assert self.timer is not None
        if lost := held_up(self.loop, self.timer):
            self._arm(lost)
        elif not self.streams[0].seen:
            self.done.set_result(None)  # it never began
        else:
            self._kill("time")

    def _kill(self, why: str) -> None:
        if not self.killed:
            self.killed = why
            self.server.kill()
