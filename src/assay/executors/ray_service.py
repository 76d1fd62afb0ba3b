"""One object of the driver that jobs on a Ray cluster may ask: calls go through an actor, and the driver answers.

What a job may not have a copy of (a budget, a rate limit) stays in one place, beside the ledger that it writes into.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


class _Relay:
    """Holds questions until the driver takes them, and who asked until it answers. Runs as an asynchronous actor."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: asyncio.Queue[tuple[int, str, tuple[Any, ...], dict[str, Any]]] = asyncio.Queue()
        self._asked: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._waiting.put((number, method, arguments, named))
        try:
            return await answer
        finally:
            del self._asked[number]

    async def take(self) -> list[tuple[int, str, tuple[Any, ...], dict[str, Any]]]:
        """Return the questions that wait, at least one."""
        found = [await self._waiting.get()]
        while not self._waiting.empty():
            found.append(self._waiting.get_nowait())
        return found

    async def answer(self, number: int, value: Any) -> None:
        """Give the answer to whoever asked, if it still waits."""
        if number in self._asked and not self._asked[number].done():
            self._asked[number].set_result(value)


@dataclass(frozen=True)
class _Error:
    error: Exception


@dataclass(frozen=True)
class Asked:
    """The object as a job has it: `call` runs one of its async methods in the driver."""

    relay: Any

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Return what the method returns there; raises what it raises."""
        answer = await self.relay.ask.remote(method, arguments, named)
        if isinstance(answer, _Error):
            raise answer.error
        return answer


@asynccontextmanager
async def serving(served: Any) -> AsyncIterator[Asked]:
    """Let jobs ask `served` for as long as the block lasts; all that crosses must be picklable."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # on the driver's own node: with that, all is lost anyway
    beside = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    relay: Any = ray.remote(_Relay).options(num_cpus=0, max_concurrency=10_000, scheduling_strategy=beside).remote()
    answering: set[asyncio.Task[None]] = set()

    async def answer(number: int, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        try:
            value = await getattr(served, method)(*arguments, **named)
        except Exception as error:
            value = _Error(error)
        await relay.answer.remote(number, value)

    async def pump() -> None:
        while True:
            for question in await relay.take.remote():
                task = asyncio.create_task(answer(*question))
                answering.add(task)
                task.add_done_callback(answering.discard)

    pumping = asyncio.create_task(pump())
    try:
        yield Asked(relay)
    finally:
        for task in (pumping, *answering):
            task.cancel()
        await asyncio.gather(pumping, *answering, return_exceptions=True)
        ray.kill(relay)
