"""A model that says what a script tells it to, turn by turn: for tests, benchmarks and trying a task by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

from assay.errors import UserError
from assay.nouns import Finish, Message, Reply, Role


class ScriptedModel:
    """Says `texts[n]` in turn n of every conversation. Asked beyond the last, it has no room left (Finish.CONTEXT)."""

    def __init__(self, texts: Sequence[str], name: str = "scripted") -> None:
        self.texts = tuple(texts)
        self.name = name

    @classmethod
    def load(cls, path: Path) -> "ScriptedModel":
        """Read a JSON list of texts. Raises UserError when the file holds none."""
        try:
            texts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read as a script ({error}): name a JSON list of texts") from error
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UserError(f"{path} is no script: it must hold a JSON list of texts")
        return cls(texts, path.stem)

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Say the next text."""
        turn = sum(message.role is Role.ASSISTANT for message in conversation)
        if turn >= len(self.texts):
            return Reply(text="", finish=Finish.CONTEXT)
        return Reply(text=self.texts[turn], finish=Finish.STOP)
