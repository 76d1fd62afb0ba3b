"""The decode engine: token ids in, token ids with log-probabilities out, many requests in one batch.

Rendering lives elsewhere (`assay.models.formats`). Requests join and leave the batch at any step. A conversation
keeps its row of the cache between its turns, so that a turn reads only what is new, and conversations that begin alike
read their beginning once. On a CPU, what one conversation gets does not depend on its neighbours, to the last bit: a
run that is killed and resumed samples the same ids. See docs/engine.md for how.
"""

import asyncio
import hashlib
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from assay.errors import MachineryError, UserError
from assay.models.engine_attention import Reading, Stepping, padding_is_harmless
from assay.models.engine_cache import CHUNK, Cache, Row
from assay.models.engine_check import forward_for, shape_of, steady_sizes, vocabulary_of
from assay.models.engine_sampling import Manner, draw
from assay.models.weights import context_of
from assay.nouns import Finish


@dataclass
class Sampled:
    """What one request got: ids (a sampled end token included), log-probabilities in nats, and its end.

    A log-probability is of the distribution at the request's temperature over the whole vocabulary, before top-p:
    log softmax(logits / temperature). For temperature 0 it is given at temperature 1.
    """

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish = Finish.LENGTH


class Conversation:
    """One attempt's row of the cache while it lasts."""

    def __init__(self) -> None:
        self.row: Row | None = None


@dataclass(eq=False)
class _Request:
    prompt: list[int]
    most: int
    stops: frozenset[int]
    manner: Manner
    future: "asyncio.Future[Sampled]"
    conversation: Conversation
    on_token: Callable[[int, float], bool] | None = None
    sampled: Sampled = field(default_factory=Sampled)


