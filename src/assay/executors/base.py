"""What an executor is asked and what it gives back: jobs, what they need, and what became of them."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.errors import MachineryError

TRIES = 4  # how often a job is begun whose worker dies


@dataclass(frozen=True)
class Needs:
    """What a job takes of the machine it runs on: a share of cores and of GPUs, memory in MB (0: it is not counted)."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_mb: int = 0


class Setting(Protocol):
    """What many jobs share and what is dear to open: a model, a connection. Opened once in each worker process.

    It crosses to the worker, so it holds plain data only; settings that are equal are opened once.
    """

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Give what the jobs' functions get as their first argument."""
        ...


@dataclass(frozen=True)
class Job:
    """One piece of work: `function`, of a module's top level, is an async generator function of `arguments`.

    With a `setting`, what that opens comes before them. `trees` are the keys of prepared trees (`assay.sandbox.trees`)
    that the job must find where it runs: a task's environment, a checkpoint. All of it must be picklable, except where
    the job runs in this process.
    """

    function: Callable[..., AsyncIterator[Any]]
    arguments: tuple[Any, ...] = ()
    setting: Setting | None = None
    needs: Needs = Needs()
    trees: tuple[str, ...] = ()
    about: Any = field(default=None, compare=False)  # the driver's own; it does not cross


@dataclass(frozen=True)
class Made:
    """What a job yields for a tree that it prepared and that the driver is to have too; it does not arrive."""

    key: str


@dataclass(frozen=True)
class Arrived:
    """Something that a job yielded."""

    job: Job
    result: Any


@dataclass(frozen=True)
class Over:
    """A job that ended by itself; what it yielded has arrived."""

    job: Job


@dataclass(frozen=True)
class Lost:
    """A job whose worker died each time that it was tried; some of its results may have arrived."""

    job: Job
    why: str


Event = Arrived | Over | Lost


class WorkerDied(MachineryError):
    """The process or the machine that ran a job is gone, for good as far as the job is concerned."""


Jobs = Iterable[Job] | AsyncIterable[Job]


class Asking(Protocol):
    """An object of the driver as a job has it."""

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return what that async method of it returns there; raises what it raises. All that crosses is picklable."""
        ...


class Executor(Protocol):
    """Runs jobs. Use it as an asynchronous context: what it opened is closed at its end, and jobs under way are killed.

    `name` says for a person where the jobs run, `count` how many run at once where nothing else is said.
    """

    name: str
    count: int

    async def __aenter__(self) -> "Executor": ...

    async def __aexit__(self, *_: object) -> None: ...

    def run(self, jobs: Jobs, *, at_once: int | None = None) -> AsyncGenerator[Event, None]:
        """Run the jobs, `at_once` of them side by side, those that come first first; yield what becomes of them.

        They are read as slots fall free, so they may be endless. What a job raises ends all of them and is raised here,
        in a group. Closing the iterator stops the jobs.
        """
        ...

    def serving(self, served: Any) -> AbstractAsyncContextManager[Asking]:
        """Let jobs ask an object of this process for as long as the block lasts."""
        ...


async def arrived(events: AsyncIterator[Event]) -> AsyncIterator[Any]:
    """Yield the results of jobs whose loss nothing can make good. Raises MachineryError for a lost one."""
    async for event in events:
        if isinstance(event, Lost):
            raise MachineryError(f"{event.why}: nothing recorded is lost, run the same command again")
        if isinstance(event, Arrived):
            yield event.result
