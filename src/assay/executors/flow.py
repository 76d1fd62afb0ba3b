"""The flow of jobs that both executors have: so many at once, in their order, what they yield in one stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any

from assay.executors.base import Arrived, Event, Feed, Job, Lost, Made, Over, WorkerDied

Results = Callable[[Job], AsyncGenerator[Any, None]]


async def flow(jobs: Iterable[Job] | Feed, at_once: int, results: Results) -> AsyncGenerator[Event, None]:
    """Run each job by reading `results(job)`, at most `at_once` side by side; see `Executor.run`.

    WorkerDied of `results` is the end of that job alone. Whoever reads slowly slows the jobs down, so that what waits
    stays bounded.
    """
    arrived: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=at_once)
    driver = asyncio.create_task(_drive(jobs, at_once, results, arrived))
    try:
        while (event := await arrived.get()) is not None:
            yield event
        await driver
    finally:
        driver.cancel()
        await asyncio.wait([driver])


async def _drive(
    jobs: Iterable[Job] | Feed, at_once: int, results: Results, arrived: asyncio.Queue[Event | None]
) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one(job: Job) -> None:
        try:
            async with aclosing(results(job)) as found:
                async for result in found:
                    if not isinstance(result, Made):
                        await arrived.put(Arrived(job, result))
            await arrived.put(Over(job))
        except WorkerDied as death:
            await arrived.put(Lost(job, str(death)))
        finally:
            gate.release()

    try:
        async with asyncio.TaskGroup() as group:
            await gate.acquire()
            async for job in _each(jobs):
                group.create_task(one(job))
                await gate.acquire()
    finally:
        # without waiting for room: after a failure nobody may be reading any more
        while arrived.full():
            arrived.get_nowait()
        arrived.put_nowait(None)


async def _each(jobs: Iterable[Job] | Feed) -> AsyncIterator[Job]:
    if isinstance(jobs, Feed):
        async for job in jobs:
            yield job
    else:
        for job in jobs:
            yield job
