"""Local weights as a Model: the chat format around the decode engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from assay.models.chat import Chat
from assay.models.engine import Conversation, Engine
from assay.models.weights import load_model
from assay.nouns import Finish, Message, Reply


class LocalModel:
    """A transformers causal model with a chat format. One instance serves any number of attempts at once."""

    def __init__(self, name: str, engine: Engine, chat: Chat, *, temperature: float, max_new_tokens: int) -> None:
        self.name = name
        self.engine = engine
        self.chat = chat
        self.temperature = temperature
        self.max_new_tokens = max_new_tokens
        self._kept: Conversation | None = None

    @classmethod
    def load(cls, directory: Path, *, temperature: float, max_new_tokens: int, slots: int = 32) -> "LocalModel":
        """Read a checkpoint directory (safetensors, config and tokenizer.json)."""
        engine = Engine(load_model(directory), slots)
        chat = Chat.load(directory)
        return cls(directory.name, engine, chat, temperature=temperature, max_new_tokens=max_new_tokens)

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
        """Sample the assistant's next turn; its `token_ids` are the very ids sampled, end token included."""
        prompt = self.chat.prompt(conversation)
        sampled = await self.engine.sample(
            prompt,
            most=self.max_new_tokens,
            stops=frozenset({self.chat.end}),
            temperature=self.temperature,
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
