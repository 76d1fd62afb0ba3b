"""Bring an older ledger to the newest schema: in one transaction, by the process that opens it to write.

What a row holds is carried over as it is, also where it cannot be parsed, so that `assay ledger check` finds after a
migration what it would have found before. A process killed on the way leaves the old schema, and frames that no row
names.
"""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from assay.ledger import schema
from assay.ledger.first import unzipped
from assay.ledger.traces import DamagedTrace, TraceWriter

_AT_ONCE = 32


def migrate(db: sqlite3.Connection, traces: TraceWriter, version: int) -> int:
    """Bring the file from `version` to the newest in the transaction that is open; return how many attempts moved."""
    moved = 0
    while version < schema.VERSION:
        moved = _STEPS[version](db, traces)
        version += 1
    schema.seal(db)
    return moved


def _from_first(db: sqlite3.Connection, traces: TraceWriter) -> int:
    """Bring version 0 to 1. An attempt that was never planned stays behind in the table `unplanned`."""
    for table in ("tasks", "facts", "plan", "attempts"):
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            continue
        for verb in ("stay", "stays", "kept"):
            db.execute(f"DROP TRIGGER IF EXISTS {table}_{verb}")
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in schema.statements(schema.TABLES):
        db.execute(statement)
    db.execute("INSERT INTO facts SELECT name, value FROM old_facts")
    db.execute("INSERT INTO tasks SELECT id, split, body FROM old_tasks ORDER BY rowid")
    db.execute(
        "INSERT INTO cells (arm, seed, dose, split) SELECT arm, seed, dose, split FROM old_plan GROUP BY 1,2,3,4"
    )
    db.execute("INSERT INTO names (task_id) SELECT task_id FROM old_plan GROUP BY task_id ORDER BY MIN(position)")
    db.execute(
        """INSERT INTO plan SELECT o.position, o.id, c.key, n.key, o.trial FROM old_plan o
        JOIN cells c ON c.arm = o.arm AND c.seed = o.seed AND c.dose = o.dose AND c.split = o.split
        JOIN names n ON n.task_id = o.task_id ORDER BY o.position"""
    )
    carried = 0
    rows = db.execute(
        """SELECT p.position, p.cell, p.task, o.id, o.status, o.body, o.trace FROM plan p
        CROSS JOIN old_attempts o ON o.id = p.id ORDER BY p.position"""
    )
    while chunk := rows.fetchmany(_AT_ONCE):
        _carry(db, traces, chunk)
        carried += len(chunk)
    unplanned = "FROM old_attempts WHERE id NOT IN (SELECT id FROM plan)"
    if db.execute(f"SELECT 1 {unplanned} LIMIT 1").fetchone():
        db.execute(f"CREATE TABLE unplanned AS SELECT * {unplanned}")
    for table in ("attempts", "plan", "tasks", "facts"):
        db.execute(f"DROP TABLE old_{table}")
    for statement in schema.statements(schema.triggers()):
        db.execute(statement)
    return carried


def _carry(db: sqlite3.Connection, traces: TraceWriter, chunk: list[tuple[Any, ...]]) -> None:
    """Add the rows of `chunk` to the new tables and their trajectories to the pack."""
    contents = [_content(row[6], row[3]) for row in chunk if row[6] is not None]
    frames = iter(traces.append(contents))
    for position, cell, task, _, status, body, trace in chunk:
        told = _told(body)
        verdict = told.get("verdict")
        known = verdict if isinstance(verdict, dict) else {}
        frame = next(frames) if trace is not None else None
        db.execute(
            f"INSERT INTO attempts VALUES ({', '.join('?' * 18)})",
            (
                position,
                cell,
                task,
                status,
                _number(known.get("value"), None),
                str(known.get("reason") or ""),
                int(_number(told.get("steps"), 0) or 0),
                int(_number(told.get("sampled_tokens"), 0) or 0),
                _number(told.get("wall_s"), 0.0),
                int(bool(told.get("test_only"))),
                None,
                None,
                *((frame.pack, frame.place, frame.size, frame.length, frame.sha256) if frame else (None,) * 5),
                str(told.get("detail") or ""),
            ),
        )
        if told is _BROKEN or verdict is not None:
            text = body if told is _BROKEN else json.dumps(verdict, ensure_ascii=False)
            db.execute("INSERT INTO verdicts VALUES (?, ?)", (position, text))


_BROKEN: dict[str, Any] = {}


def _told(body: str) -> dict[str, Any]:
    """Return what the row says, or `_BROKEN` where that is no JSON object: its text is then kept as the verdict."""
    try:
        found = json.loads(body)
    except ValueError:
        return _BROKEN
    return found if isinstance(found, dict) and found else _BROKEN


def _number(value: Any, otherwise: float | None) -> float | None:
    return float(value) if isinstance(value, int | float) else otherwise


def _content(blob: bytes, attempt_id: str) -> bytes:
    """Return the trajectory's JSON, or the blob itself where it cannot be unpacked: then the frame does not parse."""
    try:
        return unzipped(blob, attempt_id)
    except DamagedTrace:
        return blob


_STEPS: dict[int, Callable[[sqlite3.Connection, TraceWriter], int]] = {0: _from_first}
