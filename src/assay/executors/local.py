"""Jobs in this process, as tasks of its event loop: for work that waits for an endpoint or for sandboxes."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from assay.executors.base import Asking, Event, Job, Jobs, Setting
from assay.executors.flow import flow


@dataclass(frozen=True)
class _Here:
    """An object of this very process, asked as if it were elsewhere."""

    served: Any

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        return await getattr(self.served, method)(*arguments, **named)


class InProcess:
    """Runs jobs side by side in the event loop that it is used in; each setting is opened once and kept."""

    def __init__(self, count: int = 0) -> None:
        self.count = count or len(os.sched_getaffinity(0))
        self.name = "this process"
        self._stack = AsyncExitStack()
        self._opening: dict[Setting, asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def run(self, jobs: Jobs, *, at_once: int | None = None) -> AsyncGenerator[Event, None]:
        """Run the jobs here; see `Executor`."""
        return flow(jobs, at_once or self.count, self._results)

    @asynccontextmanager
    async def serving(self, served: Any) -> AsyncIterator[Asking]:
        """Let jobs ask an object of this process, which is theirs."""
        yield _Here(served)

    async def _results(self, job: Job) -> AsyncGenerator[Any, None]:
        if job.setting is None:
            stream = job.function(*job.arguments)
        else:
            stream = job.function(await self._opened(job.setting), *job.arguments)
        async with aclosing(stream):  # type: ignore[type-var]
            async for result in stream:
                yield result

    async def _opened(self, setting: Setting) -> Any:
        """Open the setting, or wait for who does; a job that is cancelled meanwhile takes it from no other."""
        if setting not in self._opening:
            self._opening[setting] = asyncio.ensure_future(self._stack.enter_async_context(setting.open()))
        try:
            return await asyncio.shield(self._opening[setting])
        except Exception:
            self._opening.pop(setting, None)
            raise
