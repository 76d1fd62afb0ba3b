"""The decode engine: token ids in, token ids with log-probabilities out, many requests in one KV-cached batch.

Rendering lives elsewhere (`assay.models.chat`). Requests join and leave the batch at any step. A conversation
keeps its row of the cache between its turns, so that a turn reads only what is new. The batch always has the
same number of rows and every prompt is read alone, so that what one conversation gets does not depend on its
neighbours: a run that is killed and resumed samples the same ids (a test compares them to the last bit).
"""

import asyncio
import hashlib
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from assay.errors import MachineryError
from assay.nouns import Finish

_KEYS_STEP = 64  # the batch attends to a multiple of this many positions, so that few shapes occur


@dataclass
class Sampled:
    """What one request got: ids (a sampled end token included), log-probabilities in nats, and its end."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish = Finish.LENGTH


@dataclass
class _Request:
    prompt: Sequence[int]
    most: int
    stops: frozenset[int]
    temperature: float
    noise: random.Random
    future: "asyncio.Future[Sampled]"
    conversation: "Conversation"
    sampled: Sampled = field(default_factory=Sampled)


class Conversation:
    """One attempt's row of the cache while it lasts, and the ids whose keys and values are in it."""

    def __init__(self) -> None:
        self.row: int | None = None
        self.read: list[int] = []


