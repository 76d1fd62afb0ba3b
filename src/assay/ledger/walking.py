"""Walk through the entries of a ledger whose file may be damaged: what can be read, and where the rest lay."""

import sqlite3
from collections.abc import Iterator

from assay.ledger.layout import Entry, Layout

_STEP = 64  # positions that are tried at once behind a damaged page
_MOST = 10_000_000  # positions behind it: a damaged file may claim any number


def walk(db: sqlite3.Connection, layout: Layout) -> Iterator[Entry | str]:
    """Yield every entry that can be read in the order of the plan; a string names positions that cannot."""
    position = 0
    try:
        for entry in layout.entries(db, 0, (1 << 63) - 1):
            yield entry
            position = entry.position
        return
    except sqlite3.Error:
        last = min(_last(db), position + _MOST)
    lost: tuple[int, int] | None = None
    for begin in range(position + 1, last + 1, _STEP):
        for found in _tried(db, layout, begin, min(begin + _STEP - 1, last)):
            if isinstance(found, int):
                lost = (lost[0] if lost else found, found)
                continue
            if lost:
                yield _named(lost)
                lost = None
            yield found
    if lost:
        yield _named(lost)


def _tried(db: sqlite3.Connection, layout: Layout, first: int, last: int) -> Iterator[Entry | int]:
    """Yield the entries of a range, and the positions of it at which the file is damaged."""
    try:
        yield from list(layout.entries(db, first, last))
    except sqlite3.Error:
        if first == last:
            yield first
            return
        middle = (first + last) // 2
        yield from _tried(db, layout, first, middle)
        yield from _tried(db, layout, middle + 1, last)


def _last(db: sqlite3.Connection) -> int:
    """Return the last position that the file still tells of."""
    found = 0
    for table in ("plan", "attempts"):
        try:
            found = max(found, int(db.execute(f"SELECT COALESCE(MAX(position), 0) FROM {table}").fetchone()[0]))
        except sqlite3.Error:
            continue
    return found


def _named(lost: tuple[int, int]) -> str:
    first, last = lost
    return f"position {first}" if first >= last else f"positions {first} to {last}"
