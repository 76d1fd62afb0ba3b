"""Slots of a machine that its processes share: so many at once may do something, whoever they belong to."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from assay.sandbox.trees import cache_folder

_LOOK_AGAIN_S = 0.05


@asynccontextmanager
async def slot(name: str, count: int = 0) -> AsyncIterator[None]:
    """Hold one of `count` slots of this machine's cache, 0 for one a core; a process that dies lets go of its own."""
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    held = -1
    try:
        while held < 0:
            for number in range(count or os.cpu_count() or 1):
                lock = os.open(folder / f"{name}-{number}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(lock)
                else:
                    held = lock
                    break
            else:
                await asyncio.sleep(_LOOK_AGAIN_S)
        yield
    finally:
        if held >= 0:
            os.close(held)
