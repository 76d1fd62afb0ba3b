"""The SQLite store: a plan, one final row for each planned attempt, named facts and events; traces beside it.

Appends only: a row that exists is never changed, by triggers in the file itself. Every call is one
transaction, so a killed process loses at most what it had not yet recorded (a power cut may lose the last
transactions, never the file).
"""

import itertools
import json
import os
import socket
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError

from assay.errors import MachineryError, UserError
from assay.ledger import events, schema
from assay.ledger.migrations import migrate
from assay.ledger.reading import CACHE, Book
from assay.ledger.traces import MOST_BYTES, Frame, TraceWriter, folder_of
from assay.nouns import Attempt, PlannedAttempt, Status, Task, Trajectory

Ended = tuple[Attempt, Trajectory | None]

_BATCH = 256  # attempts of `record_many` in one transaction
_BATCH_BYTES = 16 << 20  # and at most so much of their trajectories' JSON, so that memory stays flat

_RECORD = f"""INSERT INTO attempts SELECT position, cell, task, {", ".join("?" * 15)} FROM plan WHERE id = ?"""
_PLAN = """INSERT OR IGNORE INTO plan (id, cell, task, trial)
    VALUES (?, ?, (SELECT key FROM names WHERE task_id = ?), ?)"""
_WAITING = """SELECT p.position, c.arm, c.seed, c.dose, n.task_id, c.split, p.trial FROM plan p
    CROSS JOIN cells c ON c.key = p.cell CROSS JOIN names n ON n.key = p.task
    WHERE p.position > ? AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.position = p.position)
    ORDER BY p.position LIMIT ?"""
_WAITING_IN = """SELECT p.position, n.task_id, p.trial FROM plan p JOIN names n ON n.key = p.task
    WHERE p.cell = ? AND p.position > ? AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.position = p.position)
    ORDER BY p.position LIMIT ?"""
_PAGE = 1000  # rows of the plan
# Of the tasks planned at this moment in a cell that has results: those new to it, and those that have a result there.
# A task may have any number of trials, so each is asked for whether there is one, and they are not joined.
_LATE = """WITH added AS MATERIALIZED (SELECT DISTINCT task FROM plan WHERE position > ?2 AND cell = ?1)
    SELECT
        COUNT(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM plan p
            WHERE p.task = added.task AND p.cell = ?1 AND p.position <= ?2)),
        COUNT(*) FILTER (WHERE EXISTS (SELECT 1 FROM attempts a
            WHERE a.task = added.task AND a.cell = ?1 AND a.status != 'machinery'))
    FROM added"""


