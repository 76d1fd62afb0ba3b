"""The first layout (version 0): a row of JSON an attempt, its trajectory in it as a zlib blob. Read, never written."""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from assay.ledger.layout import (
    DETAIL_CHARACTERS,
    PLANNED,
    UNFINISHED,
    Entry,
    Filter,
    Matching,
    Part,
    any_of,
    flag,
    like,
)
from assay.ledger.traces import MOST_BYTES, DamagedTrace, TraceReader
from assay.nouns import Attempt

_ENTRY = "SELECT p.position, a.id, a.status, a.body, a.trace FROM plan p JOIN attempts a ON a.id = p.id"


@dataclass(frozen=True, slots=True)
class FirstEntry:
    """A row of the old table `attempts`."""

    position: int
    id: str
    status: str
    body: str
    trace: bytes | None

    def attempt(self) -> Attempt:
        """Return the attempt. Raises ValueError."""
        return Attempt.model_validate_json(self.body)

    def sha256(self) -> bytes | None:
        """Return the hash of the trajectory's JSON, or None."""
        content = self.content(None)
        return None if content is None else hashlib.sha256(content).digest()

    def content(self, traces: TraceReader | None) -> bytes | None:
        """Return the trajectory's JSON, or None. Raises DamagedTrace."""
        return None if self.trace is None else unzipped(self.trace, f"the trajectory of {self.id}")


def unzipped(blob: bytes, where: str) -> bytes:
    """Return what zlib packed. Raises DamagedTrace."""
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(blob, MOST_BYTES)
    except zlib.error as error:
        raise DamagedTrace(f"{where} cannot be unpacked ({error})") from error
    if not reader.eof:
        raise DamagedTrace(f"{where} is cut short, or longer than any trajectory")
    return content


class First:
    """The SQL of the first layout."""

    version = 0
    planned = f"SELECT {PLANNED} FROM plan ORDER BY position"
    ended = "SELECT id FROM attempts"
    joins = "LEFT JOIN attempts a ON a.id = p.id"
    row = f"""p.position, p.id, p.arm, p.seed, p.dose, p.task_id, p.split, p.trial, a.status,
        json_extract(a.body, '$.verdict.value'), COALESCE(json_extract(a.body, '$.verdict.reason'), ''),
        COALESCE(json_extract(a.body, '$.steps'), 0), COALESCE(json_extract(a.body, '$.sampled_tokens'), 0),
        COALESCE(json_extract(a.body, '$.wall_s'), 0.0),
        COALESCE(substr(json_extract(a.body, '$.detail'), 1, {DETAIL_CHARACTERS}), '')"""

    def entries(self, db: sqlite3.Connection, first: int, last: int) -> Iterator[Entry]:
        """Yield the entries from position `first` to `last`, both in."""
        sql = f"{_ENTRY} WHERE p.position BETWEEN ? AND ? ORDER BY p.position"
        with closing(db.execute(sql, (first, last))) as rows:
            for row in rows:
                yield FirstEntry(*row)

    def entry(self, db: sqlite3.Connection, attempt_id: str) -> Entry | None:
        """Return the entry of a planned attempt, or None."""
        row = db.execute(f"{_ENTRY} WHERE p.id = ?", (attempt_id,)).fetchone()
        return None if row is None else FirstEntry(*row)

    def of_task(self, task_id: str) -> Matching:
        """Return which rows are of a task."""
        return Matching((Part("plan p", "p.position", ("p.task_id = ?",), (task_id,)),))

    def matching(self, wanted: Filter) -> Matching:
        """Return which rows a filter lets through."""
        where = []
        values: list[object] = []
        for column, allowed in (
            ("p.arm", wanted.arms),
            ("p.split", wanted.splits),
            ("p.seed", wanted.seeds),
            ("p.dose", wanted.doses),
        ):
            if allowed:
                where.append(any_of(column, tuple(allowed), values))
        if wanted.statuses:
            named = tuple(status for status in wanted.statuses if status != UNFINISHED)
            either = [any_of("a.status", named, values)]
            if UNFINISHED in wanted.statuses:
                either.append("a.id IS NULL")
            where.append(f"({' OR '.join(either)})")
        if wanted.task:
            where.append(like("p.task_id", wanted.task, values))
        if wanted.text:
            columns = ("p.task_id", "json_extract(a.body, '$.detail')", "json_extract(a.body, '$.verdict.reason')")
            where.append(f"({' OR '.join(like(column, wanted.text, values) for column in columns)})")
        if wanted.flagged is not None:
            where.append(flag("p.position", wanted.flagged))
        return Matching((Part(f"plan p {self.joins}", "p.position", tuple(where), tuple(values)),))

    def coverage(self, db: sqlite3.Connection) -> Iterator[tuple[str, int, int, str, str | None, int]]:
        """Yield (arm, seed, dose, split, status or None, count)."""
        sql = (
            f"SELECT p.arm, p.seed, p.dose, p.split, a.status, COUNT(*) FROM plan p {self.joins} GROUP BY 1, 2, 3, 4, 5"
        )
        yield from db.execute(f"{sql} ORDER BY 1, 2, 3, 4, 5")
