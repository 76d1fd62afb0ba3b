"""The chat format of any Hugging Face tokenizer with a chat template: its pieces around the ids that were sampled.

What the template does is found by rendering it, never by knowing its name: whether it takes a system message and
messages of one role in a row, what it writes after an assistant's text (the first special token there ends a turn)
and what it writes to ask for one (its generation prompt). A conversation is then laid out turn by turn, each piece
as the template writes it for the conversation up to the next assistant's turn.

Limits. Thinking is a part of the turn and stays in the history as it was sampled, also where the template would
strip it from earlier turns, as Qwen 3's does. Where the template takes no system message, or not first, its text
stands at the head of the first user's; where roles must alternate, messages of one role in a row become one. Where
it trims the texts of a role, so does this, but never the assistant's.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from assay.errors import MachineryError, UserError
from assay.models.formats.scaffold import Scaffold, TemplateRefusal, shown
from assay.models.tokens import Part, Tokens, write_tokenizer
from assay.nouns import Message, Role

TEMPLATE_FILE = "chat_template.jinja"
CONFIG_FILE = "tokenizer_config.json"
STOPS = "assay_stop_ids"  # a key of ours in the configuration, for directories without the model's own (adapters)
_THOUGHT = re.compile(r"\s*(<think>\s*</think>\s*)?")  # what may stand before the text in a history, besides
SYSTEM, USER, ASSISTANT = Role.SYSTEM, Role.USER, Role.ASSISTANT


class TemplateFormat:
    """A tokenizer with a Jinja chat template.

    `also_stops` are ids besides the template's that end a turn, `saved` the text of the tokenizer's file.
    """

    def __init__(
        self,
        name: str,
        tokenizer: Tokenizer,
        template: str,
        config: Mapping[str, Any],
        also_stops: Iterable[int] = (),
        saved: str | None = None,
    ) -> None:
        """Find out what the template does; raises UserError where it does not do for training."""
        self.name = name
        self._saved = saved
        self.config = {key: value for key, value in config.items() if key != "chat_template"}
        variables = {key: _content(value) for key, value in self.config.items() if key.endswith("_token")}
        self._scaffold = Scaffold(template, {key: value for key, value in variables.items() if value}, name)
        self._check_generation_prompt()
        self.tokens, self.end_token = self._with_control(Tokens(tokenizer))
        self.end = self.tokens.control[self.end_token]
        special = frozenset(self.tokens.control.values())
        named = (self.tokens.control.get(token) for token in (variables.get("eos_token", ""), self._last_end()))
        self.stops = frozenset({self.end, *(n for n in (*also_stops, *named) if n is not None and n in special)})
        self.vocabulary = self.tokens.vocabulary
        pad = self.tokens.added.get(variables.get("pad_token", ""))
        self.pad = self.end if pad is None else pad
        self._first = self.tokens.added.get(variables.get("bos_token", ""))
        self._takes_system = self._scaffold.renders(SYSTEM, USER) and self._scaffold.renders(
            SYSTEM, USER, ASSISTANT, USER
        )
        self._trimmed = {role for role, *more in ((USER,), (SYSTEM, USER)) if self._scaffold.trims(role, *more)}
        self._takes_repeats = self._scaffold.renders(USER, USER)

    @property
    def template(self) -> str:
        """The Jinja text."""
        return self._scaffold.template

    def encode(self, text: str) -> list[int]:
        """Text to ids. Special tokens written out in the text stay text: nobody can forge a turn."""
        return self.tokens.plain(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text, special ids left out."""
        return self.tokens.decode(ids)

    def spell(self, ids: Sequence[int]) -> str:
        """Ids to text, special ids spelled out."""
        return self.tokens.spell(ids)

    def turn_ids(self, text: str) -> list[int]:
        """Return the ids that say `text` and end the turn; for turns that were written, not sampled."""
        return [*self.tokens.plain(text), self.end]

    def prompt(self, conversation: Sequence[Message]) -> list[int]:
        """Return the ids after which the assistant speaks."""
        return self._laid_out(conversation, asks=True)[0]

    def render(self, conversation: Sequence[Message]) -> tuple[list[int], list[bool]]:
        """Return (ids, in_loss) of a whole conversation, of equal length.

        In the loss are the assistant's turns: the sampled ids where it has them, else `turn_ids`. After a turn that
        ended without the end token, its length being limited, the history has one that is not in the loss. Nothing
        follows the last message if that is the assistant's.
        """
        return self._laid_out(conversation, asks=False)

    def save(self, directory: Path) -> None:
        """Write the tokenizer as it was read, its configuration and the template into a directory that exists."""
        write_tokenizer(directory, self.tokens.tokenizer, self._saved)
        (directory / TEMPLATE_FILE).write_text(self.template)
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **self.config, STOPS: sorted(self.stops)}
        (directory / CONFIG_FILE).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")

    def _laid_out(self, conversation: Sequence[Message], *, asks: bool) -> tuple[list[int], list[bool]]:
        messages = self._fitted(conversation)
        ids: list[int] = []
        in_loss: list[bool] = []
        start, ended = 0, True  # the first message after the last assistant's turn, and whether that has its end token
        for place, message in enumerate(messages):
            if message.role is not ASSISTANT:
                continue
            before = self._segment(messages[:place], start, ended, asks=True)
            turn = list(message.token_ids) if message.token_ids is not None else self.turn_ids(message.content)
            ids += [*before, *turn]
            in_loss += [False] * len(before) + [True] * len(turn)
            start, ended = place + 1, bool(turn) and turn[-1] == self.end
        if asks or start < len(messages) or not messages:
            after = self._segment(messages, start, ended, asks=asks)
            ids += after
            in_loss += [False] * len(after)
        return ids, in_loss

    def _segment(self, messages: Sequence[Message], start: int, ended: bool, *, asks: bool) -> list[int]:
        """Return the ids after the assistant's turn before `start`, up to where the next one begins if `asks`.

        The end token stands at their head where that turn has none.
        """
        roles = tuple(message.role for message in messages)
        pieces = self._scaffold.pieces(roles, asks=False)
        request = ""
        if asks:
            asking = self._scaffold.pieces(roles, asks=True)
            if asking[:-1] != pieces[:-1] or not asking[-1].startswith(pieces[-1]):
                raise UserError(
                    f"the chat template of {self.name} writes another history when it asks for a turn: "
                    "give another with --template"
                )
            request = asking[-1][len(pieces[-1]) :]
        head = pieces[start]
        if start:  # the end token is read with what follows it, as the tokenizer would, and dropped if it is there
            head = head.lstrip()
            head = head if head.startswith(self.end_token) else self.end_token + pieces[start]
        parts: list[Part] = [(head, True)]
        for message, piece in zip(messages[start:], pieces[start + 1 :], strict=True):
            parts += [(message.content, False), (piece, True)]
        if self.tokens.starts_with_control(request):
            parts.append((request, True))
            request = ""
        ids = self.tokens.mixed(parts)
        if start == 0 and self._first is not None and ids[:2] == [self._first] * 2:
            del ids[0]  # the template writes the token itself and its text
        if start and ids[:1] != [self.end]:
            raise MachineryError(f"the end token of {self.name} was lost between two turns")
        if start and ended:
            del ids[0]
        if request:  # apart, so that a history is the beginning of the prompt that it becomes
            ids += self.tokens.mixed([(self.end_token + request, True)])[1:]
        return ids

    def _fitted(self, conversation: Sequence[Message]) -> list[Message]:
        """Return the conversation as the template takes it: see the limits at the head of this module."""
        fitted: list[Message] = []
        carried = ""
        for place, message in enumerate(conversation):
            role, content = message.role, message.content
            if role is SYSTEM and place == 0 and not self._takes_system and len(conversation) > 1:
                carried = content
                continue
            if role is SYSTEM and (place > 0 or not self._takes_system):
                role = USER
            if role is USER and carried:
                content, carried = f"{carried}\n\n{content}", ""
            if role is USER and fitted and fitted[-1].role is USER and not self._takes_repeats:
                content = f"{fitted.pop().content}\n\n{content}"
            content = content.strip() if role in self._trimmed else content
            same = role is message.role and content == message.content
            fitted.append(message if same else Message(role=role, content=content))
        return fitted

    def _check_generation_prompt(self) -> None:
        """Raise UserError unless asking for a turn writes what stands before an assistant's text."""
        asked = self._scaffold.pieces((USER,), asks=True)[1]
        opened = self._scaffold.pieces((USER, ASSISTANT, USER), asks=False)[1]
        missing = opened.removeprefix(asked)
        if not (asked.startswith(opened) or (opened.startswith(asked) and _THOUGHT.fullmatch(missing))):
            raise UserError(
                f"the chat template of {self.name} has no generation prompt: asked for one it ends with "
                f"'{shown(asked)}' and an assistant's turn begins with '{shown(opened)}', so write the marker of "
                "that turn within {% if add_generation_prompt %} at the end of the template"
            )

    def _with_control(self, tokens: Tokens) -> tuple[Tokens, str]:
        """Return the tokens with all that mark turns among the control tokens, and the text of the end token."""
        pieces = self._scaffold.pieces((USER, ASSISTANT, USER), asks=False)
        after = pieces[2].lstrip()
        ends = [token for token in tokens.added if after.startswith(token)]
        if not ends:
            raise UserError(
                f"the chat template of {self.name} has no end token: after an assistant's text it writes "
                f"'{shown(after)}', which begins with no special token of the tokenizer, so that no turn would end"
            )
        written = "".join(pieces)
        marks = {token for token in tokens.added if token in written} - set(tokens.control)
        return (Tokens(tokens.tokenizer, marks) if marks else tokens), max(ends, key=len)

    def _last_end(self) -> str:
        """Return the special token after the last assistant's text, which may be another one; "" without any."""
        try:
            after = self._scaffold.pieces((USER, ASSISTANT), asks=False)[2].lstrip()
        except TemplateRefusal:
            return ""
        return max((token for token in self.tokens.control if after.startswith(token)), key=len, default="")


def _content(value: Any) -> str:
    """Return the text of a special token, which a configuration gives as a text or as an object."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""
