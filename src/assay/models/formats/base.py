"""What every chat format does: render a conversation as ids with the mask, ask for a turn, read one back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from assay.nouns import Message


class ChatFormat(Protocol):
    """A tokenizer together with the way its model writes turns.

    Two laws. Mask law: the ids that `render` puts in the loss are the assistant's turns, each with the end token
    that was sampled or, for a written turn, `turn_ids`. Prefix law: what `prompt` gives, followed by the ids of the
    turn, is what `render` gives for the conversation with that turn, and a prefix of every longer conversation; so
    turns stand in the history as they were sampled, thinking included, and training sees the ids that were read.
    """

    @property
    def name(self) -> str:
        """A word for messages and records."""
        ...

    @property
    def pad(self) -> int:
        """An id that fills up rows and is never attended to."""
        ...

    @property
    def stops(self) -> frozenset[int]:
        """The ids that end the assistant's turn when sampled."""
        ...

    @property
    def vocabulary(self) -> int:
        """Number of ids: the embedding needs at least as many rows."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. Special tokens written out in it stay text: nobody can forge a turn."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special ids left out."""
        ...

    def spell(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special ids spelled out; for people to read."""
        ...

    def render(self, conversation: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Return (ids, in_loss) of a whole conversation, of equal length."""
        ...

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        """Return the ids after which the assistant speaks."""
        ...

    def turn_ids(self, text: str) -> list[int]:
        """Return the ids that say `text` and end the turn; for turns that were written, not sampled."""
        ...

    def save(self, directory: Path) -> None:
        """Write the tokenizer, and the template where there is one, into a checkpoint directory."""
        ...
