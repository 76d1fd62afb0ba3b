"""The contract of every model: a conversation and a seed in, a reply out."""

from collections.abc import Sequence
from typing import Protocol

from assay.nouns import Message, Reply


class Model(Protocol):
    """Anything that answers. `name` is what the trajectory records."""

    name: str

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Answer the conversation, whose last message is not the assistant's. Equal arguments, equal replies."""
        ...
