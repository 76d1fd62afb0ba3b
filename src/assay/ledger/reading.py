"""Read a ledger without touching it: facts, tasks, plan, attempts with their traces, and rows that a filter picks."""

import hashlib
import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from assay.errors import UserError
from assay.ledger import browse as browsing
from assay.ledger.browse import Coverage, Filter, Row
from assay.ledger.current import Current
from assay.ledger.events import Event, events_of
from assay.ledger.first import First
from assay.ledger.layout import Entry, Layout
from assay.ledger.schema import version_of
from assay.ledger.traces import DamagedTrace, TraceReader, folder_of
from assay.nouns import Attempt, PlannedAttempt, Task, Trajectory

LAYOUTS: dict[int, Layout] = {layout.version: layout for layout in (First(), Current())}
_PAGE = 5_000  # rows
CACHE = "PRAGMA cache_size = -8192"  # kB of SQLite's pages: enough to walk through the rows of 200,000 attempts


class Book:
    """What can be read of an open ledger, whoever opened it; each call sees what is recorded by then."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._traces = TraceReader(folder_of(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._traces.close()
        self._db.close()

    @property
    def version(self) -> int:
        """The version of the file's schema; a writer may bring it up while others read."""
        with self._readable():
            return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def fact(self, name: str) -> Any:
        """Return a named fact, or None."""
        with self._readable(f"the fact {name!r}"):
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return None if row is None else json.loads(row[0])

    def facts(self, prefix: str = "") -> dict[str, Any]:
        """Return all facts whose names start with `prefix`, in the order of their names."""
        sql = "SELECT name, value FROM facts WHERE substr(name, 1, ?) = ? ORDER BY name"
        with self._readable("a fact"):
            return {name: json.loads(value) for name, value in self._db.execute(sql, (len(prefix), prefix))}

    def tasks(self, split: str | None = None) -> list[Task]:
        """Return the tasks kept here, in the order they were added."""
        where, values = ("WHERE split = ?", (split,)) if split else ("", ())
        with self._readable("a task"):
            rows = self._db.execute(f"SELECT body FROM tasks {where} ORDER BY rowid", values)
            return [Task.from_json(zlib.decompress(body)) for (body,) in rows]

    def task(self, task_id: str) -> Task | None:
        """Return a task as the run kept it, oracle included, or None where it was not kept."""
        with self._readable(f"the task {task_id}"):
            row = self._db.execute("SELECT body FROM tasks WHERE id = ?", (task_id,)).fetchone()
            return None if row is None else Task.from_json(zlib.decompress(row[0]))

    def repositories(self) -> dict[str, str]:
        """Return the repository of each task whose metadata name one."""
        found: dict[str, str] = {}
        with self._readable("a task"), closing(self._db.execute("SELECT id, body FROM tasks")) as rows:
            for task_id, body in rows:
                metadata = json.loads(zlib.decompress(body)).get("metadata") or {}
                if isinstance(metadata.get("repo"), str):
                    found[task_id] = metadata["repo"]
        return found

    def tokenizers(self) -> dict[str, str]:
        """Return the SHA-256 of the tokenizer of each arm's sampled ids, where the run says it."""
        bases = (self.fact("identity") or {}).get("bases", {})
        end = "/tokenizer.json"
        return dict(self.fact("tokenizers") or {}) | {
            name.removesuffix(end): found for name, found in bases.items() if name.endswith(end)
        }

    def last_position(self) -> int:
        """Return the highest position of the plan, 0 when nothing is planned."""
        with self._readable():
            return int(self._db.execute("SELECT COALESCE(MAX(position), 0) FROM plan").fetchone()[0])

    def finished(self) -> set[str]:
        """Return the ids of the planned attempts that have their final row."""
        with self._readable():
            return {row[0] for row in self._db.execute(self._layout.ended)}

    def attempts(self) -> Iterator[Attempt]:
        """Yield every recorded attempt in the order of the plan."""
        for entry in self._entries(0, self.last_position()):
            yield self._attempt(entry)

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Return the final row of a planned attempt, or None when it has none yet."""
        entry = self._entry(attempt_id)
        return None if entry is None else self._attempt(entry)

    def trajectory(self, attempt_id: str) -> Trajectory | None:
        """Return the trace of an attempt, or None when it has none. Raises DamagedTrace, a UserError."""
        entry = self._entry(attempt_id)
        return None if entry is None else self._trajectory(entry)

    def recorded(self, first: int, last: int) -> Iterator[tuple[int, Attempt, Trajectory | None]]:
        """Yield (position, attempt, trajectory) of the recorded attempts from position `first` to `last`, both in."""
        for entry in self._entries(first, last):
            yield entry.position, self._attempt(entry), self._trajectory(entry)

    def events(self, *, attempts: bool = False) -> Iterator[Event]:
        """Yield what happened to the run in the order of time; with `attempts` each one's end too."""
        with self._readable("an event"):
            if self._layout.version:
                yield from events_of(self._db, attempts=attempts)

    def fingerprint(self) -> str:
        """SHA-256 of what happened: plan, tasks, attempts, traces and facts, without times and the machine.

        A run that was killed and resumed has the fingerprint of one that was not, and one in an older schema that of
        the same run in the newest.
        """
        state = hashlib.sha256()
        for name, value in self.facts().items():
            if name != "machine" and not name.startswith("finished/"):
                state.update(f"{name}={json.dumps(value, sort_keys=True)}\n".encode())
        for task in self.tasks():
            state.update(task.digest.encode())
        for planned in self._planned():
            state.update(planned.id.encode())
        for _, attempt, trajectory in self.recorded(0, self.last_position()):
            state.update(attempt.model_copy(update={"wall_s": 0.0}).model_dump_json().encode())
            state.update(trajectory.model_dump_json().encode() if trajectory else b"none")
        return state.hexdigest()

    def sha256(self) -> str:
        """Return a hash of the recorded attempts and their traces, without the times that they took."""
        state = hashlib.sha256()
        for entry in self._entries(0, self.last_position()):
            kept = json.loads(self._attempt(entry).model_dump_json(exclude={"wall_s"}))
            state.update(f"{entry.id}={json.dumps(kept, sort_keys=True)}\n".encode())
            state.update(entry.sha256() or b"none")
        return state.hexdigest()

    @property
    def _layout(self) -> Layout:
        return LAYOUTS[self.version]

    def _planned(self) -> Iterator[PlannedAttempt]:
        with self._readable(), closing(self._db.execute(self._layout.planned)) as rows:
            for _, _, arm, seed, dose, task_id, split, trial in rows:
                yield PlannedAttempt(arm=arm, seed=seed, dose=dose, task_id=task_id, split=split, trial=trial)

    def _entries(self, first: int, last: int) -> Iterator[Entry]:
        with self._readable():
            yield from self._layout.entries(self._db, first, last)

    def _entry(self, attempt_id: str) -> Entry | None:
        with self._readable():
            return self._layout.entry(self._db, attempt_id)

    def _attempt(self, entry: Entry) -> Attempt:
        with self._readable(f"the attempt {entry.id}"):
            return entry.attempt()

    def _trajectory(self, entry: Entry) -> Trajectory | None:
        with self._readable(f"the trajectory of {entry.id}"):
            content = entry.content(self._traces)
            return None if content is None else Trajectory.model_validate_json(content)

    @contextmanager
    def _readable(self, what: str = "a row") -> Iterator[None]:
        """Say in a sentence what could not be read."""
        try:
            yield
        except DamagedTrace as error:
            raise DamagedTrace(f"The ledger {self.path}, {what}: {error}") from error
        except sqlite3.Error as error:
            raise UserError(
                f"The ledger {self.path} cannot be read ({error}): `assay ledger check` says what is wrong with it."
            ) from error
        except (ValueError, zlib.error) as error:  # pydantic's and json's are ValueErrors
            why = " ".join(str(error).split())[:200]
            raise UserError(
                f"The ledger {self.path} is damaged: {what} cannot be read ({why}); `assay ledger check` names all."
            ) from error


