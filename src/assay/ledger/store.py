"""The SQLite store: a plan, one final row for each planned attempt, compressed traces, and named facts.

Appends only: a row that exists is never changed, by triggers in the file itself. Every call is one
transaction, so a killed process loses at most what it had not yet recorded (a power cut may lose the last
transactions, never the file).
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from assay.errors import MachineryError, UserError
from assay.nouns import Attempt, PlannedAttempt, Task, Trajectory

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, split TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS plan (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, arm TEXT NOT NULL, seed INTEGER NOT NULL,
    dose INTEGER NOT NULL, task_id TEXT NOT NULL, split TEXT NOT NULL, trial INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS attempts (
    id TEXT PRIMARY KEY REFERENCES plan(id), status TEXT NOT NULL, body TEXT NOT NULL, trace BLOB) STRICT;
CREATE TRIGGER IF NOT EXISTS facts_stay BEFORE UPDATE ON facts
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS attempts_stay BEFORE UPDATE ON attempts
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS attempts_kept BEFORE DELETE ON attempts
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS plan_stays BEFORE UPDATE ON plan
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS plan_kept BEFORE DELETE ON plan
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Ledger:
    """One run's record. Several processes may hold it open: SQLite's write-ahead log takes turns."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it. Raises UserError when it cannot be opened or is not a ledger."""
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=60.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise UserError(
                f"The ledger {path} cannot be opened ({error}): free space, mend its permissions or name another run."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            with closing(self._db.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    cursor.executemany(sql, rows)
                except BaseException:
                    cursor.execute("ROLLBACK")
                    raise
                cursor.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            raise MachineryError(f"The ledger {self.path} refused a row ({error}).") from error
        except sqlite3.OperationalError as error:
            raise UserError(
                f"The ledger {self.path} could not be written ({error}): free space on its disk and run again; "
                "what is recorded is kept."
            ) from error

    def set_fact(self, name: str, value: Any) -> None:
        """Record a named JSON fact once; the same value again is allowed, another value is an error."""
        old = self.fact(name)
        if old is not None:
            if old != json.loads(json.dumps(value)):
                raise MachineryError(f"The ledger {self.path} already holds another value for {name!r}.")
            return
        self._write("INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value, sort_keys=True))])

    def fact(self, name: str) -> Any:
        """Return a named fact, or None."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def facts(self, prefix: str = "") -> dict[str, Any]:
        """Return all facts whose names start with `prefix`."""
        rows = self._db.execute("SELECT name, value FROM facts ORDER BY name").fetchall()
        return {name: json.loads(value) for name, value in rows if name.startswith(prefix)}

    def add_tasks(self, tasks: Iterable[Task]) -> None:
        """Keep the full tasks of the run, oracle included, so that every verdict can be looked at again."""
        rows = [(task.id, task.split, zlib.compress(task.model_dump_json().encode())) for task in tasks]
        self._write("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?)", rows)

    def tasks(self, split: str | None = None) -> list[Task]:
        """Return the tasks kept here, in the order they were added."""
        where, values = ("WHERE split = ?", (split,)) if split else ("", ())
        rows = self._db.execute(f"SELECT body FROM tasks {where} ORDER BY rowid", values)
        return [Task.model_validate_json(zlib.decompress(body)) for (body,) in rows]

    def plan(self, planned: Iterable[PlannedAttempt]) -> None:
        """Write the plan down before anything runs. Denominators are counted from it (law 3)."""
        rows = [(p.id, p.arm, p.seed, p.dose, p.task_id, p.split, p.trial) for p in planned]
        self._write(
            "INSERT OR IGNORE INTO plan (id, arm, seed, dose, task_id, split, trial) VALUES (?,?,?,?,?,?,?)", rows
        )

    def planned(self) -> list[PlannedAttempt]:
        """Return the plan in its order."""
        rows = self._db.execute("SELECT arm, seed, dose, task_id, split, trial FROM plan ORDER BY position")
        return [PlannedAttempt(arm=a, seed=s, dose=d, task_id=t, split=p, trial=n) for a, s, d, t, p, n in rows]

    def record(self, attempt: Attempt, trajectory: Trajectory | None) -> None:
        """Record the one final row of a planned attempt. A second row for the same attempt is an error."""
        trace = None if trajectory is None else zlib.compress(trajectory.model_dump_json().encode())
        row = (attempt.plan.id, attempt.status.value, attempt.model_dump_json(), trace)
        self._write("INSERT INTO attempts VALUES (?, ?, ?, ?)", [row])

    def finished(self) -> set[str]:
        """Return the ids of the planned attempts that have their final row."""
        return {row[0] for row in self._db.execute("SELECT id FROM attempts")}

    def attempts(self) -> Iterator[Attempt]:
        """Yield every recorded attempt in the order of the plan."""
        rows = self._db.execute("SELECT a.body FROM attempts a JOIN plan p ON p.id = a.id ORDER BY p.position")
        for (body,) in rows:
            yield Attempt.model_validate_json(body)

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Return the final row of a planned attempt, or None when it has none yet."""
        row = self._db.execute("SELECT body FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
        return None if row is None else Attempt.model_validate_json(row[0])

    def fingerprint(self) -> str:
        """SHA-256 of what happened: plan, tasks, attempts, traces and facts, without times and the machine.

        A run that was killed and resumed has the fingerprint of one that was not.
        """
        state = hashlib.sha256()
        for name, value in self.facts().items():
            if name != "machine" and not name.startswith("finished/"):
                state.update(f"{name}={json.dumps(value, sort_keys=True)}\n".encode())
        for task in self.tasks():
            state.update(task.digest.encode())
        for planned in self.planned():
            state.update(planned.id.encode())
        for attempt in self.attempts():
            trajectory = self.trajectory(attempt.plan.id)
            state.update(attempt.model_copy(update={"wall_s": 0.0}).model_dump_json().encode())
            state.update(trajectory.model_dump_json().encode() if trajectory else b"none")
        return state.hexdigest()

    def trajectory(self, attempt_id: str) -> Trajectory | None:
        """Return the trace of an attempt, or None when it has none."""
        row = self._db.execute("SELECT trace FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
        if row is None or row[0] is None:
            return None
        return Trajectory.model_validate_json(zlib.decompress(row[0]))
