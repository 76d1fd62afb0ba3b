"""A record as token ids with their mask: sampled ids where they are this tokenizer's, else ids encoded once."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.errors import MachineryError, UserError
from assay.models.formats import ChatFormat, load_format
from assay.nouns import Finish, Message, Reply, Role
from assay.nouns.base import sha256_file
from assay.training.data.recipe import Recipe
from assay.training.data.records import Fault, Record
from assay.training.examples import Example, check_mask, says, turn_of

MISMATCH, REFUSED, MASK = "ids of another tokenizer", "refused by the chat format", "text that does not come back"
_THOUGHT = "</think>"


@dataclass(frozen=True)
class OpenFormat:
    """A chat format with the hashes by which a training set says what it was tokenised with."""

    format: ChatFormat
    tokenizer_sha256: str
    format_sha256: str


@dataclass(frozen=True)
class Tokenised:
    """One example with what was counted of it: turns whose ids were sampled, turns that were encoded."""

    ids: np.ndarray
    in_loss: np.ndarray
    sampled: int
    written: int
    cut: bool


def open_format(directory: Path, template: Path | None = None) -> OpenFormat:
    """Open the tokenizer and chat template of a model's directory. Raises UserError."""
    format = load_format(directory, template)
    with tempfile.TemporaryDirectory() as place:
        format.save(Path(place))
        saved = Path(place) / "tokenizer.json"
        kept = directory / "tokenizer.json"
        tokenizer = sha256_file(kept if kept.is_file() else saved)
        written = Path(place) / "chat_template.jinja"
        layout = written.read_text(encoding="utf-8") if written.is_file() else ""
    told = f"{type(format).__name__}\n{sorted(format.stops)}\n{format.pad}\n{layout}"
    return OpenFormat(format, tokenizer, hashlib.sha256(f"{tokenizer}\n{told}".encode()).hexdigest())


def tokenised(record: Record, chat: OpenFormat, recipe: Recipe, where: str) -> Tokenised | None:
    """Return the record as an example whose mask was checked, or None where it is longer than the recipe allows.

    Cut where the recipe says so, it ends with the last turn of the assistant that fits as a whole. Raises Fault,
    naming `where`, for a trajectory that cannot be used.
    """
    conversation = _resolved(record, chat, recipe, where)
    try:
        ids, in_loss = chat.format.render(conversation)
    except UserError as error:
        raise Fault(REFUSED, f"{where}: {error}") from error
    ids_N, mask_N = np.array(ids, dtype=np.uint32), np.array(in_loss, dtype=np.bool_)
    cut = False
    if recipe.length is not None and len(ids_N) > recipe.length:
        if recipe.too_long == "drop":
            return None
        ends = np.flatnonzero(mask_N & ~np.append(mask_N[1:], False)) + 1
        spoken = [place for place, each in enumerate(conversation) if each.role is Role.ASSISTANT]
        fitting = int((ends <= recipe.length).sum())
        if fitting == 0 or len(ends) != len(spoken):
            return None
        conversation = conversation[: spoken[fitting - 1] + 1]
        ids_N, mask_N, cut = ids_N[: ends[fitting - 1]], mask_N[: ends[fitting - 1]], True
    try:
        check_mask(Example(tuple(ids_N.tolist()), tuple(mask_N.tolist())), conversation, chat.format)
    except MachineryError as error:
        raise Fault(MASK, f"{where}: {error}: leave it out, or train with another tokenizer") from error
    turns = [message for message in conversation if message.role is Role.ASSISTANT]
    sampled = sum(message.token_ids is not None for message in turns)
    return Tokenised(ids_N, mask_N, sampled, len(turns) - sampled, cut)


def _resolved(record: Record, chat: OpenFormat, recipe: Recipe, where: str) -> list[Message]:
    """Return the conversation with the sampled ids that are to be kept, and none where the text is to be encoded."""
    if recipe.encode_again or (record.tokenizer and record.tokenizer != chat.tokenizer_sha256):
        return [_without_ids(message) for message in record.conversation]
    known = record.tokenizer == chat.tokenizer_sha256
    return [
        message if message.token_ids is None else _sampled(message, chat.format, known and record.loose, where)
        for message in record.conversation
    ]


def _without_ids(message: Message) -> Message:
    if message.token_ids is None:
        return message
    return turn_of(Reply(text=message.content, finish=Finish.STOP, calls=message.calls))


def _sampled(message: Message, format: ChatFormat, believed: bool, where: str) -> Message:
    """Return the message with the text that its ids say. Raises Fault where they cannot be of this tokenizer."""
    ids = message.token_ids or ()
    if ids and min(ids) >= 0 and max(ids) < format.vocabulary:
        said = format.decode(ids)
        if believed or says(said, message) or _same_after_thought(said, message.content):
            return Message(role=message.role, content=said, token_ids=ids)
    raise Fault(
        MISMATCH,
        f"{where}: the ids of a turn do not say its text, so another tokenizer sampled them: name that model, "
        "or learn from the text with --encode-again",
    )


def _same_after_thought(said: str, told: str) -> bool:
    """Whether two turns differ in nothing but the thinking, which an endpoint gives apart."""
    return _THOUGHT in said and said.rpartition(_THOUGHT)[2].strip() == told.rpartition(_THOUGHT)[2].strip()
