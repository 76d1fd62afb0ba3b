"""Events of a ledger: who worked on it, when, and how that ended; and the end of each attempt, read from its row."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

WRITER = "writer"  # a process began to record; the rows of its attempts name this event
STARTED, RESUMED = "started", "resumed"
ENDED, INTERRUPTED = "ended", "interrupted"  # neither follows where the process was killed
MIGRATED = "migrated"
PLANNED = "planned"  # attempts were added to the plan: how many, and how many of them after results could be seen
SPENT = "spent"  # what the run has taken in all, written ahead of it: the one with the greatest `number` counts
ATTEMPT = "attempt"  # the end of an attempt: no row of its own, it is made from the attempt's


@dataclass(frozen=True)
class Event:
    """Something that happened to a run: when (seconds since 1970), on which machine and in which process."""

    at: float
    kind: str
    host: str
    process: int
    body: dict[str, Any]


def events_of(db: sqlite3.Connection, *, attempts: bool) -> Iterator[Event]:
    """Yield the events of a ledger of version 1 in the order of time, with the attempts' ends where asked for."""
    sql = "SELECT at, kind, host, process, body, number FROM events"
    if attempts:
        sql += f""" UNION ALL SELECT a.at, '{ATTEMPT}', COALESCE(e.host, ''), COALESCE(e.process, 0),
            json_object('attempt', p.id, 'status', a.status), a.session FROM attempts a JOIN plan p USING (position)
            LEFT JOIN events e ON e.number = a.session WHERE a.at IS NOT NULL"""
    with closing(db.execute(f"{sql} ORDER BY 1, 6")) as rows:
        for at, kind, host, process, body, _ in rows:
            yield Event(at, kind, host, process, json.loads(body))
