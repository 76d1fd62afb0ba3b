"""A pool of single-threaded worker processes that report progress and die with the program that started them."""

import ctypes
import multiprocessing
import os
import queue
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from assay.errors import MachineryError

_PR_SET_PDEATHSIG = 1
_progress: Any = None


def _start_worker(progress: Any, parent: int) -> None:
    """Die with the parent, leave Ctrl-C to it, keep to one thread, and remember where progress goes."""
    global _progress
    _progress = progress
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)


def tell(name: str, done: int) -> None:
    """Report from inside a job that `done` more units of `name` are finished."""
    if _progress is not None:
        _progress.put((name, done))


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, int, int]:
    """Run a job; return its result, the worker's process id and its peak memory in kilobytes."""
    result = function(*arguments)
    return result, os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@dataclass
class Job:
    """A module-level function with picklable arguments; `then` gives the jobs that its result allows."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    then: Callable[[Any], Sequence["Job"]] = field(default=lambda result: ())


class Workers:
    """Run jobs in `count` processes. Jobs that come later in the list start later."""

    def __init__(self, count: int) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited by the workers, read when torch is imported
        context = multiprocessing.get_context("spawn")
        self._progress = context.Queue()
        self.peaks_kb: dict[int, int] = {}
        self._pool = ProcessPoolExecutor(
            count, mp_context=context, initializer=_start_worker, initargs=(self._progress, os.getpid())
        )
        self.count = count

    def run(self, jobs: Sequence[Job], show: Callable[[str, int], None]) -> list[Any]:
        """Run the jobs and those that follow from them; return the results in the order of completion.

        `show` is called in this process with each report of `tell`. The first failure stops everything.
        """
        waiting = list(jobs)
        running: dict[Future[tuple[Any, int, int]], Job] = {}
        results: list[Any] = []
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    job = waiting.pop(0)
                    running[self._pool.submit(_measured, job.function, job.arguments)] = job
                done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                self._drain(show)
                for future in done:
                    job = running.pop(future)
                    result, pid, peak_kb = future.result()
                    self.peaks_kb[pid] = peak_kb
                    results.append(result)
                    waiting += job.then(result)  # behind the long jobs, so that the last of these does not wait
        except BrokenProcessPool as error:
            raise MachineryError(
                "A worker process was killed (out of memory?): nothing recorded is lost, run the same command again."
            ) from error
        self._drain(show)
        return results

    def _drain(self, show: Callable[[str, int], None]) -> None:
        while True:
            try:
                show(*self._progress.get_nowait())
            except queue.Empty:
                return

    def peak_rss_mb(self) -> float:
        """Peak memory in MB of this process and its workers: the sum of each one's peak, so an upper bound."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round((own + sum(self.peaks_kb.values())) / 1024, 1)

    def close(self) -> None:
        """Stop the workers at once; what they had recorded stays recorded."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
