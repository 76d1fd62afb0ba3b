"""The card of a training set: what it was made from, what was left out and why, and what was counted in it."""

from typing import Any

from assay.nouns.base import Noun

FORMAT = 1


class SourceCard(Noun):
    """One source: `sha256` is of its contents, `records` how many trajectories it held, kept or not."""

    name: str
    kind: str
    sha256: str
    records: int
    broken: int = 0


class ShardCard(Noun):
    """The files of one shard: how many examples and tokens lie in them, and their hashes."""

    examples: int
    tokens: int
    ids_sha256: str
    mask_sha256: str
    meta_sha256: str


class SplitCard(Noun):
    """What one split holds, counted."""

    examples: int
    tasks: int
    tokens: int
    loss_tokens: int


class DataCard(Noun):
    """What a folder holds. Every count is of what lies on the disk, none is derived from another.

    `distinct` counts different sequences of ids. `sampled_turns` are the assistant's turns whose ids are those that
    were sampled, `written_turns` those that were encoded from text. `dropped` says for each filter how many
    trajectories it left out, `broken` for each kind of fault how many could not be read, and `faults` names the first.
    """

    format: int = FORMAT
    assay: str
    sources: tuple[SourceCard, ...] = ()
    recipe: dict[str, Any] = {}
    read: int = 0
    broken: dict[str, int] = {}
    faults: tuple[str, ...] = ()
    dropped: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    tokenizer_sha256: str = ""
    format_sha256: str = ""
    vocabulary: int = 0
    examples: int
    distinct: int
    tasks: int
    tokens: int
    loss_tokens: int
    longest: int
    sampled_turns: int = 0
    written_turns: int = 0
    splits: dict[str, SplitCard]
    shards: tuple[ShardCard, ...]
    index_sha256: str
