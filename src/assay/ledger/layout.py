"""What every schema of a ledger can be asked for, in the words of the newest: entries, rows, coverage, tasks."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from assay.ledger.traces import TraceReader
from assay.nouns import Attempt

PLANNED = "position, id, arm, seed, dose, task_id, split, trial"  # what `Layout.planned` selects
UNFINISHED = "unfinished"  # in `Filter.statuses`: planned, and without its final row
DETAIL_CHARACTERS = 300  # of `Row.detail`; the attempt itself has all of it


@dataclass(frozen=True)
class Filter:
    """What rows are wanted; an empty field lets everything through, and the fields together must all hold.

    `task` is a part of the task's name and `text` a part of the detail, of the reason or of the task's name; neither
    minds the case of ASCII letters, nor finds what stands behind a NUL. `flagged` asks for attempts that the audit
    flagged (a fact `flags/ATTEMPT`, or a finding that `assay.ledger.browse.flags` yields), or for the others.
    `statuses` may name `unfinished`.
    """

    arms: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    doses: tuple[int, ...] = ()
    task: str = ""
    flagged: bool | None = None
    text: str = ""


class Entry(Protocol):
    """A recorded attempt as it lies in the file; nothing of it is parsed before it is asked for."""

    @property
    def position(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    def attempt(self) -> Attempt:
        """Return the attempt. Raises ValueError (pydantic's or json's) where the row does not hold one."""
        ...

    def sha256(self) -> bytes | None:
        """Return the hash of the trajectory's JSON, or None where there is no trajectory."""
        ...

    def content(self, traces: TraceReader) -> bytes | None:
        """Return the trajectory's JSON, or None. Raises DamagedTrace."""
        ...


@dataclass(frozen=True)
class Part:
    """Rows wanted, as SQL: of which tables, their column with the position in the plan, under which conditions."""

    tables: str
    position: str
    where: tuple[str, ...]
    values: tuple[object, ...]

    def sql(self, behind: str) -> str:
        """Return the query for the positions; `behind` compares them to one more value, where it is not empty."""
        where = (*self.where, f"{self.position} {behind} ?") if behind else self.where
        return f"SELECT {self.position} AS position FROM {self.tables} WHERE {' AND '.join(where) or 1}"


@dataclass(frozen=True)
class Matching:
    """The rows that a filter lets through: those of every part, no row in two."""

    parts: tuple[Part, ...]

    def sql(self, behind: str = "", after: int = 0) -> tuple[str, tuple[object, ...]]:
        """Return a query for the positions, and its values; with `behind` (< or >) only those on that side."""
        values: tuple[object, ...] = ()
        for part in self.parts:
            values += (*part.values, after) if behind else part.values
        return " UNION ALL ".join(part.sql(behind) for part in self.parts), values


class Layout(Protocol):
    """The SQL of one schema. `row` has the columns of `Row`, of `plan p` and the `joins` behind it."""

    version: int
    planned: str
    row: str
    joins: str
    ended: str  # a query for the ids of the attempts that have their final row

    def entries(self, db: sqlite3.Connection, first: int, last: int) -> Iterator[Entry]:
        """Yield the entries from position `first` to `last`, both in, in the order of the plan."""
        ...

    def entry(self, db: sqlite3.Connection, attempt_id: str) -> Entry | None:
        """Return the entry of a planned attempt, or None where it has no final row."""
        ...

    def matching(self, wanted: Filter) -> Matching:
        """Return which rows a filter lets through."""
        ...

    def of_task(self, task_id: str) -> Matching:
        """Return which rows are of a task."""
        ...

    def coverage(self, db: sqlite3.Connection) -> Iterator[tuple[str, int, int, str, str | None, int]]:
        """Yield (arm, seed, dose, split, status or None, count)."""
        ...


def any_of(column: str, values: tuple[object, ...], into: list[object]) -> str:
    """Return the condition that a column has one of the values, which are added to `into`."""
    into += values
    return f"{column} IN ({', '.join('?' * len(values))})"


def like(column: str, part: str, into: list[object]) -> str:
    """Return the condition that a column has `part` in it, whose pattern is added to `into`."""
    for special in "\\%_":
        part = part.replace(special, "\\" + special)
    into.append(f"%{part}%")
    return rf"{column} LIKE ? ESCAPE '\'"


def flag(position: str, wanted: bool) -> str:
    """Return the condition that an attempt is flagged, or is not; `temp.flagged` holds those that are."""
    return f"{position} {'' if wanted else 'NOT '}IN (SELECT position FROM temp.flagged)"
