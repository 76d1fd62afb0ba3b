"""One worker process: its event loop, the setting that it keeps open, and the jobs that it runs one after another."""

import asyncio
import pickle
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

from assay.errors import MachineryError
from assay.executors.base import Job, Setting


class Worker:
    """Runs jobs in this process. It keeps the last setting open, so that jobs that share it need not open it again."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._setting: Setting | None = None
        self._stack = AsyncExitStack()
        self._opened: Any = None

    def results(self, job: Job) -> Iterator[Any]:
        """Yield what the job yields. Between two results its event loop stands still."""
        asyncio.set_event_loop(self._loop)
        stream = self._loop.run_until_complete(self._begun(job))
        try:
            while True:
                try:
                    yield self._loop.run_until_complete(anext(stream))
                except StopAsyncIteration:
                    return
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                self._loop.run_until_complete(close())

    async def _begun(self, job: Job) -> AsyncIterator[Any]:
        if job.setting is None:
            return job.function(*job.arguments)
        if self._setting != job.setting:
            await self._stack.aclose()
            self._setting = None
            self._opened = await self._stack.enter_async_context(job.setting.open())
            self._setting = job.setting
        return job.function(self._opened, *job.arguments)


def portable(error: Exception) -> Exception:
    """Return the error with its traceback as a note; one that cannot cross becomes a MachineryError that can."""
    told = "".join(traceback.format_exception(error))
    try:
        kept = pickle.loads(pickle.dumps(error))
    except Exception:
        kept = MachineryError(f"{type(error).__name__}: {error}")
    kept.add_note(told)
    return kept
