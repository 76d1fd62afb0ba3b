"""Read a ledger without touching it: attempts with their traces in the order of the plan, a range at a time."""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.nouns import Attempt, PlannedAttempt, Trajectory


class LedgerReader:
    """A ledger opened read-only; the run that writes it may be at work."""

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises UserError when it is no ledger."""
        self.path = path
        try:
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60.0)
            self._db.execute("SELECT id, status, body, trace FROM attempts LIMIT 1")
        except sqlite3.Error as error:
            raise UserError(f"The ledger {path} cannot be read ({error}): name a run's ledger") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def fact(self, name: str) -> Any:
        """Return a named fact, or None."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def facts(self, prefix: str) -> dict[str, Any]:
        """Return all facts whose names start with `prefix`."""
        rows = self._db.execute("SELECT name, value FROM facts WHERE substr(name, 1, ?) = ?", (len(prefix), prefix))
        return {name: json.loads(value) for name, value in rows}

    def last_position(self) -> int:
        """Return the highest position of the plan, 0 when nothing is planned."""
        return int(self._db.execute("SELECT COALESCE(MAX(position), 0) FROM plan").fetchone()[0])

    def planned(self) -> Iterator[PlannedAttempt]:
        """Yield the plan in its order."""
        rows = self._db.execute("SELECT arm, seed, dose, task_id, split, trial FROM plan ORDER BY position")
        for a, s, d, t, p, n in rows:
            yield PlannedAttempt(arm=a, seed=s, dose=d, task_id=t, split=p, trial=n)

    def recorded(self, first: int, last: int) -> Iterator[tuple[int, Attempt, Trajectory | None]]:
        """Yield (position, attempt, trajectory) of the recorded attempts from position `first` to `last`, both in."""
        for position, _, body, trace in self._rows(first, last):
            found = None if trace is None else Trajectory.model_validate_json(zlib.decompress(trace))
            yield position, Attempt.model_validate_json(body), found

    def repositories(self) -> dict[str, str]:
        """Return the repository of each task whose metadata name one."""
        found: dict[str, str] = {}
        with closing(self._db.execute("SELECT id, body FROM tasks")) as rows:
            for task_id, body in rows:
                metadata = json.loads(zlib.decompress(body)).get("metadata") or {}
                if isinstance(metadata.get("repo"), str):
                    found[task_id] = metadata["repo"]
        return found

    def sha256(self) -> str:
        """Return a hash of the recorded attempts and their traces, without the times that they took."""
        state = hashlib.sha256()
        for _, attempt_id, body, trace in self._rows(0, self.last_position()):
            kept = {name: value for name, value in json.loads(body).items() if name != "wall_s"}
            state.update(f"{attempt_id}={json.dumps(kept, sort_keys=True)}\n".encode())
            state.update(b"none" if trace is None else hashlib.sha256(zlib.decompress(trace)).digest())
        return state.hexdigest()

    def _rows(self, first: int, last: int) -> Iterator[tuple[int, str, str, bytes | None]]:
        sql = "SELECT p.position, a.id, a.body, a.trace FROM plan p JOIN attempts a ON a.id = p.id"
        try:
            with closing(
                self._db.execute(f"{sql} WHERE p.position BETWEEN ? AND ? ORDER BY p.position", (first, last))
            ) as rows:
                yield from rows
        except sqlite3.Error as error:
            raise UserError(f"The ledger {self.path} cannot be read ({error}): mend or copy it") from error
