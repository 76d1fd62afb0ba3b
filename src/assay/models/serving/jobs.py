"""One answer to one prompt, whole or piece by piece, sampled by the worker and cut where a stop text begins."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.models.serving.asked import BadRequest, Sampling
from assay.models.serving.text import Decoded, Stopped
from assay.models.serving.worker import OnToken, Worker
from assay.nouns import Finish

if TYPE_CHECKING:
    from assay.models.engine import Sampled

_LONGEST_TOKEN = 256  # characters; the longest of known vocabularies are runs of 128 spaces


@dataclass
class Piece:
    """What came at once: sampled ids with their log-probabilities, and the text that became certain."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    finish: Finish | None = None  # of the last piece


@dataclass
class Job:
    """One choice: `index` in the answer, the prompt's ids, at most `most` new ones, and what the noise is seeded by."""

    worker: Worker
    request: Sampling
    index: int
    prompt: Sequence[int]
    most: int
    seed: int

    async def _sample(self, on_token: OnToken | None) -> "Sampled":
        asked = self.request
        return await self.worker.sample(
            self.prompt,
            most=self.most,
            stops=self.worker.model.chat.stops | frozenset(asked.stop_token_ids),
            temperature=asked.temperature,
            top_p=asked.top_p,
            seed=self.seed,
            on_token=on_token,
        )

    async def whole(self) -> Piece:
        """Sample it to its end."""
        decode, stops = self.worker.model.chat.decode, self.request.stops
        decoded, stopped = Decoded(decode), Stopped(stops)

        def ends(token: int, logprob: float) -> bool:
            stopped.add(decoded.add(token))
            return stopped.done

        found = await self._sample(ends if stops else None)
        text = decode(found.ids)
        end = min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))
        return Piece(found.ids, found.logprobs, text[:end], found.finish)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Yield it as it is sampled. The last piece says how it ended, and may hold text that was held back."""
        decoded, stopped = Decoded(self.worker.model.chat.decode), Stopped(self.request.stops)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Piece | None] = asyncio.Queue()

        def take(token: int, logprob: float) -> bool:
            piece = Piece([token], [logprob], stopped.add(decoded.add(token)))
            loop.call_soon_threadsafe(queue.put_nowait, piece)
            return stopped.done

        task = asyncio.create_task(self._sample(take))
        task.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (piece := await queue.get()) is not None:
                yield piece
            found = await task
            rest = stopped.add(decoded.end())
            yield Piece(text=rest + stopped.end(), finish=found.finish)
        finally:
            task.cancel()


def room(worker: Worker, prompt: Sequence[int], asked: int | None, param: str) -> int:
    """Return how many ids may be sampled after `prompt`. Raises BadRequest where there is no room for any."""
    context = worker.model.engine.context
    if len(prompt) >= context:
        raise _too_long(context, f"{len(prompt)}", param)
    return min(asked or context, context - len(prompt))


def short_enough(worker: Worker, texts: Iterable[str], param: str) -> None:
    """Raise BadRequest for texts that cannot fit the context, before they are split: all requests wait for that."""
    context, characters = worker.model.engine.context, sum(map(len, texts))
    if characters > context * _LONGEST_TOKEN:
        raise _too_long(context, f"{characters} characters", param)


def _too_long(context: int, length: str, param: str) -> BadRequest:
    words = f"This model's maximum context length is {context} tokens, and {param} come to {length}: shorten it."
    return BadRequest(words, param=param, code="context_length_exceeded")


async def merged(jobs: Sequence[Job]) -> AsyncIterator[tuple[Job, Piece]]:
    """Yield the pieces of several jobs as they come. Raises what a job raises; the others are then cancelled."""
    queue: asyncio.Queue[tuple[Job, Piece] | None] = asyncio.Queue()

    async def follow(job: Job) -> None:
        async for piece in job.pieces():
            queue.put_nowait((job, piece))

    tasks = [asyncio.create_task(follow(job)) for job in jobs]
    for task in tasks:
        task.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        left = len(tasks)
        while left:
            found = await queue.get()
            if found is None:
                left -= 1
                for task in tasks:
                    if task.done():
                        task.result()
            else:
                yield found
    finally:
        for task in tasks:
            task.cancel()
