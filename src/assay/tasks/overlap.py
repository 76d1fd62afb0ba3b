"""Overlap between splits: equal texts by hash, and shared word n-grams. Pure functions."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median

from assay.nouns import Task
from assay.nouns.base import Noun

_WORD = re.compile(r"[A-Za-z_]\w*|\d+|[^\w\s]")


class PairOverlap(Noun):
    """How many tasks of `first` have a text that is also in `second`, and the n-grams `second` shares.

    Shares are per task of `second`: the part, from 0 to 1, of its n-grams that occur anywhere in `first`.
    """

    first: str
    second: str
    first_tasks: int
    second_tasks: int
    equal_texts: int
    equal_modules: int
    median_share: float
    max_share: float
    worst: tuple[tuple[str, float], ...]  # (task id, share), the largest first


class OverlapReport(Noun):
    """What the splits have in common. `repeated` counts, per split, the texts that it holds more than once."""

    n: int
    pairs: tuple[PairOverlap, ...]
    repeated: dict[str, int]

    @property
    def clean(self) -> bool:
        """Whether no text stands twice, within a split or between two."""
        return not any(self.repeated.values()) and not any(pair.equal_texts for pair in self.pairs)


def words(task: Task) -> list[str]:
    """Return the words and signs of what a model reads: the instruction and the module to mend."""
    return [*_WORD.findall(task.instruction), *_module_words(task)]


def fingerprint(task: Task) -> str:
    """Return the SHA-256 of what a model reads, spaces and case aside."""
    return _hash(words(task))


def overlap(splits: Mapping[str, Sequence[Task]], n: int = 8, worst: int = 5) -> OverlapReport:
    """Compare every two splits, in the order given; the first of `splits` should be the training split.

    `n` is the number of words in a gram (1 or more), `worst` how many of the most overlapping ids to name.
    """
    texts = {name: [fingerprint(task) for task in tasks] for name, tasks in splits.items()}
    modules = {name: [_hash(_module_words(task)) for task in tasks] for name, tasks in splits.items()}
    grams = {name: [_grams(words(task), n) for task in tasks] for name, tasks in splits.items()}
    return OverlapReport(
        n=n,
        pairs=tuple(
            _compare(first, second, splits[second], texts, modules, grams, worst)
            for first, second in combinations(splits, 2)
        ),
        repeated={name: sum(count - 1 for count in Counter(found).values()) for name, found in texts.items()},
    )


def _compare(
    first: str,
    second: str,
    tasks: Sequence[Task],
    texts: Mapping[str, list[str]],
    modules: Mapping[str, list[str]],
    grams: Mapping[str, list[set[tuple[str, ...]]]],
    worst: int,
) -> PairOverlap:
    known: set[tuple[str, ...]] = set().union(*grams[first])
    shares = [len(own & known) / len(own) if own else 0.0 for own in grams[second]]
    ranked = sorted(zip((task.id for task in tasks), shares, strict=True), key=lambda item: (-item[1], item[0]))
    return PairOverlap(
        first=first,
        second=second,
        first_tasks=len(texts[first]),
        second_tasks=len(texts[second]),
        equal_texts=len(set(texts[first]) & set(texts[second])),
        equal_modules=len(set(modules[first]) & set(modules[second])),
        median_share=median(shares) if shares else 0.0,
        max_share=max(shares, default=0.0),
        worst=tuple(ranked[:worst]),
    )


def _module_words(task: Task) -> list[str]:
    return [word for path in task.outputs for word in _WORD.findall(task.files.get(path, ""))]


def _grams(found: list[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(found[start : start + n]) for start in range(len(found) - n + 1)}


def _hash(found: list[str]) -> str:
    return hashlib.sha256("\0".join(found).lower().encode()).hexdigest()
