"""The parts of a build on the nodes of a cluster, which must share a file system for sources, model and `out`.

They are plain jobs of an executor, not a stream of Ray Data: what is read and where it belongs is planned before, each
part is a file that is whole or not there, and nothing has to be put in order afterwards.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from assay import executors
from assay.errors import UserError
from assay.training.data.layout import WORK
from assay.training.data.work import IDENTITY, Job, Run, Worker

_END = object()


@dataclass(frozen=True)
class Building:
    """The setting of the parts: what they are told, and what decides the bytes of the build as the driver has it."""

    job: Job
    identity: bytes

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Worker]:
        """Give a worker. Raises UserError on a machine that has other files at these places."""
        job = self.job
        told = job.out / WORK / IDENTITY
        files = [job.model, *(source.files[0] for source in job.sources), *([job.template] if job.template else [])]
        lacking = [file for file in files if not file.exists()]
        if lacking or not told.is_file() or told.read_bytes() != self.identity:
            raise UserError(
                f"the node {os.uname().nodename} does not see {lacking[0] if lacking else job.out} as the driver does: "
                "put sources, model and --out on a file system that all nodes share"
            )
        yield Worker(job)


async def _part(worker: Worker, name: str, arguments: tuple) -> AsyncIterator[Any]:
    yield getattr(worker, name)(*arguments)


@contextmanager
def spread(executor: str, job: Job) -> Iterator[Run]:
    """Yield a function that runs calls of a build's worker on the cluster, and gives what they return as it comes.

    Raises MachineryError for a part whose worker died each time; what is finished is kept.
    """
    there = replace(
        job,
        sources=[replace(each, files=tuple(file.resolve() for file in each.files)) for each in job.sources],
        model=job.model.resolve(),
        template=job.template and job.template.resolve(),
        out=job.out.resolve(),
    )

    def run(call: Callable, arguments: list[tuple]) -> Iterator[Any]:
        setting = Building(there, (job.out / WORK / IDENTITY).read_bytes())
        name = call.__name__.removeprefix("_")
        parts = [executors.Job(_part, (name, each), setting=setting) for each in arguments]
        stream = _results(cluster, parts)
        try:
            while (result := runner.run(_next(stream))) is not _END:
                yield result
        finally:
            runner.run(stream.aclose())

    cluster = executors.open_executor(executor)
    with asyncio.Runner() as runner:
        runner.run(cluster.__aenter__())
        try:
            yield run
        finally:
            runner.run(cluster.__aexit__())


async def _results(cluster: executors.Executor, parts: list[executors.Job]) -> Any:
    async with aclosing(cluster.run(parts)) as events:
        async for result in executors.arrived(events):
            yield result


async def _next(stream: Any) -> Any:
    return await anext(stream, _END)
