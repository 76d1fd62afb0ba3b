"""Local weights as a Model: the chat format around the decode engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import torch

from assay.errors import UserError
from assay.models.engine import Conversation, Engine
from assay.models.formats import ChatFormat, load_format
from assay.models.weights import load_model
from assay.nouns import Finish, Message, Reply


class LocalModel:
    """A transformers causal model with a chat format. One instance serves any number of attempts at once."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        chat: ChatFormat,
        *,
        temperature: float,
        max_new_tokens: int,
        top_p: float = 1.0,
    ) -> None:
        """Raises UserError where the format has ids that the model has no row for."""
        if chat.vocabulary > engine.vocabulary:
            raise UserError(
                f"The tokenizer of {name} has {chat.vocabulary} ids and its model {engine.vocabulary}: "
                "they do not belong together; name a checkpoint with its own tokenizer."
            )
        self.name = name
        self.engine = engine
        self.chat = chat
        self.temperature = temperature
        self.max_new_tokens = max_new_tokens
        self.top_p = top_p
        self._kept: Conversation | None = None

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        temperature: float,
        max_new_tokens: int,
        slots: int = 32,
        top_p: float = 1.0,
        template: str | Path | None = None,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
    ) -> "LocalModel":
        """Read a checkpoint directory: safetensors, config, tokenizer.json and its chat template, or `template`.

        Raises UserError for what cannot be loaded, rendered or decoded.
        """
        chat = load_format(directory, template)
        engine = Engine(load_model(directory, device=device, dtype=dtype), slots)
        return cls(
            directory.resolve().name,
            engine,
            chat,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            top_p=top_p,
        )

    @contextmanager
    def attempt(self) -> Iterator["LocalModel"]:
        """Give a model for one attempt, which keeps its row of the engine's cache between its turns."""
        mine = copy(self)
        mine._kept = Conversation()
        try:
            yield mine
        finally:
            self.engine.close(mine._kept)

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Sample the assistant's next turn; its `token_ids` are the very ids sampled, end token included.

        Its log-probabilities are at the model's temperature, over the whole vocabulary (see `Sampled`). A conversation
        that fills the context ends with Finish.CONTEXT.
        """
        prompt = self.chat.prompt(conversation)
        sampled = await self.engine.sample(
            prompt,
            most=self.max_new_tokens,
            stops=self.chat.stops,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=seed,
            conversation=self._kept,
        )
        return Reply(
            text=self.chat.decode(sampled.ids),
            finish=Finish(sampled.finish),
            token_ids=tuple(sampled.ids),
            logprobs=tuple(sampled.logprobs),
            prompt_tokens=len(prompt),
        )
