"""Packing: documents of mixed length laid end to end in rows of a fixed capacity, with what is learned from them.

Nothing is padded. Attention stays inside each document (see `assay.training.forward`), so a packed row gives
every document the log-probabilities that it has alone.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.errors import UserError
from assay.training.examples import Example


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Place each document in a bin of `capacity` tokens: the longest first, each in the fullest bin that takes it.

    Returns the bins as rising places in `lengths`, in order of their first place; every place occurs once.
    Best-fit decreasing needs at most 11/9 of the fewest bins possible, plus 2/3 (Johnson 1973). Raises UserError
    for a document of no tokens or of more than `capacity`: cut it first, by `pack(..., cut=True)`, or leave it out.
    """
    for place, length in enumerate(lengths):
        if length < 1 or length > capacity:
            raise UserError(
                f"Document {place} has {length} tokens and a packed row holds 1 to {capacity}: "
                "leave it out, cut it, or take longer rows."
            )
    bins: list[list[int]] = []
    open_bins: dict[int, list[int]] = defaultdict(list)  # room left -> numbers of the bins that have it
    rooms: list[int] = []  # the keys of `open_bins`, rising
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        length = int(lengths[place])
        found = bisect.bisect_left(rooms, length)
        if found < len(rooms):
            room = rooms[found]
            number = open_bins[room].pop()
            if not open_bins[room]:
                del open_bins[room]
                rooms.pop(found)
            bins[number].append(place)
        else:
            room, number = capacity, len(bins)
            bins.append([place])
        if room > length:
            if room - length not in open_bins:
                bisect.insort(rooms, room - length)
            open_bins[room - length].append(number)
    return sorted(sorted(places) for places in bins)


def best_fit_stream(
    lengths: Iterable[int], capacity: int, *, buffer: int = 4096, full: float = 0.95
) -> Iterator[list[int]]:
    """Yield bins of `best_fit` over a stream of lengths, with at most `buffer` documents held at a time.

    Bins filled to a share of at least `full` leave at once; the documents of the others wait for the next
    documents, except that the fullest bin always leaves, so that the stream moves on. At its end all leave.
    """
    held: list[tuple[int, int]] = []  # (place, length)
    stream = iter(enumerate(lengths))
    ended = False
    while held or not ended:
        while len(held) < buffer and not ended:
            following = next(stream, None)
            if following is None:
                ended = True
            else:
                held.append((following[0], int(following[1])))
        bins = best_fit([length for _, length in held], capacity)
        filled = [sum(held[i][1] for i in places) for places in bins]
        least = 0 if ended else min(full * capacity, max(filled))
        waiting: list[tuple[int, int]] = []
        for places, tokens in zip(bins, filled, strict=True):
            if tokens >= least:
                yield [held[i][0] for i in places]
            else:
                waiting += [held[i] for i in places]
        held = sorted(waiting)


def waste(bins: Sequence[Sequence[int]], lengths: Sequence[int], capacity: int) -> float:
    """Return the share of the bins' places that no document fills: 0 when all are full."""
    used = sum(int(lengths[place]) for places in bins for place in places)
    return 1.0 - used / (len(bins) * capacity) if bins else 0.0


@dataclass(frozen=True)
class Packed:
    """One row of documents, T ids in all, and the N ids among them that are learned from.

    `places_N` are the positions t whose next id, `targets_N`, is in the loss: the logits at t predict it.
    A document's first id has nothing before it and is never a target. `old_logprobs_N` and `weights_N` are
    there for objectives that need the sampler's log-probabilities, or a weight a token.
    """

    ids_T: Tensor  # long
    positions_T: Tensor  # long, from 0 in each document
    starts: tuple[int, ...]  # where each document begins in ids_T
    members: tuple[int, ...]  # which of the examples given to `pack` each document is
    places_N: Tensor
    targets_N: Tensor
    document_N: Tensor  # which document of this row each target is of, from 0
    old_logprobs_N: Tensor | None = None
    weights_N: Tensor | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each document."""
        ends = (*self.starts[1:], len(self.ids_T))
        return tuple(end - start for start, end in zip(self.starts, ends, strict=True))

    def to(self, device: torch.device | str) -> "Packed":
        """Return the row with its tensors on `device`."""
        moved: Any = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in moved.items():
            if isinstance(value, Tensor):
                moved[name] = value.to(device)
        return Packed(**moved)


def pack_one(examples: Sequence[Example], members: Sequence[int]) -> Packed:
    """Lay the examples named by `members` end to end, in that order."""
    ids = [np.asarray(examples[member].ids, dtype=np.int64) for member in members]
    learn = [np.array(examples[member].in_loss, dtype=np.bool_) for member in members]
    lengths = [len(row) for row in ids]
    starts = np.cumsum([0, *lengths[:-1]])
    for row in learn:
        row[:1] = False
    targets = np.flatnonzero(np.concatenate(learn))
    ids_T = torch.from_numpy(np.concatenate(ids))
    where = torch.from_numpy(targets)
    return Packed(
        ids_T=ids_T,
        positions_T=torch.from_numpy(np.concatenate([np.arange(length) for length in lengths])),
        starts=tuple(starts.tolist()),
        members=tuple(members),
        places_N=where - 1,
        targets_N=ids_T[where],
        document_N=torch.from_numpy(np.searchsorted(starts, targets, side="right") - 1),
    )


def pack(examples: Sequence[Example], capacity: int, *, cut: bool = False) -> list[Packed]:
    """Return the examples in rows of at most `capacity` tokens, each example whole and in exactly one row.

    A longer example raises UserError, or with `cut` loses what lies beyond its first `capacity` tokens.
    """
    if cut:
        examples = [Example(e.ids[:capacity], e.in_loss[:capacity]) for e in examples]
    return [pack_one(examples, members) for members in best_fit([len(e.ids) for e in examples], capacity)]