class Engine:
    """A decode loop over any causal language model of transformers, on the device and in the precision it has.

    The model stays its owner's: the engine follows changes of its weights (see `refresh`).
    """

    def __init__(self, model: PreTrainedModel, slots: int = 32, *, context: int | None = None) -> None:
        """Serve at most `slots` conversations at a time, each of at most `context` ids, the model's own by default.

        Raises UserError for an architecture that cannot be decoded here.
        """
        self.model = model
        self.slots = slots
        self.context = min(context or context_of(model.config), context_of(model.config))
        self.vocabulary = vocabulary_of(model)
        self._shape = shape_of(model)
        self._forward = forward_for(model, self._shape)
        self._sizes = steady_sizes(model, self._forward, self._shape, slots)
        self._padding: dict[int, bool] = {}
        self._weights = self._state_of_weights()
        self.cache = Cache(self._shape, slots, self.context)
        self._waiting: deque[_Request] = deque()
        self._active: dict[Row, _Request] = {}
        self._plan: Stepping | None = None
        self._loop: asyncio.Task[None] | None = None

    @property
    def most_bytes(self) -> int:
        """About what keys and values come to when every slot is filled to the context."""
        return self.slots * self.cache.capacity_for(self.context) * self._shape.bytes

    def close(self, conversation: Conversation) -> None:
        """Give the conversation's row back."""
        if conversation.row is not None:
            if self._active.pop(conversation.row, None) is not None:
                self._plan = None
            self.cache.give_back(conversation.row)
            conversation.row = None

    def refresh(self) -> None:
        """Take over the model's weights as they are now; what conversations have read is read again.

        This is done by itself when the engine starts to work after a pause and finds that an optimiser has stepped or
        that weights were loaded. Only a write past torch's count of changes (through `.data`) has to be told.
        """
        self._forward = forward_for(self.model, self._shape)
        self._weights = self._state_of_weights()
        self.cache.forget()
        self._plan = None

    async def sample(
        self,
        prompt: Sequence[int],
        *,
        most: int,
        stops: frozenset[int],
        temperature: float,
        top_p: float = 1.0,
        seed: int,
        conversation: Conversation | None = None,
        on_token: Callable[[int, float], bool] | None = None,
    ) -> Sampled:
        """Sample up to `most` ids after `prompt` until one of `stops`; temperature 0 is greedy.

        Equal arguments give equal ids. A prompt that leaves no room in the context ends with Finish.CONTEXT.
        With a `conversation` (one for each attempt, to be closed), ids read in earlier turns are not read again.
        `on_token` is told every id with its log-probability as it is drawn, and ends the request by returning true.
        Raises MachineryError where the model's logits are not finite or the decode loop breaks.
        """
        if not (temperature >= 0 and 0 < top_p <= 1):
            raise UserError(f"Temperature {temperature:g} and top-p {top_p:g}: give 0 or more, and above 0 up to 1.")
        if not prompt or not 0 <= min(prompt) <= max(prompt) < self.vocabulary:
            raise MachineryError(
                f"The prompt is empty or has ids outside the model's {self.vocabulary}: "
                "the tokenizer does not belong to the model."
            )
        room = self.context - len(prompt)
        if room < 1:
            return Sampled(finish=Finish.CONTEXT)
        # the prompt is part of the noise's seed, so that the turns of one attempt do not share their noise
        text = f"{seed}:{','.join(map(str, prompt))}"
        noise = random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
        future: asyncio.Future[Sampled] = asyncio.get_running_loop().create_future()
        mine = conversation or Conversation()
        manner = Manner(temperature, top_p, noise)
        self._waiting.append(_Request(list(prompt), min(most, room), stops, manner, future, mine, on_token))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
        try:
            return await future
        finally:
            if conversation is None:
                self.close(mine)

    async def _run(self) -> None:
        """Work until nobody waits."""
        try:
            if self._state_of_weights() != self._weights:
                self.refresh()
            while True:
                self._drop_cancelled()
                if not self._waiting and not self._active:
                    return
                with torch.inference_mode():
                    self._admit()
                    if self._active:
                        self._step()
                await asyncio.sleep(0)  # let finished requests' agents run, and new requests join
        except Exception as error:
            for request in [*self._waiting, *self._active.values()]:
                if not request.future.done():
                    request.future.set_exception(MachineryError(f"The decode loop stopped: {error}."))
            self._waiting.clear()
            self._active.clear()
            self.cache.forget()
            self._plan = None

    def _drop_cancelled(self) -> None:
        """Forget requests whose asker has gone."""
        if any(request.future.done() for request in self._waiting):
            self._waiting = deque(request for request in self._waiting if not request.future.done())
        for row in [row for row, request in self._active.items() if request.future.done()]:
            del self._active[row]
            self._plan = None

    def _admit(self) -> None:
        """Begin what waits and has a row, or finds one free."""
        for _ in range(len(self._waiting)):
            request = self._waiting.popleft()
            if request.conversation.row is None and len(self.cache.held) >= self.slots:
                self._waiting.append(request)
            else:
                self._begin(request)

    def _begin(self, request: _Request) -> None:
        """Read what is new in the request's prompt and sample its first id."""
        prompt, length = request.prompt, len(request.prompt)
        row = request.conversation.row
        if row is None:
            row = request.conversation.row = self.cache.take(length + 1)
        if len(row.ids) >= length or prompt[: len(row.ids)] != row.ids:
            row.ids, row.whole = [], 0  # not a continuation
        self.cache.grow(row, length)
        first_turn = not row.ids
        if first_turn:
            self.cache.share(row, prompt)
        for start in range(len(row.ids), length, CHUNK):
            stop = min(start + CHUNK, length)
            ids, where = torch.tensor(prompt[start:stop]), torch.arange(start, stop)
            logits = self._compute(ids, where, Reading(row, start, stop), last=True)
            row.ids += prompt[start:stop]
            if first_turn and stop - start == CHUNK:
                row.whole = stop
        self._active[row] = request
        self._plan = None
        self._take([request], logits)

    def _step(self) -> None:
        """Read each active row's last id and sample the next one."""
        moved = [self.cache.grow(row, len(row.ids) + 1) for row in self._active]
        if self._plan is None or any(moved) or not self._plan.fits():
            self._plan = Stepping(list(self._active), self.cache, self._may_pad, self._size)
        else:
            self._plan.advance()
        plan = self._plan
        requests = [self._active[row] for row in plan.rows]
        last = [request.sampled.ids[-1] for request in requests]
        logits = self._compute(torch.tensor(last + [0] * (plan.size - len(last))), plan.positions, plan)
        for row, token in zip(plan.rows, last, strict=True):
            row.ids.append(token)
        self._take(requests, logits[: len(requests)])

    def _compute(self, ids: Tensor, positions: Tensor, memory: Reading | Stepping, last: bool = False) -> Tensor:
        device = self._shape.device
        return self._forward.logits(ids.to(device), positions.to(device), memory, last)

    def _take(self, requests: list[_Request], logits_RV: Tensor) -> None:
        """Draw each request's next id, and end those that are done."""
        tokens, logprobs = draw(logits_RV, [request.manner for request in requests])
        for request, token, logprob in zip(requests, tokens, logprobs, strict=True):
            if math.isnan(logprob):
                row = self._end(request)
                self.cache.wipe(row)
                request.future.set_exception(MachineryError("The model gave logits that are not finite."))
                continue
            sampled = request.sampled
            sampled.ids.append(token)
            sampled.logprobs.append(logprob)
            try:
                told = request.on_token is not None and request.on_token(token, logprob)  # of the end token too
                stopped = told or token in request.stops
            except Exception as error:  # the asker's own, and no matter of its neighbours
                self._end(request)
                request.future.set_exception(error)
                continue
            if stopped or len(sampled.ids) >= request.most:
                sampled.finish = Finish.STOP if stopped else Finish.LENGTH
                self._end(request)
                request.future.set_result(sampled)

    def _end(self, request: _Request) -> Row:
        """Take a request out of the batch; return its row."""
        row = request.conversation.row
        assert row is not None
        del self._active[row]
        self._plan = None
        return row

    def _may_pad(self, capacity: int) -> bool:
        """Whether rows on shelves of that capacity may be padded to a common length without changing a bit."""
        if capacity not in self._padding:
            config = self.model.config.get_text_config()
            queries = config.num_attention_heads // self._shape.heads
            self._padding[capacity] = padding_is_harmless(queries, self._shape, capacity)
        return self._padding[capacity]

    def _size(self, active: int) -> int:
        """How many rows are computed for so many active ones."""
        return next(size for size in self._sizes if size >= active)

    def _state_of_weights(self) -> list[tuple[int, int]]:
        """What changes whenever a weight is written: its place, and torch's count of writes."""
        return [(p.data_ptr(), 0 if p.is_inference() else p._version) for p in self.model.parameters()]
