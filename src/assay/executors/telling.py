"""Work that tells what it does by a callback, as a job that yields it: what it told, then what it returned."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Returned:
    """What the work returned."""

    value: Any


async def telling(work: Callable[[Callable[[Any], None]], Awaitable[Any]]) -> AsyncIterator[Any]:
    """Run `work(tell)`; yield each thing it tells, from whatever thread, then a Returned. Raises what it raises."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[Any] = asyncio.Queue()
    end = object()

    def tell(thing: Any) -> None:
        loop.call_soon_threadsafe(told.put_nowait, thing)

    running = asyncio.ensure_future(work(tell))
    running.add_done_callback(lambda _: told.put_nowait(end))
    try:
        while (thing := await told.get()) is not end:
            yield thing
        yield Returned(await running)
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait([running])
