"""Tally: what of every attempt the audit of the whole run needs, in a temporary database, so that memory stays flat."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from assay.audit.cases import Record
from assay.audit.environment import seen_in
from assay.audit.findings import Finding, cheat_score
from assay.ledger.exchange.entry import value_of
from assay.nouns import Role, Trajectory

_SCHEMA = """
CREATE TABLE attempts (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, arm TEXT NOT NULL, seed INTEGER NOT NULL, dose INTEGER NOT NULL,
    task_id TEXT NOT NULL, split TEXT NOT NULL, trial INTEGER NOT NULL, status TEXT, value REAL, steps INTEGER NOT NULL,
    wall_s REAL NOT NULL, content TEXT, sampled TEXT, prompt TEXT, limit_steps INTEGER, score REAL NOT NULL,
    detail TEXT NOT NULL, model TEXT NOT NULL, actions TEXT, seen TEXT);
CREATE TABLE conduct (arm TEXT NOT NULL, measure TEXT NOT NULL, value REAL NOT NULL);
CREATE TABLE planned (name TEXT PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL, dose INTEGER NOT NULL,
    task_id TEXT NOT NULL, split TEXT NOT NULL, trial INTEGER NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = 21
Row = tuple[Any, ...]


class Tally:
    """A temporary database, on disk where it grows large, gone when it is closed."""

    def __init__(self) -> None:
        self.db = sqlite3.connect("", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = OFF")
        self.db.execute("PRAGMA cache_size = -16384")
        self.db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def add(self, rows: Sequence[Row], conduct: Sequence[tuple[str, str, float]]) -> None:
        """Keep the rows of some attempts, as `row_of` gives them, and their measures."""
        marks = ", ".join("?" * (_COLUMNS - 1))
        self.db.execute("BEGIN")
        self.db.executemany(f"INSERT INTO attempts VALUES (NULL, {marks})", rows)
        self.db.executemany("INSERT INTO conduct VALUES (?, ?, ?)", conduct)
        self.db.execute("COMMIT")

    def plan(self, rows: Iterator[tuple[Any, ...]]) -> None:
        """Keep the plan."""
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR IGNORE INTO planned VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self.db.execute("COMMIT")

    def ready(self) -> None:
        """Make the indexes that the questions need."""
        self.db.execute("CREATE INDEX by_task ON attempts (task_id, arm)")
        self.db.execute("CREATE INDEX by_content ON attempts (content)")
        self.db.execute("CREATE INDEX by_name ON attempts (name)")
        self.db.execute("CREATE INDEX by_measure ON conduct (arm, measure)")

    def ask(self, sql: str, *values: Any) -> Iterator[Row]:
        """Yield the rows of a question."""
        yield from self.db.execute(sql, values)

    def conduct(self) -> Iterator[tuple[str, str, list[float]]]:
        """Yield each measure of each arm with its values."""
        for arm, measure in list(self.ask("SELECT DISTINCT arm, measure FROM conduct ORDER BY 1, 2")):
            values = self.ask("SELECT value FROM conduct WHERE arm = ? AND measure = ?", arm, measure)
            yield arm, measure, [value for (value,) in values]


def row_of(record: Record, found: Sequence[Finding], actions: str) -> Row:
    """Return an attempt's row for the tally."""
    attempt, trajectory, plan = record.attempt, record.trajectory, record.plan
    return (
        record.name, plan.arm, plan.seed, plan.dose, plan.task_id, plan.split, plan.trial,
        None if attempt is None else attempt.status.value,
        None if attempt is None else value_of(attempt),
        0 if attempt is None else attempt.steps,
        0.0 if attempt is None else attempt.wall_s,
        content_of(trajectory), sampled_of(trajectory), prompt_of(trajectory),
        None if record.task is None else record.task.limits.steps,
        cheat_score(found), "" if attempt is None else attempt.detail[:200],
        "" if trajectory is None else trajectory.model, actions,
        None if trajectory is None else json.dumps(seen_in(trajectory.steps)),
    )  # fmt: skip


def content_of(trajectory: Trajectory | None) -> str | None:
    """Return a hash of all that was done and seen; None where there is nothing."""
    if trajectory is None or not trajectory.steps:
        return None
    told = [(step.command or step.reply.text, step.observation) for step in trajectory.steps]
    return _hash([trajectory.task_id, told])


def sampled_of(trajectory: Trajectory | None) -> str | None:
    """Return a hash of the texts and log-probabilities that a model gave; None where it gave no log-probabilities."""
    if trajectory is None or not any(step.reply.logprobs for step in trajectory.steps):
        return None
    return _hash([(step.reply.text, step.reply.logprobs) for step in trajectory.steps])


def prompt_of(trajectory: Trajectory | None) -> str | None:
    """Return a hash of what the agent was told before it began."""
    if trajectory is None or not trajectory.prompt:
        return None
    return _hash([message.content for message in trajectory.prompt if message.role is not Role.ASSISTANT])


def measures_of(arm: str, measures: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """Return an attempt's measures as rows for the tally."""
    return [(arm, name, value) for name, value in measures.items()]


def _hash(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, default=list).encode(), digest_size=12).hexdigest()
