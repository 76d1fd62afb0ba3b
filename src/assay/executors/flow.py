"""The flow of jobs that all executors have: so many at once, in their order, what they yield in one stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from assay.executors.base import Arrived, Event, Job, Jobs, Lost, Made, Over, WorkerDied

Results = Callable[[Job], AsyncGenerator[Any, None]]


class _Arrivals:
    """What came and was not read yet. Nothing is ever dropped: who puts waits afterwards, until it was read."""

    def __init__(self, room: int) -> None:
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(room)

    async def put(self, event: Event) -> None:
        self._waiting.put_nowait(event)
        await self._room.acquire()

    def end(self) -> None:
        self._waiting.put_nowait(None)

    async def get(self) -> Event | None:
        event = await self._waiting.get()
        self._room.release()
        return event


async def flow(jobs: Jobs, at_once: int, results: Results) -> AsyncGenerator[Event, None]:
    """Run each job by reading `results(job)`, at most `at_once` side by side; see `Executor.run`.

    WorkerDied of `results` is the end of that job alone. Whoever reads slowly slows the jobs down, so that what waits
    stays bounded. What had come before a failure is given before it is raised.
    """
    arrivals = _Arrivals(at_once)
    driver = asyncio.create_task(_drive(jobs, at_once, results, arrivals))
    try:
        while (event := await arrivals.get()) is not None:
            yield event
        await driver
    finally:
        driver.cancel()
        await asyncio.wait([driver])


async def _drive(jobs: Jobs, at_once: int, results: Results, arrivals: _Arrivals) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one(job: Job) -> None:
        try:
            async with aclosing(results(job)) as found:
                async for result in found:
                    if not isinstance(result, Made):
                        await arrivals.put(Arrived(job, result))
            await arrivals.put(Over(job))
        except WorkerDied as death:
            await arrivals.put(Lost(job, str(death)))
        finally:
            gate.release()

    try:
        async with asyncio.TaskGroup() as group:
            await gate.acquire()
            async for job in _each(jobs):
                group.create_task(one(job))
                await gate.acquire()
    finally:
        arrivals.end()


async def _each(jobs: Jobs) -> AsyncIterator[Job]:
    if isinstance(jobs, AsyncIterable):
        async for job in jobs:
            yield job
    else:
        for job in jobs:
            yield job
