"""The chat format of the small models: messages to token ids and back, the only place that knows it.

A turn is `<|user|>text<|end|>` or `<|assistant|>text<|end|>`; a system message is a user turn. The ids of
an assistant's turn are the ids that were sampled, never a second tokenisation of its text.
"""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from assay.errors import UserError
from assay.models.tokens import Tokens, read_tokenizer, write_tokenizer
from assay.nouns import Message, Role

DOCUMENT, PAD, USER, ASSISTANT, END = "<|doc|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
CHAT_TOKENS = (DOCUMENT, PAD, USER, ASSISTANT, END)


class Chat:
    """A tokenizer together with the chat format."""

    name = "twins"

    def __init__(self, tokenizer: Tokenizer, saved: str | None = None) -> None:
        """Take a tokenizer that holds the chat tokens, and the text of its file where it has one.

        Raises UserError when a chat token is missing.
        """
        self.tokenizer = tokenizer
        self._saved = saved
        ids: dict[str, int] = {t: i for t in CHAT_TOKENS if (i := tokenizer.token_to_id(t)) is not None}
        missing = [token for token in CHAT_TOKENS if token not in ids]
        if missing:
            raise UserError(f"The tokenizer lacks the chat tokens {missing}: train it with `assay pretrain`.")
        self.document, self.pad, self.user, self.assistant, self.end = (ids[token] for token in CHAT_TOKENS)
        self._tokens = Tokens(tokenizer, CHAT_TOKENS)

    @classmethod
    def load(cls, directory: Path) -> "Chat":
        """Read `tokenizer.json` of a checkpoint directory."""
        return cls(*read_tokenizer(directory))

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
        return self._tokens.plain(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text, chat tokens left out."""
        return self._tokens.decode(ids)

    def spell(self, ids: Sequence[int]) -> str:
        """Ids to text, chat tokens spelled out."""
        return self._tokens.spell(ids)

    def render(self, conversation: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Return (ids, in_loss) of a whole conversation, of equal length.

        In the loss are the assistant's sampled ids, its end token among them, and nothing else: not the
        `<|assistant|>` token, which the program writes, nor the end token that the history has after a turn whose
        length was limited.
        """
        ids: list[int] = []
        in_loss: list[bool] = []
        open_turn = False
        for message in conversation:
            if open_turn:
                ids.append(self.end)
                in_loss.append(False)
            if message.role is Role.ASSISTANT:
                body = list(message.token_ids) if message.token_ids is not None else self.turn_ids(message.content)
                turn, learn = [self.assistant, *body], [False] + [True] * len(body)
            else:
                turn = [self.user, *self.encode(message.content), self.end]
                learn = [False] * len(turn)
            ids += turn
            in_loss += learn
            open_turn = turn[-1] != self.end
        return ids, in_loss

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        """Return the ids after which the assistant speaks."""
        ids = self.render(conversation)[0]
        closing = [self.end] if ids and ids[-1] != self.end else []
        return [*ids, *closing, self.assistant]

    def turn_ids(self, text: str) -> list[int]:
        """Return the ids that say `text` and end the turn; for texts that were written, not sampled."""
        return [*self.encode(text), self.end]

    def save(self, directory: Path) -> None:
        """Write `tokenizer.json` into a directory that exists; where it was read from a file, byte for byte."""
        write_tokenizer(directory, self.tokenizer, self._saved)
