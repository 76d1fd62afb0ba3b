"""The order in which a training set is read: shuffled anew for every pass by the seed, cut into steps by tokens.

The plan is a pure function of the lengths, the seed and the configuration, so that the number of a step says
where in the data it begins and nothing else needs to be kept to go on.
"""

import random
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from assay.errors import UserError
from assay.training.config import TrainConfig
from assay.training.examples import Example
from assay.training.packing import Packed, pack


class Source(Protocol):
    """What is read from: `assay.training.data.Dataset`, or anything that has as much of it."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, int64 (N,)."""
        ...

    def example(self, place: int) -> Example:
        """Return one example."""
        ...

    def meta(self, place: int) -> dict[str, Any]:
        """Return what is known of one example, `task_id` among it."""
        ...


def reading_order(places: Sequence[int] | np.ndarray, passes: int, seed: int) -> np.ndarray:
    """Return `places` read `passes` times, each pass in another order that `seed` decides: int64 (passes * N,)."""
    order: list[int] = []
    for number in range(passes):
        once = [int(place) for place in places]
        random.Random(f"{seed}:{number}").shuffle(once)
        order += once
    return np.array(order, dtype=np.int64)


def cut(lengths: np.ndarray, most: int, steps: int = 0) -> list[int]:
    """Return where the steps of at most `most` tokens begin in `lengths`, and the end of the last.

    Every step has at least one example. `steps` above 0 is how many to make, at most.
    """
    ends = np.cumsum(lengths)
    bounds = [0]
    while bounds[-1] < len(lengths) and (steps == 0 or len(bounds) <= steps):
        start = bounds[-1]
        before = int(ends[start - 1]) if start else 0
        bounds.append(max(start + 1, int(np.searchsorted(ends, before + most, side="right"))))
    return bounds


class Stream:
    """The steps of a run over the examples `places` of a source."""

    def __init__(self, source: Source, places: np.ndarray, config: TrainConfig) -> None:
        """Plan the run: `config.steps` steps, or where it is 0 as many as `config.epochs` passes give."""
        if not len(places):
            raise UserError("The training set has no example to train on: build it with looser filters.")
        self.source, self.config = source, config
        tokens = int(source.lengths[places].sum())
        passes = config.epochs if config.steps == 0 else 1 + config.steps * config.batch_tokens // tokens
        longest = int(source.lengths[places].max())
        if config.steps and longest > config.batch_tokens:  # steps of one long example read faster than they count
            passes = 1 + config.steps * max(longest, config.batch_tokens) // tokens
        self.order = reading_order(places, passes, config.seed)
        self.bounds = cut(source.lengths[self.order], config.batch_tokens, config.steps)
        self.distinct = len(places)

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        return len(self.bounds) - 1

    def places(self, step: int) -> np.ndarray:
        """Return which examples a step reads; `step` counts from 0."""
        return self.order[self.bounds[step] : self.bounds[step + 1]]

    def rows(self, step: int) -> tuple[list[Packed], list[str]]:
        """Return the packed rows of a step, and a row each what data it holds."""
        return packed(self.source, self.places(step), self.config.pack_tokens)


def packed(source: Source, places: Sequence[int] | np.ndarray, capacity: int) -> tuple[list[Packed], list[str]]:
    """Read examples and pack them; rows are longer than `capacity` only where one example is."""
    examples = [source.example(int(place)) for place in places]
    rows = pack(examples, max(capacity, max(len(example.ids) for example in examples)))
    names = ["examples " + ", ".join(str(int(places[member])) for member in row.members) for row in rows]
    return rows, names


def held_out_rows(source: Source, places: np.ndarray, most: int, capacity: int) -> list[Packed]:
    """Return the first examples of `places`, at most `most` tokens but at least one example, packed."""
    if not len(places):
        return []
    count = max(1, int(np.searchsorted(np.cumsum(source.lengths[places]), most, side="right")))
    return packed(source, places[:count], capacity)[0]
