"""Attention of one forward pass of the engine over its cache: a piece of a prompt, or one id of each active row.

What a row gets never depends on its neighbours: a product over rows gives each row the same bits whatever the
number of rows is, and rows are padded to a common length only where a measurement shows that this changes no bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from assay.models.engine_cache import UNIT, Cache, Row, Shape, Shelf

_NONE = float("-inf")
_GAP = 1 << 20  # bytes of keys and values that are read in about the time that an operation takes to begin


class Memory(Protocol):
    """What a forward pass knows of the cache. N are the ids of the pass, H query heads, K key heads, D their width."""

    one_each: bool  # the ids belong to different rows, rather than following each other in one

    def attend(
        self, layer: int, q_NHD: Tensor, kv_NKD: Tensor, scale: float, window: int | None = None, cap: float = 0.0
    ) -> Tensor:
        """Write the new keys (the first half of `kv_NKD`'s heads) and values, and return what is read, (N, H, D)."""
        ...


def weigh(q_BQD: Tensor, keys_BDL: Tensor, values_BLD: Tensor, mask: Tensor, scale: float, cap: float) -> Tensor:
    """Softmax attention of B independent products; `mask` (B, Q or 1, L) is added to the scores."""
    if cap:
        scores = torch.tanh(torch.bmm(q_BQD, keys_BDL) * (scale / cap)) * cap + mask
    else:
        scores = torch.baddbmm(mask, q_BQD, keys_BDL, alpha=scale)
    return torch.bmm(torch.softmax(scores, -1), values_BLD)


class Reading:
    """A pass that reads ids of one row's prompt, from `start` to `stop`."""

    one_each = False

    def __init__(self, row: Row, start: int, stop: int) -> None:
        self._row, self._start, self._stop = row, start, stop
        store = row.shelf.part(row.place, 0, stop)
        self._layers = store.unbind(0)
        self._masks: dict[int | None, Tensor] = {}

    def _mask(self, window: int | None, groups: int, like: Tensor) -> Tensor:
        if window not in self._masks:
            own = torch.arange(self._start, self._stop, device=like.device)[:, None]
            seen = torch.arange(self._stop, device=like.device)[None]
            hidden = seen > own if window is None else (seen > own) | (seen <= own - window)
            mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(hidden, _NONE)
            self._masks[window] = mask.repeat(groups, 1)[None]
        return self._masks[window]

    def attend(
        self, layer: int, q_NHD: Tensor, kv_NKD: Tensor, scale: float, window: int | None = None, cap: float = 0.0
    ) -> Tensor:
        """See Memory."""
        ids, every, width = q_NHD.shape
        heads = self._row.shelf.heads
        here = self._layers[layer]
        here[:, :, self._start :] = kv_NKD.view(ids, 2, heads, width).permute(1, 2, 0, 3)
        q = q_NHD.view(ids, heads, -1, width).permute(1, 2, 0, 3).reshape(heads, -1, width)
        mask = self._mask(window, every // heads, q)
        read = weigh(q, here[0].transpose(1, 2), here[1], mask, scale, cap)
        return read.view(heads, -1, ids, width).permute(2, 0, 1, 3).reshape(ids, every, width)


@dataclass
class _Group:
    """Active rows of one shelf that are padded to one length; `first` to `last` are the shelf's rows it spans."""

    shelf: Shelf
    begin: int  # where its rows begin in the pass
    places: list[int]
    positions: Tensor
    lengths: int
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    at: Tensor  # where the new keys and values are written, in a layer of `shelf.flat`
    spread: Tensor | None  # row of the group for each row it spans, where some of those are at rest
    gather: Tensor | None
    masks: dict[int | None, Tensor]

    @classmethod
    def of(cls, shelf: Shelf, begin: int, places: list[int], positions: list[int], length: int) -> "_Group":
        device, heads = shelf.store.device, shelf.heads
        first, last = places[0], places[-1] + 1
        span = shelf.store[:, :, first * heads : last * heads, :length]
        where = torch.tensor(positions, device=device)
        spread = gather = None
        if len(places) < last - first:
            gather = torch.tensor([place - first for place in places], device=device)
            spread = torch.zeros(last - first, dtype=torch.long, device=device)
            spread[gather] = torch.arange(len(places), device=device)
        return cls(
            shelf,
            begin,
            places,
            where,
            length,
            span[:, 0].transpose(2, 3).unbind(0),
            span[:, 1].unbind(0),
            (shelf.starts[torch.tensor(places, device=device)] + where[:, None]).view(-1),
            spread,
            gather,
            {},
        )

    def mask(self, window: int | None, like: Tensor) -> Tensor:
        """Minus infinity where a row has nothing yet, or nothing any more within the window."""
        if window not in self.masks:
            own = self.positions if self.spread is None else self.positions[self.spread]
            seen = torch.arange(self.lengths, device=like.device)[None]
            hidden = seen > own[:, None] if window is None else (seen > own[:, None]) | (seen <= own[:, None] - window)
            mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(hidden, _NONE)
            self.masks[window] = mask.repeat_interleave(self.shelf.heads, 0)[:, None]
        return self.masks[window]

    def advance(self) -> None:
        """Every row has one id more."""
        self.positions.add_(1)
        self.at.add_(1)
        own = self.positions if self.spread is None else self.positions[self.spread]
        for window, mask in list(self.masks.items()):
            if window is None:
                rows = mask.view(len(own), self.shelf.heads, -1)
                rows[torch.arange(len(own), device=own.device), :, own] = 0.0
            else:
                del self.masks[window]

    def attend(self, layer: int, q_NHD: Tensor, kv_NKD: Tensor, scale: float, window: int | None, cap: float) -> Tensor:
        width = q_NHD.shape[-1]
        self.shelf.flat[layer].index_copy_(0, self.at, kv_NKD.view(-1, width))
        q = q_NHD if self.spread is None else q_NHD[self.spread]
        q = q.view(len(q) * self.shelf.heads, -1, width)
        read = weigh(q, self.keys[layer], self.values[layer], self.mask(window, q), scale, cap).view(
            -1, q_NHD.shape[1], width
        )
        return read if self.gather is None else read[self.gather]


def _neighbours(rows: list[Row]) -> list[list[Row]]:
    """Split rows of a shelf, in order, where reading rows at rest in between costs more than another operation."""
    one = rows[0].shelf.store[0, :, 0, 0].nbytes * rows[0].shelf.heads
    parts = [rows[:1]]
    for left, right in pairwise(rows):
        longest = max(len(left.ids), len(right.ids))
        if (right.place - left.place - 1) * longest * one > _GAP:
            parts.append([])
        parts[-1].append(right)
    return parts


class Stepping:
    """Passes that read one id of each active row. It is kept from step to step while the same rows are active."""

    one_each = True

    def __init__(
        self, rows: list[Row], cache: Cache, padding: Callable[[int], bool], size: Callable[[int], int]
    ) -> None:
        """Plan for `rows`, each with room for one id more. `padding` says of a capacity whether rows may be padded
        to a common length there; `size` gives the number of rows computed for a number of active ones.
        """
        self.rows: list[Row] = []
        self._groups: list[_Group] = []
        for shelf in cache.shelves:
            mine = sorted((row for row in rows if row.shelf is shelf), key=lambda row: row.place)
            parts = _neighbours(mine) if mine and padding(shelf.capacity) else [[row] for row in mine]
            for part in parts:
                longest = max(len(row.ids) for row in part) + 1
                length = min(shelf.capacity, -(-longest // UNIT) * UNIT)
                places, ends = [row.place for row in part], [len(row.ids) for row in part]
                self._groups.append(_Group.of(shelf, len(self.rows), places, ends, length))
                self.rows += part
        self.size = size(len(self.rows))
        self.positions = torch.tensor([len(row.ids) for row in self.rows] + [0] * (self.size - len(self.rows)))

    def fits(self) -> bool:
        """Whether every row can take one id more as planned."""
        return all(
            len(row.ids) < group.lengths
            for group in self._groups
            for row in self.rows[group.begin : group.begin + len(group.places)]
        )

    def advance(self) -> None:
        """Every row has one id more."""
        self.positions[: len(self.rows)].add_(1)
        for group in self._groups:
            group.advance()

    def attend(
        self, layer: int, q_NHD: Tensor, kv_NKD: Tensor, scale: float, window: int | None = None, cap: float = 0.0
    ) -> Tensor:
        """See Memory. Ids beyond the active rows, which fill the pass up, read nothing."""
        read = []
        for group in self._groups:
            mine = slice(group.begin, group.begin + len(group.places))
            read.append(group.attend(layer, q_NHD[mine], kv_NKD[mine], scale, window, cap))
        if self.size > len(self.rows):
            read.append(torch.zeros_like(q_NHD[len(self.rows) :]))
        return read[0] if len(read) == 1 else torch.cat(read)


class Blind:
    """No memory: each id reads its own value. Serves to measure everything of a model but its attention."""

    one_each = True

    def attend(
        self, layer: int, q_NHD: Tensor, kv_NKD: Tensor, scale: float, window: int | None = None, cap: float = 0.0
    ) -> Tensor:
        """See Memory."""
        heads = kv_NKD.shape[1] // 2
        return kv_NKD[:, heads:].repeat_interleave(q_NHD.shape[1] // heads, 1)


def padding_is_harmless(queries: int, shape: Shape, capacity: int) -> bool:
    """Measure for so many queries a head whether attending to more positions, masked, leaves every bit as it was.

    Each length is compared with the next longer one up to `capacity`, on random keys and values, so that the order
    of the sums is the same for every length in between.
    """
    generator = torch.Generator().manual_seed(0)
    q = torch.randn((1, queries, shape.width), generator=generator).to(shape.device, shape.dtype)
    keys, values = torch.randn((2, 1, capacity, shape.width), generator=generator).to(shape.device, shape.dtype)

    def read(length: int, padded: int) -> Tensor:
        mask = q.new_zeros(1, 1, padded)
        mask[..., length:] = _NONE
        return weigh(q, keys[:, :padded].transpose(1, 2), values[:, :padded], mask, 1.0, 0.0)

    marks = [*range(UNIT, capacity, UNIT), capacity]
    return all(torch.equal(read(a, a), read(a, b)) for a, b in pairwise(marks))
