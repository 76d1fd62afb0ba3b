"""Jobs on a Ray cluster: each is a Ray task that streams its results; placing, moving and scaling are Ray's.

Every node needs the same assay and Python, and bubblewrap where jobs open sandboxes. A job whose worker or node died is
begun anew, some times. https://docs.ray.io/en/latest/ray-core/ray-generator.html
"""

import asyncio
import logging
import os
import signal
import socket
import threading
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from assay import __version__
from assay.errors import MachineryError, UserError
from assay.executors.base import TRIES, Event, Job, Jobs, Made, WorkerDied
from assay.executors.flow import flow
from assay.executors.ray_parcels import Parcels
from assay.executors.ray_service import Asked, serving
from assay.executors.shipping import pack, unpack
from assay.sandbox import trees

_CONNECT_S = 10.0
_AHEAD = 4  # jobs handed to Ray for each core: enough that no core waits and that an autoscaler sees what is wanted


@dataclass(frozen=True)
class _Raised:
    """What a job raised; it comes back as a value, so that it is the same error here as there."""

    error: Exception


@dataclass(frozen=True)
class _Shipped:
    """A tree that was laid out on a node because it was not there."""

    key: str
    node: str


class RayExecutor:
    """Runs jobs on the cluster at `address`: None is the one that RAY_ADDRESS names, else one of this machine's own.

    A cluster that is already connected to is used, and left as it is. `shipped` counts, by tree, the nodes that got it.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address = address
        self.count = 1
        self.name = f"Ray at {address or 'this machine'}"
        self.shipped: Counter[str] = Counter()
        self._parcels = Parcels()
        self._largest_mb = 0
        self._ours = False

    async def __aenter__(self) -> Self:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is uploaded that nobody asked for
        try:
            import ray
        except ImportError:
            raise UserError(
                '--executor ray needs the package ray, which is not installed: pip install "assay[ray]"'
            ) from None
        if not ray.is_initialized():
            try:
                _check_answers(self.address or os.environ.get("RAY_ADDRESS", ""))
                with _own_signals():
                    where = self.address or os.environ.get("RAY_ADDRESS") or "local"
                    ray.init(where, namespace="assay", log_to_driver=False, logging_level=logging.ERROR)
            except Exception as error:  # Ray raises plain ones, too
                where = self.address or os.environ.get("RAY_ADDRESS") or "this machine"
                raise UserError(
                    f"no Ray cluster could be used at {where} ({_first_line(error)}): start one with "
                    "`ray start --head`, or mend the address"
                ) from error
            self._ours = True
        nodes = [node for node in ray.nodes() if node["Alive"]]
        cpus = ray.cluster_resources().get("CPU", 0)
        self.count = max(1, int(cpus))
        self._largest_mb = int(max((node["Resources"].get("memory", 0) for node in nodes), default=0)) >> 20
        self.name = f"Ray: {len(nodes)} node{'s' * (len(nodes) != 1)}, {cpus:g} cores"
        return self

    async def __aexit__(self, *_: object) -> None:
        import ray

        self._parcels.clear()
        if self._ours:
            ray.shutdown()

    def run(self, jobs: Jobs, *, at_once: int | None = None) -> AsyncGenerator[Event, None]:
        """Hand the jobs to Ray, a few for each core at once; see `Executor`."""
        return flow(jobs, at_once or _AHEAD * self.count, self._results)

    def serving(self, served: Any) -> AbstractAsyncContextManager[Asked]:
        """Let jobs ask an object of this process; see `assay.executors.ray_service`."""
        return serving(served)

    async def _results(self, job: Job) -> AsyncGenerator[Any, None]:
        self._check_needs(job)
        async with self._parcels.held(job.trees) as needed:
            for left in reversed(range(TRIES)):
                try:
                    async with aclosing(self._tried(job, needed)) as found:
                        async for result in found:
                            yield result
                    return
                except WorkerDied:
                    if not left:
                        raise

    async def _tried(self, job: Job, needed: dict[str, list[Any]]) -> AsyncGenerator[Any, None]:
        """Yield what one try of the job yields. Raises WorkerDied when its worker or node is gone.

        Ray's own retry would go on at the number of results that the first try had given, as if every try gave the
        same in the same order.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            stream = _remote().options(**_options(job)).remote(__version__, replace(job, about=None), needed)
        except RayError as error:  # no worker's end: there is nobody to give the job to
            raise MachineryError(
                f"the Ray cluster takes no jobs any more ({_first_line(error)}): what is finished is kept, "
                "run the same command again on a cluster that does, or without --executor"
            ) from error
        raised: Exception | None = None
        ended = False
        try:
            async for ref in stream:
                result = await ref
                if isinstance(result, _Raised):
                    raised = result.error
                elif isinstance(result, _Shipped):
                    self.shipped[result.key] += 1
                elif isinstance(result, _Parcel):
                    await _laid_out(result.key, result.pieces)
                else:
                    yield result
            ended = True
        except RayTaskError as error:
            ended = True
            raise MachineryError(f"a Ray worker could not run a job: {_last_line(error)}") from error
        except RayError as error:
            ended = True
            raise WorkerDied(f"{type(error).__name__} in each of {TRIES} tries: {_last_line(error)}") from error
        finally:
            if not ended:
                with suppress(RayError):  # it is gone with the cluster
                    ray.cancel(stream, force=True)
        if isinstance(raised, RayError):  # of what the job itself asked of Ray: no death of its worker
            raise MachineryError(f"a job lost what it asked of the driver: {_last_line(raised)}") from raised
        if raised is not None:
            raise raised

    def _check_needs(self, job: Job) -> None:
        """Raise UserError for a job that no node can ever run: Ray would wait without a word."""
        if not self._largest_mb or job.needs.memory_mb <= self._largest_mb:
            return
        raise UserError(
            f"a job needs {job.needs.memory_mb:,} MB of memory, and the largest node of the cluster has "
            f"{self._largest_mb:,}: add a larger node, or lower the task's limit"
        )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what a signal does as it was: Ray would have SIGTERM end the process without a word."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _check_answers(address: str) -> None:
    """Raise OSError when nothing answers at HOST:PORT: Ray itself would try for minutes, and then end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()


def _remote() -> Any:
    import ray

    return ray.remote(_work)


def _options(job: Job) -> dict[str, Any]:
    needs = job.needs
    return {
        "num_cpus": needs.cpus,
        "num_gpus": needs.gpus,
        "memory": needs.memory_mb << 20 or None,
        "max_retries": 0,
        "num_returns": "streaming",
        "name": job.function.__name__,
    }


@dataclass(frozen=True)
class _Parcel:
    """A tree that a job made, in pieces in the object store, on its way to the driver."""

    key: str
    pieces: list[Any]


_worker: Any = None


def _work(version: str, job: Job, needed: dict[str, list[Any]]) -> Iterator[Any]:
    """Run one job in a Ray worker, which keeps what it opened for the next."""
    global _worker
    import ray

    from assay.executors.sweeping import sweep_after_me
    from assay.executors.worker import Worker, portable

    try:
        if version != __version__:
            raise UserError(
                f"the node {os.uname().nodename} has assay {__version__} and the driver {version}: "
                "install the same on both"
            )
        for key, pieces in needed.items():
            if not trees.is_prepared(key):
                found = asyncio.run(_laid_out(key, pieces))
                if found:
                    yield _Shipped(key, ray.get_runtime_context().get_node_id())
        if _worker is None:
            sweep_after_me()
            _worker = Worker()
        for result in _worker.results(job):
            if isinstance(result, Made):
                result = _Parcel(result.key, [ray.put(piece) for piece in pack(trees.tree(result.key))])
            yield result
    except Exception as error:
        yield _Raised(portable(error))


async def _laid_out(key: str, pieces: list[Any]) -> bool:
    """Lay a tree out on this machine unless it is there; return whether this call did it."""
    import ray

    done = False

    async def build(folder: Any) -> None:
        nonlocal done
        await asyncio.to_thread(unpack, (ray.get(piece) for piece in pieces), folder)
        done = True

    await trees.prepare_slowly(key, build)
    return done


def _first_line(error: BaseException) -> str:
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line.partition(" Note: ")[0].rstrip(".")[:200]  # Ray's notes are of other things


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "".join(traceback.format_exception_only(error)).strip()
