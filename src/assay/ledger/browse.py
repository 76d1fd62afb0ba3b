"""Look through a ledger: pages of rows that a filter lets through, counts, coverage, the same task elsewhere.

Nothing here reads a trajectory or keeps more than a page in memory. Pages go by the position in the plan, so a page is
found as fast at the end of a long ledger as at its beginning, and stays the same while a run adds rows.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.ledger.layout import DETAIL_CHARACTERS, UNFINISHED, Filter, Layout

__all__ = ["AUDIT", "CHEATS", "DETAIL_CHARACTERS", "FLAGGED_FROM", "UNFINISHED", "Coverage", "Filter", "Row", "flags"]

AUDIT = "audit.jsonl"  # the findings of `assay audit`, beside the ledger
CHEATS = frozenset({"harness", "task"})  # the kinds of findings that flag an attempt
FLAGGED_FROM = 0.65  # and how sure they must be: how that was chosen stands in docs/audit.md


@dataclass(frozen=True)
class Row:
    """One planned attempt in a list. `status` is None, and what follows empty, while it has no final row."""

    position: int
    id: str
    arm: str
    seed: int
    dose: int
    task_id: str
    split: str
    trial: int
    status: str | None
    value: float | None
    reason: str
    steps: int
    sampled_tokens: int
    wall_s: float
    detail: str


@dataclass(frozen=True)
class Coverage:
    """How many planned attempts of a cell ended with a status; None stands for those without a final row."""

    arm: str
    seed: int
    dose: int
    split: str
    status: str | None
    count: int


def browse(
    db: sqlite3.Connection, layout: Layout, wanted: Filter, *, after: int, limit: int, newest_first: bool
) -> tuple[Row, ...]:
    """Return the next rows behind position `after` in the order of the plan, or before it with `newest_first`."""
    order, behind = ("DESC", "<") if newest_first else ("ASC", ">")
    query, values = layout.matching(wanted).sql(behind if after else "", after)
    return _page(db, layout, f"{query} ORDER BY position {order} LIMIT ?", (*values, limit), order)


def matches(db: sqlite3.Connection, layout: Layout, wanted: Filter, most: int) -> tuple[int, tuple[int, ...] | None]:
    """Return how many rows the filter lets through, and their positions where these are no more than `most`.

    Both come of one walk, which is all that a filter by text takes; a page of what it finds needs no other then.
    """
    query, values = layout.matching(wanted).sql()
    kept: list[int] = []
    found = 0
    for (position,) in db.execute(query, values):
        found += 1
        if found <= most:
            kept.append(position)
    return found, tuple(sorted(kept)) if found <= most else None


def at(db: sqlite3.Connection, layout: Layout, positions: Sequence[int]) -> tuple[Row, ...]:
    """Return the rows at some positions, in the order of the plan."""
    return _page(db, layout, "SELECT value AS position FROM json_each(?)", (json.dumps(list(positions)),), "ASC")


def count(db: sqlite3.Connection, layout: Layout, wanted: Filter) -> int:
    """Return how many rows the filter lets through."""
    query, values = layout.matching(wanted).sql()
    return int(db.execute(f"SELECT COUNT(*) FROM ({query})", values).fetchone()[0])


def same_task(db: sqlite3.Connection, layout: Layout, task_id: str, limit: int) -> tuple[Row, ...]:
    """Return the rows of a task in the order of the plan, at most `limit`."""
    query, values = layout.of_task(task_id).sql()
    return _page(db, layout, f"{query} ORDER BY position LIMIT ?", (*values, limit), "ASC")


def row(db: sqlite3.Connection, layout: Layout, attempt_id: str) -> Row | None:
    """Return the row of a planned attempt, or None where it is not planned."""
    found = db.execute(f"SELECT {layout.row} FROM plan p {layout.joins} WHERE p.id = ?", (attempt_id,)).fetchone()
    return None if found is None else Row(*found)


def flags(ledger: Path) -> Iterator[tuple[str, str]]:
    """Yield (attempt, mechanism) of the findings in `audit.jsonl` beside a ledger that flag an attempt.

    Those are of the kinds `CHEATS` with a confidence of `FLAGGED_FROM` or more. Lines that are none are left out.
    """
    path = ledger.with_name(AUDIT)
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                told = json.loads(line)
                sure = float(told["confidence"]) >= FLAGGED_FROM and told["kind"] in CHEATS
                attempt, mechanism = told["attempt"], str(told["mechanism"])
            except (ValueError, TypeError, KeyError):
                continue
            if sure and attempt and isinstance(attempt, str):
                yield attempt, mechanism


def _page(
    db: sqlite3.Connection, layout: Layout, query: str, values: tuple[object, ...], order: str
) -> tuple[Row, ...]:
    """Return the rows at the positions that a query gives: the other tables are asked for these alone."""
    sql = f"""WITH page AS MATERIALIZED ({query}) SELECT {layout.row}
        FROM page CROSS JOIN plan p ON p.position = page.position {layout.joins} ORDER BY p.position {order}"""
    return tuple(Row(*row) for row in db.execute(sql, values))