class Ledger(Book):
    """One run's record. Several processes may hold it open: SQLite's write-ahead log takes turns."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it; a ledger of an older schema is brought to the newest.

        Raises UserError when it cannot be opened, is not a ledger or comes from a newer assay.
        """
        self._packs = TraceWriter(folder_of(path))
        self._session: int | None = None
        with _opening(path):
            db = sqlite3.connect(path, timeout=60.0, isolation_level=None)
            super().__init__(path, db)
            version = schema.version_of(db, path)
            db.execute(CACHE)
            _to_wal(db)
            db.execute("PRAGMA synchronous=NORMAL")
            if version != schema.VERSION:
                self._bring_up()

    def close(self) -> None:
        """Close the files."""
        with suppress(OSError):  # every byte is written; what a full disk may refuse here is only to sync them
            self._packs.close()
        super().close()

    def set_fact(self, name: str, value: Any) -> None:
        """Record a named JSON fact once; the same value again is allowed, another value is an error."""
        old = self.fact(name)
        if old is not None:
            if old != json.loads(json.dumps(value)):
                raise MachineryError(f"The ledger {self.path} already holds another value for {name!r}.")
            return
        with self._writing():
            self._db.execute("INSERT INTO facts VALUES (?, ?)", (name, json.dumps(value, sort_keys=True)))

    def add_tasks(self, tasks: Iterable[Task]) -> None:
        """Keep the full tasks of the run, oracle included, so that every verdict can be looked at again."""
        rows = ((task.id, task.split, zlib.compress(task.to_json().encode())) for task in tasks)
        with self._writing():
            self._db.executemany("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?)", rows)

    def plan(self, planned: Iterable[PlannedAttempt]) -> None:
        """Write the plan down before anything runs. Denominators are counted from it (law 3).

        An event says how many attempts were added, and how many tasks in arms that had results by then: such a set of
        tasks may have been chosen by them.
        """
        with self._writing():
            cells: dict[tuple[str, int, int, str], int] = {}
            last = self.last_position()
            for each in planned:
                cell = (each.arm, each.seed, each.dose, each.split)
                if cell not in cells:
                    self._db.execute("INSERT OR IGNORE INTO cells (arm, seed, dose, split) VALUES (?, ?, ?, ?)", cell)
                    found = "SELECT key FROM cells WHERE arm = ? AND seed = ? AND dose = ? AND split = ?"
                    cells[cell] = self._db.execute(found, cell).fetchone()[0]
                self._db.execute("INSERT OR IGNORE INTO names (task_id) VALUES (?)", (each.task_id,))
                self._db.execute(_PLAN, (each.id, cells[cell], each.task_id, each.trial))
            (added,) = self._db.execute("SELECT COUNT(*) FROM plan WHERE position > ?", (last,)).fetchone()
            if added:
                self._event(events.PLANNED, {"attempts": added, **self._late(cells.values(), last)})

    def _late(self, cells: Iterable[int], last: int) -> dict[str, int]:
        """Count what of the plan behind position `last` was added to cells that had results."""
        found = {"results": 0, "tasks_after_results": 0, "tasks_again": 0}
        for cell in cells if last else ():
            (results,) = self._db.execute("SELECT COUNT(*) FROM attempts WHERE cell = ?", (cell,)).fetchone()
            if results:
                new, again = self._db.execute(_LATE, (cell, last)).fetchone()
                if new or again:
                    found["results"] += results
                    found["tasks_after_results"] += new
                    found["tasks_again"] += again
        return found

    def planned(self) -> list[PlannedAttempt]:
        """Return the plan in its order."""
        return list(self._planned())

    def record(self, attempt: Attempt, trajectory: Trajectory | None) -> None:
        """Record the one final row of a planned attempt.

        Raises MachineryError for a second row of the same attempt and for one that was never planned.
        """
        self._append([(attempt, trajectory)], [_content(attempt, trajectory)])

    def has(self, attempt_id: str) -> bool:
        """Whether a planned attempt has its final row."""
        found = "SELECT 1 FROM attempts a JOIN plan p ON p.position = a.position WHERE p.id = ?"
        with self._readable():
            return self._db.execute(found, (attempt_id,)).fetchone() is not None

    def waiting(self) -> Iterator[PlannedAttempt]:
        """Yield the planned attempts without a final row, in the order of the plan, a page of it in memory."""
        for _, arm, seed, dose, task_id, split, trial in self._pages(_WAITING):
            yield PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task_id, split=split, trial=trial)

    def waiting_in(self, arm: str, seed: int) -> Iterator[PlannedAttempt]:
        """As `waiting`, for one arm and seed: dose by dose, split by split, in the order of the plan."""
        cells = "SELECT key, dose, split FROM cells WHERE arm = ? AND seed = ? ORDER BY dose, key"
        with self._readable():
            found = self._db.execute(cells, (arm, seed)).fetchall()
        for cell, dose, split in found:
            for _, task_id, trial in self._pages(_WAITING_IN, cell):
                yield PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task_id, split=split, trial=trial)

    def _pages(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query that takes `values`, a position to begin behind and how many; position first."""
        after = 0
        while True:
            with self._readable():
                rows = self._db.execute(query, (*values, after, _PAGE)).fetchall()
            if not rows:
                return
            yield from rows
            after = rows[-1][0]

    def counts(self) -> tuple[int, int]:
        """Return how many attempts are planned, and how many of them have their final row."""
        with self._readable():
            found = self._db.execute("SELECT (SELECT COUNT(*) FROM plan), (SELECT COUNT(*) FROM attempts)")
            planned, finished = found.fetchone()
        return int(planned), int(finished)

    def seeds(self) -> list[int]:
        """Return the seeds of the plan, in their order."""
        with self._readable():
            return [seed for (seed,) in self._db.execute("SELECT DISTINCT seed FROM cells ORDER BY seed")]

    def last_trials(self) -> dict[str, int]:
        """Return the last planned trial of each task."""
        found = "SELECT n.task_id, MAX(p.trial) FROM plan p JOIN names n ON n.key = p.task GROUP BY p.task"
        with self._readable():
            return dict(self._db.execute(found))

    def last_ended(self) -> dict[str, tuple[int, Status]]:
        """Return the last trial of each task that has its final row, and its status."""
        found = """SELECT n.task_id, MAX(p.trial), a.status FROM attempts a JOIN plan p ON p.position = a.position
            JOIN names n ON n.key = a.task GROUP BY a.task"""  # the status is that of the row with the maximum
        with self._readable():
            return {task_id: (trial, Status(status)) for task_id, trial, status in self._db.execute(found)}

    def record_once(self, attempt: Attempt, trajectory: Trajectory | None) -> bool:
        """Record the final row of a planned attempt unless it has one; return whether it had none.

        What comes from a worker may come twice: the first counts. Raises as `record` does.
        """
        if self.has(attempt.plan.id):
            return False
        self.record(attempt, trajectory)
        return True

    def record_many(self, ended: Iterable[Ended]) -> int:
        """Record the final rows of many planned attempts, a few hundred a transaction; return how many.

        Raises as `record` does; the transactions before the one that failed are kept.
        """
        total, size = 0, 0
        batch: list[Ended] = []
        contents: list[bytes | None] = []
        for each in ended:
            batch.append(each)
            contents.append(_content(*each))
            size += len(contents[-1] or b"")
            if len(batch) == _BATCH or size >= _BATCH_BYTES:
                self._append(batch, contents)
                total, size = total + len(batch), 0
                batch, contents = [], []
        if batch:
            self._append(batch, contents)
        return total + len(batch)

    def event(self, kind: str, **body: Any) -> None:
        """Write down that something happened to the run, with the time and this process."""
        with self._writing():
            self._event(kind, body)

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Write down that this process starts `what` in the run, or resumes it, and how that ended.

        A process that is killed writes no end.
        """
        done = self._db.execute("SELECT COUNT(*) FROM attempts").fetchone()[0]
        self.event(events.RESUMED if done else events.STARTED, what=what, attempts=done)
        try:
            yield
        except BaseException as error:
            with suppress(UserError):  # the disk may be full: what is raised says so already
                self.event(events.INTERRUPTED, what=what, by=type(error).__name__)
            raise
        self.event(events.ENDED, what=what)

    def _append(self, ended: list[Ended], contents: list[bytes | None]) -> None:
        """Add rows and their trajectories in one transaction; a row that is refused takes its frames back."""
        try:
            frames = self._packs.append([content for content in contents if content is not None])
        except OSError as error:
            raise self._no_space(error) from error
        left = iter(frames)
        try:
            with self._writing():
                session = self._session or self._event(events.WRITER, {})
                now = time.time()
                for (attempt, _), content in zip(ended, contents, strict=True):
                    self._add(attempt, None if content is None else next(left), now, session)
        except MachineryError:
            self._packs.take_back(frames)
            raise
        self._session = session

    def _add(self, attempt: Attempt, frame: Frame | None, now: float, session: int) -> None:
        verdict = attempt.verdict
        values = (
            attempt.status.value,
            None if verdict is None else verdict.value,
            "" if verdict is None else verdict.reason.value,
            attempt.steps,
            attempt.sampled_tokens,
            attempt.wall_s,
            attempt.test_only,
            now,
            session,
            *((frame.pack, frame.place, frame.size, frame.length, frame.sha256) if frame else (None,) * 5),
            attempt.detail,
        )
        planned = attempt.plan.id
        row = self._db.execute(_RECORD, (*values, planned))
        if row.rowcount != 1:
            raise MachineryError(
                f"The ledger {self.path} has no plan for the attempt {planned} ({attempt.plan.task_id}): plan it first."
            )
        if verdict is not None:
            self._db.execute("INSERT INTO verdicts VALUES (?, ?)", (row.lastrowid, verdict.model_dump_json()))

    def _event(self, kind: str, body: dict[str, Any]) -> int:
        """Add an event in the transaction that is open; return its number."""
        row = self._db.execute(
            "INSERT INTO events (at, host, process, kind, body) VALUES (?, ?, ?, ?, ?)",
            (time.time(), socket.gethostname(), os.getpid(), kind, json.dumps(body, sort_keys=True)),
        )
        return int(row.lastrowid or 0)

    def _bring_up(self) -> None:
        """Make the tables, or migrate them; another process may have done it while this one waited for its turn."""
        with self._writing():
            version = schema.version_of(self._db, self.path)
            if version is None:
                schema.create(self._db)
            elif version < schema.VERSION:
                carried = migrate(self._db, self._packs, version)
                self._event(events.MIGRATED, {"from": version, "to": schema.VERSION, "attempts": carried})
        if version is not None and version < schema.VERSION:
            with suppress(sqlite3.Error):  # others may be reading, or the disk too full to write the file anew
                self._db.execute("VACUUM")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the one transaction; what fails in it is undone and said in a sentence."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite undoes it by itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise
        except (sqlite3.IntegrityError, UnicodeEncodeError) as error:
            raise MachineryError(f"The ledger {self.path} refused a row ({error}).") from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise self._no_space(error) from error

    def _no_space(self, error: Exception) -> UserError:
        return UserError(
            f"The ledger {self.path} could not be written ({error}): free space on its disk and run again; "
            "what is recorded is kept."
        )


def _content(attempt: Attempt, trajectory: Trajectory | None) -> bytes | None:
    if trajectory is None:
        return None
    try:
        content = trajectory.model_dump_json().encode()
    except PydanticSerializationError as error:
        raise MachineryError(f"The trajectory of {attempt.plan.id} holds text that is no Unicode ({error}).") from error
    if len(content) > MOST_BYTES:
        raise MachineryError(
            f"The trajectory of {attempt.plan.id} has {len(content)} bytes, and {MOST_BYTES} are kept."
        )
    return content


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UserError(
            f"The ledger {path} cannot be opened ({error}): free space, mend its permissions or name another run."
        ) from error


def _to_wal(db: sqlite3.Connection) -> None:
    """Set a new file to the write-ahead log. Processes that do so at once are told to wait, not made to."""
    for wait in itertools.count(1):
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if wait == 100:
                raise
            time.sleep(0.05)
