"""What a build is told: filters, splits, seed. Together with the sources and the tokenizer it decides every byte."""

import hashlib
import re
from typing import Literal

from pydantic import Field, field_validator

from assay.errors import UserError
from assay.nouns.base import Noun
from assay.training.data.records import Record, asked_and_said

# What leaves a trajectory out, in the order in which it is asked; each is counted for the first that does.
UNVERIFIED, EXIT, FLAGGED, TEST_ONLY = "not verified", "exit status", "audit flag", "test-only edit"
EXACT, NEAR, PER_TASK, LENGTH = "exact duplicate", "near duplicate", "more than k of a task", "length"
DROPS = (UNVERIFIED, EXIT, FLAGGED, TEST_ONLY, EXACT, NEAR, PER_TASK, LENGTH)


class Recipe(Noun):
    """Everything that decides a training set, but for its sources and the chat format.

    `length` is in tokens; what is longer is dropped, or cut at the end of the last turn of the assistant that fits.
    `splits` are shares that add up to 1. `shard_characters` of text make a shard.
    """

    verified: bool = False
    exits: tuple[str, ...] = ()
    unflagged: bool = False
    no_test_only: bool = False
    near: float | None = Field(default=None, ge=0.8, le=1)  # below, candidates are missed: see near.py
    per_task: int | None = Field(default=None, ge=1)
    length: int | None = Field(default=None, ge=1)
    too_long: Literal["drop", "cut"] = "drop"
    splits: dict[str, float] = {"train": 1.0}
    split_by: Literal["task", "repository"] = "task"
    seed: int = 0
    encode_again: bool = False
    thinking: bool = False
    shard_characters: int = Field(default=24 << 20, ge=1)

    @field_validator("splits")
    @classmethod
    def _add_up(cls, splits: dict[str, float]) -> dict[str, float]:
        if not splits or min(splits.values()) < 0 or abs(sum(splits.values()) - 1) > 1e-9:
            raise ValueError("the shares of the splits do not add up to 1")
        return splits

    def refuses(self, record: Record) -> str | None:
        """Return the name of the first filter that leaves the record out, of those that see it alone."""
        if self.verified and record.value != 1.0:
            return UNVERIFIED
        if self.exits and record.exit not in self.exits:
            return EXIT
        if self.unflagged and record.flags:
            return FLAGGED
        if self.no_test_only and record.test_only:
            return TEST_ONLY
        return None

    def split_of(self, group: str) -> str:
        """Return the split of a task, or of a repository: its hash with the seed decides, whatever else is there."""
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed}:{group}".encode()).digest()[:8], "big") / 2**64
        names = list(self.splits)
        for name in names[:-1]:
            drawn -= self.splits[name]
            if drawn < 0:
                return name
        return names[-1]


def read_splits(text: str) -> dict[str, float]:
    """Return shares from `train=0.95,validation=0.05`. Raises UserError."""
    try:
        splits = {name.strip(): float(share) for name, share in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise UserError(f"--splits {text}: give names and shares, train=0.95,validation=0.05 for example") from error
    if not all(re.fullmatch(r"[\w.-]+", name) for name in splits) or len(splits) != text.count(",") + 1:
        raise UserError(f"--splits {text}: give every split one name of letters, digits and underscores")
    if min(splits.values()) < 0 or abs(sum(splits.values()) - 1) > 1e-9:
        raise UserError(f"--splits {text}: the shares add up to {sum(splits.values()):g}: make them add up to 1")
    return splits


def task_of(record: Record) -> str:
    """Return the record's task, or where it names none a name made from what it was asked."""
    if record.task_id:
        return record.task_id
    asked = " ".join(asked_and_said(record.conversation)[0].lower().split())
    return f"asked-{hashlib.sha256(asked.encode('utf-8', 'replace')).hexdigest()[:16]}"


def repository_of(record: Record, task: str) -> str:
    """Return the repository of a record: what it says, else what SWE-bench's way of naming says, else its task."""
    if record.repository:
        return record.repository.replace("/", "__").lower()
    named = re.fullmatch(r"([\w.-]+?__[\w-]+?)(?:-\d+|\.[0-9a-f]{8}\..*)", task)
    return named.group(1).lower() if named else task