class LedgerReader(Book):
    """A ledger opened read-only; the run that writes it may be at work, and threads of one process may share it."""

    def __init__(self, path: Path, *, cut_short: bool = False) -> None:
        """Open `path`; with `cut_short` also where the file's end is missing.

        Raises UserError when it is no ledger, or one of a newer assay.
        """
        try:
            db = _open(path, cut_short)
            version = version_of(db, path)
        except sqlite3.Error as error:
            raise UserError(f"The ledger {path} cannot be read ({error}): name a run's ledger") from error
        if version is None:
            raise UserError(f"The ledger {path} cannot be read (it is empty): name a run's ledger")
        super().__init__(path, db)
        self._flags: object = None
        self._turn = threading.Lock()

    def planned(self) -> Iterator[PlannedAttempt]:
        """Yield the plan in its order."""
        return self._planned()

    def browse(self, wanted: Filter, *, after: int = 0, limit: int = 50, newest_first: bool = False) -> tuple[Row, ...]:
        """Return the next `limit` rows behind position `after` in the plan (0: from the beginning).

        With `newest_first` the plan is read from its end, and `after` is the last position seen on the way back.
        """
        with self._readable():
            self._flag(wanted)
            return browsing.browse(self._db, self._layout, wanted, after=after, limit=limit, newest_first=newest_first)

    def rows(self, wanted: Filter | None = None) -> Iterator[Row]:
        """Yield every row that a filter lets through, in the order of the plan, a page in memory at a time."""
        after = 0
        while page := self.browse(wanted or Filter(), after=after, limit=_PAGE):
            yield from page
            after = page[-1].position

    def matches(self, wanted: Filter, most: int) -> tuple[int, tuple[int, ...] | None]:
        """Return how many rows the filter lets through, and their positions where these are no more than `most`."""
        with self._readable():
            self._flag(wanted)
            return browsing.matches(self._db, self._layout, wanted, most)

    def at(self, positions: Sequence[int]) -> tuple[Row, ...]:
        """Return the rows at some positions, in the order of the plan."""
        with self._readable():
            return browsing.at(self._db, self._layout, positions)

    def count(self, wanted: Filter) -> int:
        """Return how many rows the filter lets through."""
        with self._readable():
            self._flag(wanted)
            return browsing.count(self._db, self._layout, wanted)

    def coverage(self) -> tuple[Coverage, ...]:
        """Return how many planned attempts of each arm, seed, dose and split ended how."""
        with self._readable():
            return tuple(Coverage(*row) for row in self._layout.coverage(self._db))

    def same_task(self, task_id: str, *, limit: int = 200) -> tuple[Row, ...]:
        """Return the rows of a task: every arm, seed, dose and trial, in the order of the plan."""
        with self._readable():
            return browsing.same_task(self._db, self._layout, task_id, limit)

    def neighbours(self, attempt_id: str, *, limit: int = 200) -> tuple[Row, ...]:
        """Return the other rows of the task of a planned attempt, in the order of the plan."""
        own = self.row(attempt_id)
        if own is None:
            return ()
        return tuple(row for row in self.same_task(own.task_id, limit=limit + 1) if row.id != attempt_id)[:limit]

    def row(self, attempt_id: str) -> Row | None:
        """Return the row of a planned attempt, or None where it is not planned."""
        with self._readable():
            return browsing.row(self._db, self._layout, attempt_id)

    def _flag(self, wanted: Filter) -> None:
        """Bring the positions of the flagged attempts up to date, where the filter asks for them."""
        if wanted.flagged is None:
            return
        with self._turn:
            self._fill_flags()

    def _fill_flags(self) -> None:
        audit = self.path.with_name(browsing.AUDIT)
        facts = self._db.execute("SELECT COUNT(*) FROM facts").fetchone()[0]  # they are added, never changed
        try:
            seen: object = (facts, audit.stat().st_mtime_ns, audit.stat().st_size)
        except OSError:
            seen = (facts,)
        if seen == self._flags:
            return
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS flagged (position INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM temp.flagged")
        named = (name.removeprefix("flags/") for name, flags in self.facts("flags/").items() if flags)
        for ids in (named, (attempt_id for attempt_id, _ in browsing.flags(self.path))):
            rows = ((attempt_id,) for attempt_id in ids)
            self._db.executemany("INSERT OR IGNORE INTO temp.flagged SELECT position FROM plan WHERE id = ?", rows)
        self._flags = seen


def _open(path: Path, cut_short: bool) -> sqlite3.Connection:
    """Open a file read-only: SQLite needs its two helper files beside it, unless nobody can be writing there."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    log = path.with_name(path.name + "-wal")
    if os.path.isfile(path) and not os.path.exists(log) and not os.access(path.parent, os.W_OK):
        uri += "&immutable=1"
    # a server's threads take turns inside SQLite itself, where it was built so
    alone = sqlite3.threadsafety != 3
    db = sqlite3.connect(uri, uri=True, timeout=60.0, isolation_level=None, check_same_thread=alone)
    if cut_short:  # SQLite's own way to read a file that is shorter than its header says; nothing is written
        db.execute("PRAGMA writable_schema = ON")
    db.execute(CACHE)
    return db
