"""The layout of version 1 (`assay.ledger.schema`): narrow rows, verdicts apart, trajectories in packs beside."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from assay.ledger.layout import DETAIL_CHARACTERS, UNFINISHED, Entry, Filter, Matching, Part, any_of, flag, like
from assay.ledger.traces import Frame, TraceReader
from assay.nouns import Attempt, PlannedAttempt, Reason, Status, Verdict

# CROSS JOIN: SQLite keeps the order written, so that a range is one walk along the rows
_ENTRY = """SELECT a.position, p.id, c.arm, c.seed, c.dose, n.task_id, c.split, p.trial, a.status, a.steps,
    a.sampled_tokens, a.wall_s, a.test_only, a.detail, v.body, a.pack, a.place, a.size, a.length, a.sha256
    FROM attempts a CROSS JOIN plan p ON p.position = a.position CROSS JOIN cells c ON c.key = p.cell
    CROSS JOIN names n ON n.key = p.task LEFT JOIN verdicts v ON v.position = a.position"""


@dataclass(frozen=True, slots=True)
class CurrentEntry:
    """A row of `attempts` with what stands in the other tables for it."""

    position: int
    id: str
    plan: tuple[str, int, int, str, str, int]
    outcome: tuple[str, int, int, float, int, str]
    verdict: str | None
    frame: Frame | None

    @property
    def status(self) -> str:
        """The status in the row."""
        return self.outcome[0]

    def attempt(self) -> Attempt:
        """Return the attempt. Raises ValueError."""
        arm, seed, dose, task_id, split, trial = self.plan
        status, steps, sampled_tokens, wall_s, test_only, detail = self.outcome
        return Attempt(
            plan=PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task_id, split=split, trial=trial),
            status=Status(status),
            verdict=None if self.verdict is None else Verdict.model_validate_json(self.verdict),
            steps=steps,
            sampled_tokens=sampled_tokens,
            wall_s=wall_s,
            test_only=bool(test_only),
            detail=detail,
        )

    def sha256(self) -> bytes | None:
        """Return the hash of the trajectory's JSON, or None."""
        return None if self.frame is None else self.frame.sha256

    def content(self, traces: TraceReader) -> bytes | None:
        """Return the trajectory's JSON, or None. Raises DamagedTrace."""
        return None if self.frame is None else traces.read(self.frame)


# A cell whose attempts are as many as its plan has nothing open: a walk through two small indexes tells.
_OPEN = """p.cell IN (
    SELECT cell FROM (SELECT cell, COUNT(*) AS planned FROM plan GROUP BY cell)
    LEFT JOIN (SELECT cell, COUNT(*) AS ended FROM attempts GROUP BY cell) USING (cell)
    WHERE planned > COALESCE(ended, 0))
    AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.position = p.position)"""


def _entry(row: tuple[Any, ...]) -> CurrentEntry:
    frame = None if row[15] is None else Frame(*row[15:20])
    return CurrentEntry(row[0], row[1], row[2:8], row[8:14], row[14], frame)


