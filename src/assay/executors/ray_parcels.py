"""Prepared trees in Ray's object store, packed: each is put there once, and kept while jobs want it."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from assay.executors.shipping import pack
from assay.sandbox import trees

IDLE = 1 << 30  # bytes of trees that no job wants at the moment, and that the next one may


@dataclass(frozen=True)
class Parcel:
    """A packed tree: references to its pieces, and their bytes."""

    pieces: list[Any]
    size: int


class Parcels:
    """The trees that jobs under way need, and of those that they needed before at most `idle` bytes.

    Ray frees what nobody holds a reference to. A tree that was let go of is packed anew for a node that lacks it.
    """

    def __init__(self, idle: int = IDLE) -> None:
        self._idle_most = idle
        self._packing: dict[str, asyncio.Future[Parcel]] = {}
        self._wanted: Counter[str] = Counter()  # by jobs under way
        self._idle: OrderedDict[str, int] = OrderedDict()  # bytes, the one that was wanted last behind the others

    @asynccontextmanager
    async def held(self, keys: Iterable[str]) -> AsyncIterator[dict[str, list[Any]]]:
        """Give the pieces of each tree for as long as the block lasts; one job packs a tree for all."""
        wanted = list(dict.fromkeys(keys))
        for key in wanted:
            self._wanted[key] += 1
            self._idle.pop(key, None)
        try:
            yield {key: (await self._packed(key)).pieces for key in wanted}
        finally:
            for key in wanted:
                self._let_go(key)

    def clear(self) -> None:
        """Let go of all."""
        self._packing.clear()
        self._idle.clear()

    async def _packed(self, key: str) -> Parcel:
        if key not in self._packing:
            self._packing[key] = asyncio.ensure_future(asyncio.to_thread(_put, key))
        return await asyncio.shield(self._packing[key])

    def _let_go(self, key: str) -> None:
        self._wanted[key] -= 1
        if self._wanted[key]:
            return
        del self._wanted[key]
        packed = self._packing.get(key)
        if packed is None or not packed.done() or packed.cancelled() or packed.exception() is not None:
            self._packing.pop(key, None)
            return
        self._idle[key] = packed.result().size
        while sum(self._idle.values()) > self._idle_most:
            oldest, _ = self._idle.popitem(last=False)
            del self._packing[oldest]


def _put(key: str) -> Parcel:
    import ray

    pieces, size = [], 0
    for piece in pack(trees.tree(key)):
        pieces.append(ray.put(piece))
        size += len(piece)
    return Parcel(pieces, size)
