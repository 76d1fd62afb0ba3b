"""Plain calls spread over an executor: what a list of functions returns, in its order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from assay.errors import MachineryError
from assay.executors.base import Arrived, Job, Lost
from assay.executors.chosen import LOCAL, open_executor

Spread = Callable[[Sequence[Callable[[], Any]]], list[Any]]


def here(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make the calls one after another in this process."""
    return [call() for call in calls]


def spread_over(word: str) -> Spread:
    """Return what makes calls where `word` says (`assay.executors.chosen`); elsewhere they must be picklable.

    Raises UserError for a word that names no executor, MachineryError when a call's worker died each time.
    """
    if word == LOCAL:
        return here
    return lambda calls: asyncio.run(_spread(word, calls))


async def _spread(word: str, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    found: dict[int, Any] = {}
    jobs = [Job(_called, (call,), about=number) for number, call in enumerate(calls)]
    async with open_executor(word) as executor, aclosing(executor.run(jobs)) as events:
        async for event in events:
            if isinstance(event, Lost):
                raise MachineryError(f"{event.why}: run the same command again")
            if isinstance(event, Arrived):
                found[event.job.about] = event.result
    return [found[number] for number in range(len(calls))]


async def _called(call: Callable[[], Any]) -> AsyncIterator[Any]:
    yield call()