class SlotCache:
    """Keys and values of a fixed number of rows, in the shape that transformers' attention layers ask for.

    Before a forward pass, `read_prompt` or `one_step` says where the pass writes; `update` is called by each layer.
    """

    def __init__(self, slots: int, context: int, layers: int, heads: int, head_width: int) -> None:
        shape = (layers, slots, heads, context, head_width)
        # zeros, not empty: masked positions are multiplied by zero, and 0 * NaN would be NaN
        self.keys = torch.zeros(shape)
        self.values = torch.zeros(shape)
        self._row: int | None = None
        self._start = 0
        self._length = 0
        self._positions = torch.zeros(slots, dtype=torch.long)
        self._all = torch.arange(slots)

    def read_prompt(self, row: int, start: int, length: int) -> None:
        """The next pass reads ids into `row` at positions from `start` up to `length`."""
        self._row, self._start, self._length = row, start, length

    def one_step(self, positions: torch.Tensor, length: int) -> None:
        """The next pass reads one id a row at `positions` and attends to the first `length` positions."""
        self._row, self._positions, self._length = None, positions, length

    def update(
        self, key: torch.Tensor, value: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the pass's keys and values (rows, heads, ids, width); return those to attend to."""
        keys, values = self.keys[layer], self.values[layer]
        if self._row is not None:
            keys[self._row, :, self._start : self._length] = key[0]
            values[self._row, :, self._start : self._length] = value[0]
            here = slice(self._row, self._row + 1)
            return keys[here, :, : self._length], values[here, :, : self._length]
        keys[self._all, :, self._positions] = key[:, :, 0]
        values[self._all, :, self._positions] = value[:, :, 0]
        return keys[:, :, : self._length], values[:, :, : self._length]


class Engine:
    """A decode loop over a transformers causal model on the CPU in float32."""

    def __init__(self, model: PreTrainedModel, slots: int = 32) -> None:
        config: Any = model.config
        self.model = model.eval()
        self.context: int = config.max_position_embeddings
        self.slots = slots
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._cache = SlotCache(slots, self.context, config.num_hidden_layers, config.num_key_value_heads, width)
        self._free = list(range(slots))
        self._waiting: deque[_Request] = deque()
        self._rows: list[_Request | None] = [None] * slots
        self._last = torch.zeros(slots, dtype=torch.long)
        self._read = torch.zeros(slots, dtype=torch.long)  # how many ids each row holds
        self._loop: asyncio.Task[None] | None = None

    def close(self, conversation: Conversation) -> None:
        """Give the conversation's row back."""
        if conversation.row is not None:
            self._free.append(conversation.row)
            self._read[conversation.row] = 0
            conversation.row = None
            conversation.read = []

    async def sample(
        self,
        prompt: Sequence[int],
        *,
        most: int,
        stops: frozenset[int],
        temperature: float,
        seed: int,
        conversation: Conversation | None = None,
    ) -> Sampled:
        """Sample up to `most` ids after `prompt` until one of `stops`; temperature 0 is greedy.

        Equal arguments give equal ids. A prompt that leaves no room in the context ends with Finish.CONTEXT.
        With a `conversation` (one for each attempt, to be closed), ids read in earlier turns are not read again.
        """
        room = self.context - len(prompt)
        if room < 1:
            return Sampled(finish=Finish.CONTEXT)
        # the prompt is part of the noise's seed, so that the turns of one attempt do not share their noise
        text = f"{seed}:{','.join(map(str, prompt))}"
        noise = random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
        future: asyncio.Future[Sampled] = asyncio.get_running_loop().create_future()
        mine = conversation or Conversation()
        self._waiting.append(_Request(prompt, min(most, room), stops, temperature, noise, future, mine))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
        try:
            return await future
        finally:
            if conversation is None:
                self.close(mine)

    async def _run(self) -> None:
        try:
            while self._waiting or any(self._rows):
                with torch.inference_mode():
                    for _ in range(len(self._waiting)):
                        request = self._waiting.popleft()
                        if request.conversation.row is None and not self._free:
                            self._waiting.append(request)
                        else:
                            self._begin(request)
                    if any(self._rows):
                        self._step()
                await asyncio.sleep(0)  # let finished requests' agents run, and new requests join
        except Exception as error:
            for request in [*self._waiting, *filter(None, self._rows)]:
                if not request.future.done():
                    request.future.set_exception(MachineryError(f"The decode loop stopped: {error}."))
            self._waiting.clear()
            self._rows = [None] * self.slots

    def _begin(self, request: _Request) -> None:
        """Read what is new in the request's prompt and sample its first id."""
        mine, length = request.conversation, len(request.prompt)
        if mine.row is None:
            mine.row = self._free.pop()
        if len(mine.read) >= length or list(request.prompt[: len(mine.read)]) != mine.read:
            mine.read = []  # not a continuation
        start = len(mine.read)
        self._cache.read_prompt(mine.row, start, length)
        ids = torch.tensor([list(request.prompt[start:])])
        positions = torch.arange(start, length)
        mask = torch.arange(length)[None] <= positions[:, None]
        logits = self._forward(ids, positions[None], mask[None, None], last_only=True)
        mine.read = list(request.prompt)
        self._read[mine.row] = length
        self._rows[mine.row] = request
        self._take(mine.row, request, logits)

    def _step(self) -> None:
        """Read each row's last id and sample the next one.

        Rows at rest take part too, for the number of rows never changes: what they write lies beyond what
        they hold, where their next turn writes over it.
        """
        positions = self._read.clamp(max=self.context - 1)
        active = [row for row, request in enumerate(self._rows) if request is not None]
        longest = int(positions[active].max()) + 1
        length = min(self.context, -(-longest // _KEYS_STEP) * _KEYS_STEP)
        self._cache.one_step(positions, length)
        mask = (torch.arange(length)[None] <= positions[:, None])[:, None, None]
        logits = self._forward(self._last[:, None], positions[:, None], mask)
        for row in active:
            request = self._rows[row]
            assert request is not None
            request.conversation.read.append(int(self._last[row]))
            self._read[row] += 1
            self._take(row, request, logits[row : row + 1])

    def _forward(
        self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, last_only: bool = False
    ) -> torch.Tensor:
        return self.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1 if last_only else 0,
        ).logits[:, -1]

    def _take(self, row: int, request: _Request, logits_1V: torch.Tensor) -> None:
        logits = logits_1V[0].double().numpy()
        if not np.isfinite(logits).all():
            raise MachineryError("the model gave logits that are not finite")
        scaled = (logits - logits.max()) / (request.temperature or 1.0)
        weights = np.exp(scaled)
        total = weights.sum()
        if request.temperature == 0:
            token = int(logits.argmax())
        else:
            token = int(np.searchsorted(np.cumsum(weights), request.noise.random() * total, side="right"))
            token = min(token, len(weights) - 1)
        request.sampled.ids.append(token)
        request.sampled.logprobs.append(float(scaled[token] - np.log(total)))
        self._last[row] = token
        done = token in request.stops
        if done or len(request.sampled.ids) >= request.most:
            request.sampled.finish = Finish.STOP if done else Finish.LENGTH
            self._rows[row] = None
            if not request.future.cancelled():
                request.future.set_result(request.sampled)