class Current:
    """The SQL of version 1."""

    version = 1
    planned = """SELECT p.position, p.id, c.arm, c.seed, c.dose, n.task_id, c.split, p.trial FROM plan p
        CROSS JOIN cells c ON c.key = p.cell CROSS JOIN names n ON n.key = p.task ORDER BY p.position"""
    ended = "SELECT p.id FROM attempts a CROSS JOIN plan p ON p.position = a.position"
    joins = """CROSS JOIN cells c ON c.key = p.cell CROSS JOIN names n ON n.key = p.task
        LEFT JOIN attempts a ON a.position = p.position"""
    row = f"""p.position, p.id, c.arm, c.seed, c.dose, n.task_id, c.split, p.trial, a.status, a.value,
        COALESCE(a.reason, ''), COALESCE(a.steps, 0), COALESCE(a.sampled_tokens, 0), COALESCE(a.wall_s, 0.0),
        COALESCE(substr(a.detail, 1, {DETAIL_CHARACTERS}), '')"""

    def entries(self, db: sqlite3.Connection, first: int, last: int) -> Iterator[Entry]:
        """Yield the entries from position `first` to `last`, both in."""
        sql = f"{_ENTRY} WHERE a.position BETWEEN ? AND ? ORDER BY a.position"
        with closing(db.execute(sql, (first, last))) as rows:
            for row in rows:
                yield _entry(row)

    def entry(self, db: sqlite3.Connection, attempt_id: str) -> Entry | None:
        """Return the entry of a planned attempt, or None."""
        sql = f"{_ENTRY} WHERE a.position = (SELECT position FROM plan WHERE id = ?)"
        row = db.execute(sql, (attempt_id,)).fetchone()
        return None if row is None else _entry(row)

    def of_task(self, task_id: str) -> Matching:
        """Return which rows are of a task."""
        of_task = "p.task = (SELECT key FROM names WHERE task_id = ?)"
        return Matching((Part("plan p", "p.position", (of_task,), (task_id,)),))

    def matching(self, wanted: Filter) -> Matching:
        """Return which rows a filter lets through: one walk through the plan, or through what is recorded and not."""
        if not wanted.statuses and not wanted.text:
            return Matching((_part("plan p", wanted, [], []),))
        parts = []
        named = tuple(status for status in wanted.statuses if status != UNFINISHED)
        if named or not wanted.statuses:
            values: list[object] = []
            where = [any_of("a.status", named, values)] if named else []
            if wanted.text:
                either = [_named("a", wanted.text, values), like("a.detail", wanted.text, values)]
                if reasons := tuple(reason.value for reason in Reason if wanted.text.lower() in reason.value):
                    either.append(any_of("a.reason", reasons, values))
                where.append(f"({' OR '.join(either)})")
            parts.append(_part("attempts a", wanted, where, values))
        if UNFINISHED in wanted.statuses or not wanted.statuses:
            values = []
            where = [_OPEN]
            if wanted.text:
                where.append(_named("p", wanted.text, values))
            parts.append(_part("plan p", wanted, where, values))
        return Matching(tuple(parts))

    def coverage(self, db: sqlite3.Connection) -> Iterator[tuple[str, int, int, str, str | None, int]]:
        """Yield (arm, seed, dose, split, status or None, count)."""
        yield from db.execute(
            """WITH ended AS (SELECT cell, status, COUNT(*) AS n FROM attempts GROUP BY cell, status),
            planned AS (SELECT cell, COUNT(*) AS n FROM plan GROUP BY cell),
            counted AS (
                SELECT cell, status, n FROM ended
                UNION ALL
                SELECT cell, NULL, n - COALESCE((SELECT SUM(n) FROM ended WHERE ended.cell = planned.cell), 0)
                FROM planned)
            SELECT c.arm, c.seed, c.dose, c.split, counted.status, counted.n
            FROM counted JOIN cells c ON c.key = counted.cell WHERE counted.n > 0 ORDER BY 1, 2, 3, 4, 5"""
        )


def _part(table: str, wanted: Filter, where: list[str], values: list[object]) -> Part:
    """Return the part of `table` (`plan p` or `attempts a`) that a filter wants beside the conditions `where`."""
    row = table[-1]
    cell: list[str] = []
    for column, allowed in (
        ("arm", wanted.arms),
        ("split", wanted.splits),
        ("seed", wanted.seeds),
        ("dose", wanted.doses),
    ):
        if allowed:
            cell.append(any_of(column, tuple(allowed), values))
    if cell:
        where.append(f"{row}.cell IN (SELECT key FROM cells WHERE {' AND '.join(cell)})")
    if wanted.task:
        where.append(_named(row, wanted.task, values))
    if wanted.flagged is not None:
        where.append(flag(f"{row}.position", wanted.flagged))
    return Part(table, f"{row}.position", tuple(where), tuple(values))


def _named(row: str, part: str, values: list[object]) -> str:
    return f"{row}.task IN (SELECT key FROM names WHERE {like('task_id', part, values)})"
