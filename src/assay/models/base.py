"""The contract of every model: a conversation and a seed in, a reply out."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from assay.nouns import Message, Reply


class Model(Protocol):
    """Anything that answers. `name` is what the trajectory records."""

    name: str

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Answer the conversation, whose last message is not the assistant's. Equal arguments, equal replies."""
        ...


def for_attempt(model: Model) -> AbstractContextManager[Model]:
    """Return the model as one attempt uses it: one that keeps something between turns (`attempt`) keeps it apart."""
    own: Callable[[], AbstractContextManager[Model]] | None = getattr(model, "attempt", None)
    return nullcontext(model) if own is None else own()
