"""Where the engine keeps keys and values: shelves of a few rows, taken as they are needed and of several lengths.

A conversation holds one row. A row that outgrows its shelf moves to one with longer rows, so that the memory
follows what the conversations fill, whatever the model's context is.
"""

from dataclasses import dataclass, field

import torch

CHUNK = 128  # prompts are read in pieces of this many ids, and shared in whole pieces
UNIT = 64  # attention reads a multiple of this many positions, so that few lengths occur
_SHORTEST = 128  # positions of the shortest rows
_SHELF_IDS = 4096  # a shelf of long rows has fewer of them
_SHELF_ROWS = 32


@dataclass(frozen=True)
class Shape:
    """Sizes of one position's keys and values."""

    layers: int
    heads: int
    width: int
    dtype: torch.dtype
    device: torch.device

    @property
    def bytes(self) -> int:
        """Bytes of one position: keys and values of all layers."""
        return 2 * self.layers * self.heads * self.width * self.dtype.itemsize


class Shelf:
    """Some rows of equal capacity; `store` is (layers, 2, rows * heads, capacity, width), keys before values."""

    def __init__(self, shape: Shape, rows: int, capacity: int) -> None:
        self.rows, self.capacity, self.heads = rows, capacity, shape.heads
        # zeros, not empty: masked positions are multiplied by zero, and 0 * NaN would be NaN
        self.store = torch.zeros(
            (shape.layers, 2, rows * shape.heads, capacity, shape.width), dtype=shape.dtype, device=shape.device
        )
        self.flat = [layer.view(-1, shape.width) for layer in self.store.unbind(0)]
        self.free = list(range(rows - 1, -1, -1))
        # where position 0 of a row's keys and values lies in a layer of `flat`, (rows, 2 * heads)
        line = torch.arange(2 * rows * shape.heads, device=shape.device).view(2, rows, shape.heads) * capacity
        self.starts = line.transpose(0, 1).reshape(rows, 2 * shape.heads)

    def part(self, place: int, start: int, stop: int) -> torch.Tensor:
        """Keys and values of one row from `start` to `stop`: (layers, 2, heads, positions, width)."""
        return self.store[:, :, place * self.heads : (place + 1) * self.heads, start:stop]


@dataclass(eq=False)
class Row:
    """A place on a shelf, and the ids whose keys and values are there.

    The first `whole` ids were read at the start of a conversation in whole pieces of CHUNK, so that their keys and
    values depend on nothing but the ids: another conversation that begins with them may copy them.
    """

    shelf: Shelf
    place: int
    ids: list[int] = field(default_factory=list)
    whole: int = 0
    before: "Row | None" = None  # who was here last, while what it left is there


class Cache:
    """The rows of all conversations, at most `slots` of them at a time, none longer than `context`."""

    def __init__(self, shape: Shape, slots: int, context: int) -> None:
        self.shape, self.slots, self.context = shape, slots, context
        self.shelves: list[Shelf] = []
        self.held: list[Row] = []
        self._rest: list[Row] = []  # given back; what they hold can still be copied

    @property
    def bytes(self) -> int:
        """Bytes taken at present."""
        return sum(shelf.rows * shelf.capacity for shelf in self.shelves) * self.shape.bytes

    def capacity_for(self, length: int) -> int:
        """Return the length of the rows that a conversation of `length` ids is put in."""
        capacity = _SHORTEST
        while capacity < length:
            capacity += capacity // (3 if capacity & (capacity - 1) else 2)  # 128, 192, 256, 384, 512, ...
        return min(capacity, -(-self.context // UNIT) * UNIT)

    def take(self, length: int) -> Row:
        """Return an empty row with room for `length` ids; the caller sees to it that a slot is free."""
        shelf, place, before = self._place(self.capacity_for(length))
        row = Row(shelf, place, before=before)
        self.held.append(row)
        return row

    def give_back(self, row: Row) -> None:
        """The row's conversation is over."""
        self.held.remove(row)
        row.before = None
        row.shelf.free.append(row.place)
        self._rest.append(row)

    def wipe(self, row: Row) -> None:
        """Forget what the row holds; of a row that met NaN nothing may stay."""
        row.shelf.part(row.place, 0, row.shelf.capacity).zero_()
        row.ids, row.whole = [], 0

    def forget(self) -> None:
        """Nothing that was read holds any more: the weights changed."""
        self._rest.clear()
        for row in self.held:
            row.ids, row.whole, row.before = [], 0, None

    def grow(self, row: Row, length: int) -> bool:
        """Make room for `length` ids in the row; return whether it moved."""
        if length <= row.shelf.capacity:
            return False
        shelf, place, _ = self._place(self.capacity_for(length))
        size = len(row.ids)
        shelf.part(place, 0, size).copy_(row.shelf.part(row.place, 0, size))
        row.shelf.free.append(row.place)
        row.shelf, row.place, row.before = shelf, place, None
        return True

    def share(self, row: Row, prompt: list[int]) -> None:
        """Let an empty row have what any row holds of the prompt's beginning, but never the prompt's last id."""
        best, most = None, 0
        for other in (*filter(None, [row.before]), *self.held, *self._rest):
            limit = min(other.whole, (len(prompt) - 1) // CHUNK * CHUNK)
            same = 0
            while same < limit and other.ids[same : same + CHUNK] == prompt[same : same + CHUNK]:
                same += CHUNK
            if same > most:
                best, most = other, same
        if best is not None:
            if best is not row.before:
                row.shelf.part(row.place, 0, most).copy_(best.shelf.part(best.place, 0, most))
            row.ids, row.whole = prompt[:most], most
        row.before = None

    def _place(self, capacity: int) -> tuple[Shelf, int, Row | None]:
        """Find a free row of that capacity, or take a shelf; return who was there last, too.

        The first place of the fullest shelf: active rows that lie together are computed together.
        """
        fitting = [shelf for shelf in self.shelves if shelf.capacity == capacity and shelf.free]
        shelf = min(fitting, key=lambda each: len(each.free)) if fitting else self._new_shelf(capacity)
        place = min(shelf.free)
        shelf.free.remove(place)
        before = next((row for row in self._rest if row.shelf is shelf and row.place == place), None)
        if before is not None:
            self._rest.remove(before)
        return shelf, place, before

    def _new_shelf(self, capacity: int) -> Shelf:
        """Take memory for a shelf, and give back the shelves that hold no conversation."""
        idle = [shelf for shelf in self.shelves if len(shelf.free) == shelf.rows]
        self.shelves = [shelf for shelf in self.shelves if shelf not in idle]
        self._rest = [row for row in self._rest if row.shelf not in idle]
        rows = max(1, min(_SHELF_ROWS, self.slots, _SHELF_IDS // capacity))
        shelf = Shelf(self.shape, rows, capacity)
        self.shelves.append(shelf)
        self.shelves.sort(key=lambda each: each.capacity)
        return shelf
