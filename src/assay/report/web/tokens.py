"""The ids a model sampled, as text shaded by their log-probability, and the conversation with what is trained on.

By the mask law what is trained on are the assistant's sampled ids with their end token. Their texts need the run's
tokenizer; without it the shades and numbers stand alone.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from assay.errors import AssayError
from assay.nouns import Reply, Trajectory
from assay.report import words
from assay.report.web.text import block, line

SHADES = 8
_MOST_TOKENS = 4_000
_STEEP = 0.75  # nats a shade: the last one is for what had a chance below one in 190


@dataclass(frozen=True)
class Token:
    """One sampled id: its text ("" where no tokenizer is known), its shade from 0 (sure) and a title."""

    text: Markup
    shade: int | None
    title: str


@dataclass(frozen=True)
class Sampled:
    """The tokens of one reply; `more` are not shown. `mean` is the mean log-probability in nats, where known."""

    tokens: tuple[Token, ...]
    count: int
    more: int
    mean: float | None
    spelled: bool

    @property
    def likelihood(self) -> str:
        """The mean log-probability in words."""
        if self.mean is None:
            return ""
        return f"mean log-probability {words.MINUS if self.mean < -0.005 else ''}{abs(self.mean):.2f} nats a token"


@dataclass(frozen=True)
class Masked:
    """The conversation as the model reads it: (text, trained on) in turn, and how many ids there are of each."""

    parts: tuple[tuple[Markup, bool], ...]
    ids: int
    in_loss: int
    cut: str


def sampled(reply: Reply, tokenizer: Path | None, most: int = _MOST_TOKENS) -> Sampled | None:
    """Return the first `most` tokens of a reply, or None where its ids were not kept."""
    ids = reply.token_ids
    if not ids:
        return None
    shown = ids[: min(most, _MOST_TOKENS)]
    given = reply.logprobs
    logprobs: Sequence[float | None] = given if given is not None and len(given) == len(ids) else [None] * len(ids)
    texts = _texts(tokenizer, shown) if tokenizer else None
    spelled: list[str | None] = list(texts) if texts is not None else [None] * len(shown)
    tokens = tuple(
        Token(_text(text) if text is not None else Markup(""), _shade(chance), _title(number, chance))
        for number, chance, text in zip(shown, logprobs, spelled, strict=False)
    )
    known = [chance for chance in logprobs if chance is not None and math.isfinite(chance)]
    return Sampled(
        tokens, len(ids), len(ids) - len(shown), sum(known) / len(known) if known else None, texts is not None
    )


def masked(trajectory: Trajectory, tokenizer: Path | None) -> Masked | None:
    """Return the whole conversation with what of it is trained on, or None where no tokenizer can say."""
    if tokenizer is None or not trajectory.steps:
        return None
    from assay.training.examples import conversation_of

    try:
        chat = _format(tokenizer)
        ids, in_loss = chat.render(conversation_of(trajectory))
    except (AssayError, ValueError):
        return None
    parts: list[tuple[Markup, bool]] = []
    start = used = 0
    for place in range(1, len(ids) + 1):
        if place < len(ids) and in_loss[place] == in_loss[start]:
            continue
        text = block(chat.spell(ids[start:place]), most=8_000)
        parts.append((text.html, bool(in_loss[start])))
        start = place
        used += min(text.characters, 8_000)
        if used > 60_000:
            break
    cut = "" if start >= len(ids) else f"{len(ids) - start:,} ids more are not shown"
    return Masked(tuple(parts), len(ids), sum(map(bool, in_loss)), cut)


@functools.lru_cache(maxsize=16)
def _format(folder: Path) -> Any:
    from assay.models.formats.load import load_format

    return load_format(folder)


@functools.lru_cache(maxsize=16)
def _tokenizer(folder: Path) -> Any:
    from assay.models.tokens import read_tokenizer

    return read_tokenizer(folder)[0]


def _texts(folder: Path, ids: Sequence[int]) -> list[str] | None:
    """Return the text that each id adds; a letter of several ids stands at its last."""
    try:
        from tokenizers.decoders import DecodeStream

        tokenizer = _tokenizer(folder)
        stream = DecodeStream(skip_special_tokens=False)
        return [stream.step(tokenizer, number) or "" for number in ids]
    except Exception:  # the library raises nothing narrower, for ids that are not its own too
        return None


def _text(text: str) -> Markup:
    """Return a token's text; a line feed is shown and obeyed."""
    return Markup("⏎\n").join(line(part, 200) for part in text.split("\n")) or Markup("∅")


def _shade(chance: float | None) -> int | None:
    if chance is None or not math.isfinite(chance):
        return None
    return max(0, min(SHADES - 1, math.floor(-chance / _STEEP + 0.5)))


def _title(number: int, chance: float | None) -> str:
    if chance is None or not math.isfinite(chance):
        return f"id {number}"
    return f"id {number}, probability {math.exp(min(0.0, chance)):.3g}, {chance:.2f} nats".replace("-", "−")
