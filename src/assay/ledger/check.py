"""Check a ledger: is the file whole, does every hash fit, has every planned attempt exactly one end, do facts parse.

What can be read is read; each thing that is wrong is one finding, and so is each planned attempt without an end.
Nothing is changed. A run may be at work: the check sees the ledger as it was when it began.
"""

import json
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger import schema
from assay.ledger.layout import UNFINISHED, Entry, Filter, Layout
from assay.ledger.reading import LAYOUTS, LedgerReader
from assay.ledger.traces import DamagedTrace, TraceReader, folder_of, packs
from assay.ledger.walking import walk
from assay.nouns import Attempt, PlannedAttempt, Reason, Status, Task, Trajectory, Validity

OPEN, LEFT_OVER = "unfinished", "left over"  # what is no damage: see `Finding.damage`
_MOST_SAID = 100  # of SQLite's own complaints


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: of which kind, where, and what, in a sentence without its full stop.

    Kinds: file, schema, fact, task, plan, attempt, verdict, trace, event; `unfinished` for a planned attempt without an
    end, and `left over` for bytes that a killed writer left, which nothing minds.
    """

    kind: str
    where: str
    what: str

    @property
    def damage(self) -> bool:
        """Whether something is wrong with what is there."""
        return self.kind not in (OPEN, LEFT_OVER)


class Check:
    """One check of a ledger; `counts` says how much was seen when the findings are through."""

    def __init__(self, path: Path) -> None:
        """Check the ledger `path`. Raises UserError where there is no file to read."""
        if not os.path.isfile(path):  # pathlib's own raises where a folder may not be entered
            raise UserError(f"There is no ledger {path}: name a run's folder, or its ledger.sqlite")
        self.path = path
        self.version: int | None = None
        self.counts: Counter[str] = Counter()

    def findings(self) -> Iterator[Finding]:
        """Yield all findings, in the order of the file: its pages, schema, facts, tasks, plan, attempts, traces."""
        for finding in self._all():
            self.counts[finding.kind if not finding.damage else "damaged"] += 1
            yield finding

    def _all(self) -> Iterator[Finding]:
        try:
            LedgerReader(self.path).close()
        except UserError as error:
            yield Finding("file", str(self.path), str(error))
        try:
            reader = LedgerReader(self.path, cut_short=True)
        except UserError:
            return
        with closing(reader):
            self.version = reader.version
            yield from self._check(reader._db, LAYOUTS[self.version])

    def _check(self, db: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
        db.execute("BEGIN")
        parts = [self._file(db), self._schema(db), self._facts(db), self._tasks(db), self._plan(db, layout)]
        parts += [self._strays(db), self._attempts(db, layout), self._open(db, layout)]
        if layout.version:
            parts += [self._columns(db), self._events(db), self._packs(db)]
        for part in parts:
            try:
                yield from part
            except sqlite3.Error as error:
                yield Finding("file", str(self.path), f"a part of it cannot be read ({error})")

    def _file(self, db: sqlite3.Connection) -> Iterator[Finding]:
        for (said,) in db.execute(f"PRAGMA integrity_check({_MOST_SAID})"):
            if said != "ok":
                yield Finding("file", str(self.path), str(said))
        for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
            if self.version:  # the first layout's own keys are looked at below
                yield Finding("file", str(table), f"row {row} names a row of {parent} that is not there")

    def _schema(self, db: sqlite3.Connection) -> Iterator[Finding]:
        if self.version != schema.VERSION:
            return
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
            schema.create(model)
            wanted = dict(model.execute(_OBJECTS))
        found = dict(db.execute(_OBJECTS))
        for name, sql in wanted.items():
            if name not in found:
                yield Finding("schema", name, "it is missing: without it the file is not append-only or not fast")
            elif " ".join(found[name].split()) != " ".join(sql.split()):
                yield Finding("schema", name, "it is not as this assay makes it")

    def _facts(self, db: sqlite3.Connection) -> Iterator[Finding]:
        for name, value in _rows(db, "SELECT name, value FROM facts ORDER BY name"):
            self.counts["facts"] += 1
            try:
                json.loads(value)
            except ValueError as error:
                yield Finding("fact", str(name), f"it is no JSON ({error})")

    def _tasks(self, db: sqlite3.Connection) -> Iterator[Finding]:
        for task_id, split, body in _rows(db, "SELECT id, split, body FROM tasks ORDER BY rowid"):
            self.counts["tasks"] += 1
            try:
                task = Task.from_json(zlib.decompress(body))
            except (ValueError, zlib.error) as error:
                yield Finding("task", str(task_id), f"it cannot be read ({_short(error)})")
                continue
            if (task.id, task.split) != (task_id, split):
                yield Finding("task", str(task_id), f"it holds the task {task.id} of the split {task.split}")

    def _plan(self, db: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
        for position, attempt_id, arm, seed, dose, task_id, split, trial in _rows(db, layout.planned):
            self.counts["planned"] += 1
            try:
                plan = PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task_id, split=split, trial=trial)
            except ValueError as error:
                yield Finding("plan", f"position {position}", f"it is no planned attempt ({_short(error)})")
                continue
            if plan.id != attempt_id:
                yield Finding("plan", str(attempt_id), f"the id does not fit what is planned, which makes {plan.id}")

    def _strays(self, db: sqlite3.Connection) -> Iterator[Finding]:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        queries = ["SELECT id FROM unplanned"] if "unplanned" in tables else []
        if self.version:
            queries.append("SELECT position FROM attempts WHERE position NOT IN (SELECT position FROM plan)")
        else:
            queries.append("SELECT id FROM attempts WHERE id NOT IN (SELECT id FROM plan)")
        for query in queries:
            for (known,) in _rows(db, query):
                yield Finding("attempt", str(known), "it was never planned")

    def _attempts(self, db: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
        with closing(TraceReader(folder_of(self.path))) as traces:
            for found in walk(db, layout):
                if isinstance(found, str):
                    yield Finding("attempt", found, "the file is damaged there")
                    continue
                self.counts["recorded"] += 1
                yield from _of_row(found)
                yield from self._trace(found, traces)

    def _trace(self, entry: Entry, traces: TraceReader) -> Iterator[Finding]:
        try:
            content = entry.content(traces)
        except DamagedTrace as error:
            yield Finding("trace", entry.id, str(error))
            return
        if content is None:
            return
        self.counts["trajectories"] += 1
        try:
            Trajectory.model_validate_json(content)
        except ValueError as error:
            yield Finding("trace", entry.id, f"it is no trajectory ({_short(error)})")

    def _open(self, db: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
        query, values = layout.matching(Filter(statuses=(UNFINISHED,))).sql()
        sql = f"SELECT p.id FROM plan p WHERE p.position IN ({query}) ORDER BY p.position"
        for (attempt_id,) in _rows(db, sql, values):
            yield Finding(OPEN, attempt_id, "it is planned and has no end yet")

    def _columns(self, db: sqlite3.Connection) -> Iterator[Finding]:
        """Compare what stands in two places."""
        for name, sql in _TWICE.items():
            for (attempt_id,) in _rows(db, sql):
                yield Finding("attempt", str(attempt_id), name)

    def _events(self, db: sqlite3.Connection) -> Iterator[Finding]:
        for number, body in _rows(db, "SELECT number, body FROM events ORDER BY number"):
            self.counts["events"] += 1
            try:
                json.loads(body)
            except ValueError as error:
                yield Finding("event", str(number), f"it is no JSON ({error})")

    def _packs(self, db: sqlite3.Connection) -> Iterator[Finding]:
        """Count the bytes that no row names. A frame that is missing was found when it was read."""
        named: Counter[int] = Counter()
        end = (0, 0)
        for pack, place, size in _rows(
            db, "SELECT pack, place, size FROM attempts WHERE pack IS NOT NULL ORDER BY pack, place"
        ):
            if end[0] == pack and place < end[1]:
                yield Finding("trace", f"pack {pack}, byte {place}", "two attempts name these bytes")
            end = (pack, place + size)
            named[pack] += size
        for number, path in packs(folder_of(self.path)).items():
            if (over := path.stat().st_size - named[number]) > 0:
                self.counts["left over bytes"] += over
                yield Finding(
                    LEFT_OVER, path.name, f"{over} bytes are of no attempt: a writer was killed, or is at work"
                )


_OBJECTS = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index', 'trigger') AND sql IS NOT NULL"

_TWICE = {
    "its cell or task is not the plan's": """SELECT p.id FROM attempts a JOIN plan p USING (position)
        WHERE a.cell <> p.cell OR a.task <> p.task""",
    "its value or reason is not the verdict's": """SELECT p.id FROM attempts a JOIN plan p USING (position)
        LEFT JOIN verdicts v USING (position) WHERE CASE WHEN v.body IS NULL THEN a.value IS NOT NULL OR a.reason <> ''
        WHEN json_valid(v.body) THEN a.value IS NOT json_extract(v.body, '$.value')
        OR a.reason IS NOT json_extract(v.body, '$.reason') ELSE 0 END""",
}


def _of_row(entry: Entry) -> Iterator[Finding]:
    """Yield what is wrong with the row of an attempt."""
    try:
        attempt = entry.attempt()
    except ValueError as error:
        yield Finding("attempt", entry.id, f"its row cannot be read ({_short(error)})")
        return
    if attempt.plan.id != entry.id:
        yield Finding("attempt", entry.id, f"its row is of the attempt {attempt.plan.id}")
    if entry.status != attempt.status.value:
        yield Finding("attempt", entry.id, f"its status is {entry.status} in one place and {attempt.status} in another")
    if why := disagreement(attempt):
        yield Finding("verdict", entry.id, why)


def disagreement(attempt: Attempt) -> str:
    """Return in what the status and the verdict of an attempt contradict each other, or nothing (law 1)."""
    verdict, status = attempt.verdict, attempt.status
    if verdict is None:
        return ""
    if verdict.validity is Validity.INVALID:
        return "" if status is Status.MACHINERY else f"its verdict is invalid and its status is {status}"
    if status is Status.MACHINERY:
        return f"its status is machinery and its verdict has the value {verdict.value}"
    if (status is Status.CHEATED) != (verdict.reason is Reason.CHEATED):
        return f"its status is {status} and its verdict's reason {verdict.reason}"
    if status is not Status.CHEATED and (status is Status.SOLVED) != verdict.solved:
        return f"its status is {status} and its verdict's value {verdict.value}"
    return ""


def _rows(db: sqlite3.Connection, sql: str, values: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
    with closing(db.execute(sql, values)) as rows:
        yield from rows


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
