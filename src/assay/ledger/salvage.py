"""Save what can be read of a damaged ledger into a new one."""

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.errors import MachineryError, UserError
from assay.ledger.layout import Entry, Layout
from assay.ledger.reading import LAYOUTS, LedgerReader
from assay.ledger.store import Ended, Ledger
from assay.ledger.traces import TraceReader, folder_of
from assay.ledger.walking import walk
from assay.nouns import PlannedAttempt, Status, Task, Trajectory


@dataclass
class Saved:
    """What was saved, and in sentences what was not."""

    attempts: int = 0
    trajectories: int = 0
    tasks: int = 0
    facts: int = 0
    lost: list[str] = field(default_factory=list)


def salvage(path: Path, out: Path) -> Saved:
    """Write what can be read of the ledger `path` into the new ledger `out`.

    An attempt whose plan is lost is planned again from its row. Events are not carried over. Raises UserError when
    nothing can be read, and when `out` is there or cannot be written.
    """
    if out.exists() or folder_of(out).exists():
        raise UserError(f"{out} is there already: name a new ledger")
    saved = Saved()
    with closing(LedgerReader(path, cut_short=True)) as reader, Ledger(out) as ledger:
        db, layout = reader._db, LAYOUTS[reader.version]
        for name, value in _all(db, "SELECT name, value FROM facts ORDER BY name", "facts", saved):
            try:
                ledger.set_fact(name, json.loads(value))
                saved.facts += 1
            except (ValueError, MachineryError):
                saved.lost.append(f"the fact {name}")
        ledger.add_tasks(_tasks(db, saved))
        ledger.plan(_planned(db, layout, saved))
        with closing(TraceReader(folder_of(path))) as traces:
            ledger.record_many(_ended(db, layout, traces, ledger, saved))
    return saved


def _all(db: sqlite3.Connection, sql: str, what: str, saved: Saved) -> Iterator[tuple[Any, ...]]:
    try:
        with closing(db.execute(sql)) as rows:
            yield from rows
    except sqlite3.Error as error:
        saved.lost.append(f"some {what}: the file is damaged ({error})")


def _tasks(db: sqlite3.Connection, saved: Saved) -> Iterator[Task]:
    for task_id, body in _all(db, "SELECT id, body FROM tasks ORDER BY rowid", "tasks", saved):
        try:
            task = Task.from_json(zlib.decompress(body))
        except (ValueError, zlib.error):
            saved.lost.append(f"the task {task_id}")
            continue
        saved.tasks += 1
        yield task


def _planned(db: sqlite3.Connection, layout: Layout, saved: Saved) -> Iterator[PlannedAttempt]:
    for position, _, arm, seed, dose, task_id, split, trial in _all(db, layout.planned, "of the plan", saved):
        try:
            yield PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task_id, split=split, trial=trial)
        except ValueError:
            saved.lost.append(f"position {position} of the plan")


def _ended(
    db: sqlite3.Connection, layout: Layout, traces: TraceReader, ledger: Ledger, saved: Saved
) -> Iterator[Ended]:
    planned = {plan.id for plan in ledger.planned()}
    seen: set[str] = set()
    for found in walk(db, layout):
        if isinstance(found, str):
            saved.lost.append(f"the attempts at {found}, where there are any")
            continue
        ended = _one(found, traces, saved)
        if ended is None or ended[0].plan.id in seen:
            continue
        plan = ended[0].plan
        if plan.id not in planned:
            ledger.plan([plan])
        seen.add(plan.id)
        saved.attempts += 1
        yield ended


def _one(entry: Entry, traces: TraceReader, saved: Saved) -> Ended | None:
    try:
        attempt = entry.attempt()
    except ValueError:
        saved.lost.append(f"the attempt {entry.id}")
        return None
    if attempt.status is Status.MACHINERY and attempt.verdict is not None and attempt.verdict.value is not None:
        saved.lost.append(f"the verdict of {entry.id}: a failure of the machinery has no score")
        attempt = attempt.model_copy(update={"verdict": None})
    try:
        content = entry.content(traces)
        trajectory = None if content is None else Trajectory.model_validate_json(content)
    except (ValueError, UserError):
        saved.lost.append(f"the trajectory of {entry.id}")
        trajectory = None
    saved.trajectories += trajectory is not None
    return attempt, trajectory
