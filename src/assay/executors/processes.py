"""Jobs in worker processes of this machine: for work that keeps a core busy, such as sampling from local weights.

The workers die with the program that started them, leave Ctrl-C to it, and keep to one thread each. One that dies
is replaced, and its job begun again.
"""

import asyncio
import ctypes
import itertools
import multiprocessing
import os
import resource
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Self

from assay.executors.base import TRIES, Event, Job, Jobs, WorkerDied
from assay.executors.flow import flow
from assay.executors.process_service import Answer, Asked, Question, connect

_PR_SET_PDEATHSIG = 1


class Processes:
    """Runs jobs in `count` processes, which start when they are first needed."""

    def __init__(self, count: int = 0) -> None:
        self.count = count or len(os.sched_getaffinity(0))
        self.name = f"{self.count} processes of this machine"
        self.peaks_kb: dict[int, int] = {}
        self._context = multiprocessing.get_context("spawn")
        self._threads = ThreadPoolExecutor(2 * self.count, thread_name_prefix="worker-results")
        self._free: deque[_Process] = deque()
        self._all: set[_Process] = set()
        self._gate = asyncio.Semaphore(self.count)
        self._served: dict[int, Any] = {}
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited by the workers, read when torch is imported
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._all:
            process.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def run(self, jobs: Jobs, *, at_once: int | None = None) -> AsyncGenerator[Event, None]:
        """Run the jobs in the workers, which all calls of this share; see `Executor`."""
        return flow(jobs, at_once or self.count, self._results)

    @asynccontextmanager
    async def serving(self, served: Any) -> AsyncIterator[Asked]:
        """Let jobs ask an object of this process for as long as the block lasts."""
        number = next(self._numbers)
        self._served[number] = served
        try:
            yield Asked(number)
        finally:
            del self._served[number]

    def peak_rss_mb(self) -> float:
        """Peak memory in MB of this process and its workers: the sum of each one's peak, so an upper bound."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round((own + sum(self.peaks_kb.values())) / 1024, 1)

    async def _results(self, job: Job) -> AsyncGenerator[Any, None]:
        async with self._gate:
            for left in reversed(range(TRIES)):
                process = self._free.popleft() if self._free else self._started()
                try:
                    async with aclosing(self._asked(process, job)) as results:
                        async for result in results:
                            yield result
                    self._free.append(process)
                    return
                except WorkerDied:
                    self._drop(process)
                    if not left:
                        raise
                except BaseException:
                    self._drop(process)  # it may be in the middle of the job
                    raise

    async def _asked(self, process: "_Process", job: Job) -> AsyncGenerator[Any, None]:
        loop = asyncio.get_running_loop()
        answering: set[asyncio.Task[None]] = set()
        try:
            await loop.run_in_executor(self._threads, process.send, replace(job, about=None))
            while True:
                kind, value = await loop.run_in_executor(self._threads, process.receive)
                if kind == "over":
                    self.peaks_kb[process.pid] = value
                    return
                if kind == "raised":
                    raise value
                if kind == "asked":
                    task = asyncio.create_task(self._answer(process, value))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
                else:
                    yield value
        finally:
            for task in answering:
                task.cancel()

    async def _answer(self, process: "_Process", asked: Question) -> None:
        try:
            method = getattr(self._served[asked.served], asked.method)
            said = Answer(asked.number, await method(*asked.arguments, **asked.named))
        except Exception as error:
            said = Answer(asked.number, None, error)
        with suppress(WorkerDied):  # whoever reads from it hears of that
            process.send(said)

    def _started(self) -> "_Process":
        process = _Process(self._context)
        self._all.add(process)
        return process

    def _drop(self, process: "_Process") -> None:
        process.kill()
        self._all.discard(process)


class _Process:
    """A worker process as its driver sees it."""

    def __init__(self, context: Any) -> None:
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(theirs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid

    def send(self, said: Job | Answer) -> None:
        """Hand a job or an answer over. Raises WorkerDied."""
        try:
            self._ours.send(said)
        except (BrokenPipeError, ConnectionError) as error:
            raise self._died() from error

    def receive(self) -> tuple[str, Any]:
        """Return the next thing that it says. Raises WorkerDied."""
        try:
            return self._ours.recv()
        except (EOFError, ConnectionError, OSError) as error:
            raise self._died() from error

    def kill(self) -> None:
        """End it at once, with whatever it does."""
        self._process.kill()
        self._process.join()
        # the connection is not closed: a thread may still read from it, and gets its end now

    def _died(self) -> WorkerDied:
        self._process.join(1.0)
        code = self._process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        return WorkerDied(f"the worker process {how}" + (" (out of memory?)" if code == -signal.SIGKILL else ""))


def _main(connection: Connection, parent: int) -> None:
    """Run jobs until the driver is gone."""
    from assay.executors.worker import Worker, portable

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)
    worker, line = Worker(), connect(connection)
    with suppress(EOFError, ConnectionError):
        while True:
            job = line.next_job()
            try:
                for result in worker.results(job):
                    line.send(("result", result))
            except Exception as error:
                line.send(("raised", portable(error)))
            else:
                line.send(("over", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
