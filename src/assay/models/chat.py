"""The chat format of the small models: messages to token ids and back, the only place that knows it.

A turn is `<|user|>text<|end|>` or `<|assistant|>text<|end|>`; a system message is a user turn. The ids of
an assistant's turn are the ids that were sampled, never a second tokenisation of its text.
"""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from assay.errors import UserError
from assay.nouns import Message, Role

DOCUMENT, PAD, USER, ASSISTANT, END = "<|doc|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
CHAT_TOKENS = (DOCUMENT, PAD, USER, ASSISTANT, END)


class Chat:
    """A tokenizer together with the chat format."""

    name = "twins"

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a tokenizer that holds the chat tokens; raises UserError when one is missing."""
        self.tokenizer = tokenizer
        ids: dict[str, int] = {t: i for t in CHAT_TOKENS if (i := tokenizer.token_to_id(t)) is not None}
        missing = [token for token in CHAT_TOKENS if token not in ids]
        if missing:
            raise UserError(f"The tokenizer lacks the chat tokens {missing}: train it with `assay pretrain`.")
        self.document, self.pad, self.user, self.assistant, self.end = (ids[token] for token in CHAT_TOKENS)

    @classmethod
    def load(cls, directory: Path) -> "Chat":
        """Read `tokenizer.json` of a checkpoint directory."""
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise UserError(f"There is no tokenizer at {path}: name a checkpoint directory that has one.")
        return cls(Tokenizer.from_file(str(path)))

    @property
    def stops(self) -> frozenset[int]:
        """The ids that end the assistant's turn when sampled."""
        return frozenset({self.end})

    @property
    def vocabulary(self) -> int:
        """Number of ids, chat tokens included."""
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Text to ids. Chat tokens written out in the text stay text: nobody can forge a turn."""
        safe = text
        for token in CHAT_TOKENS:
            safe = safe.replace(token, token.replace("<|", "< |"))
        return self.tokenizer.encode(safe, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text, chat tokens left out."""
        return self.tokenizer.decode([i for i in ids if i not in self._chat_ids], skip_special_tokens=False)

    @property
    def _chat_ids(self) -> set[int]:
        return {self.document, self.pad, self.user, self.assistant, self.end}

    def render(self, conversation: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Return (ids, in_loss) of a whole conversation, of equal length.

        In the loss are the assistant's sampled ids, its end token among them, and nothing else: not the
        `<|assistant|>` token, which the program writes.
        """
        ids: list[int] = []
        in_loss: list[bool] = []
        for message in conversation:
            if message.role is Role.ASSISTANT:
                body = list(message.token_ids) if message.token_ids is not None else self.turn_ids(message.content)
                turn, learn = [self.assistant, *body], [False] + [True] * len(body)
            else:
                turn = [self.user, *self.encode(message.content), self.end]
                learn = [False] * len(turn)
            ids += turn
            in_loss += learn
        return ids, in_loss

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        """Return the ids after which the assistant speaks."""
        return [*self.render(conversation)[0], self.assistant]

    def turn_ids(self, text: str) -> list[int]:
        """Return the ids that say `text` and end the turn; for texts that were written, not sampled."""
        return [*self.encode(text), self.end]

    def save(self, directory: Path) -> None:
        """Write `tokenizer.json`, all that `load` reads, into a directory that exists."""
        self.tokenizer.save(str(directory / "tokenizer.json"))
