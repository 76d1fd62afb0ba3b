"""The schema of a ledger's file: its version, its tables, and the triggers that let rows be added and nothing else.

A version is SQLite's own `user_version`. Version 0 is the first layout (`assay.ledger.first`), from before versions
were written down; version 1 is the one below. A writer brings an older file to the newest version
(`assay.ledger.migrations`), a reader reads either, and both refuse a newer one.

Names that come back in every row stand once: a cell is an arm, seed, dose and split of the plan, and `names` has the
tasks' names. So a row of 200,000 is a few numbers, and a filter over all of them is one walk through an index.
"""

import sqlite3
from pathlib import Path

from assay.errors import UserError

VERSION = 1
APPLICATION = 0x61737379  # "assy": SQLite's own mark of whose file it is

TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE tasks (id TEXT PRIMARY KEY, split TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE cells (
    key INTEGER PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL, dose INTEGER NOT NULL, split TEXT NOT NULL,
    UNIQUE (arm, seed, dose, split)) STRICT;
CREATE TABLE names (key INTEGER PRIMARY KEY, task_id TEXT UNIQUE NOT NULL) STRICT;
CREATE TABLE plan (
    position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, cell INTEGER NOT NULL REFERENCES cells,
    task INTEGER NOT NULL REFERENCES names, trial INTEGER NOT NULL) STRICT;
CREATE TABLE attempts (
    position INTEGER PRIMARY KEY REFERENCES plan, cell INTEGER NOT NULL, task INTEGER NOT NULL,
    status TEXT NOT NULL, value REAL, reason TEXT NOT NULL, steps INTEGER NOT NULL, sampled_tokens INTEGER NOT NULL,
    wall_s REAL NOT NULL, test_only INTEGER NOT NULL, at REAL, session INTEGER REFERENCES events,
    pack INTEGER, place INTEGER, size INTEGER, length INTEGER, sha256 BLOB, detail TEXT NOT NULL) STRICT;
CREATE TABLE verdicts (position INTEGER PRIMARY KEY REFERENCES attempts, body TEXT NOT NULL) STRICT;
CREATE TABLE events (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, host TEXT NOT NULL, process INTEGER NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL) STRICT;
CREATE INDEX plan_by_cell ON plan (cell);
CREATE INDEX plan_by_task ON plan (task);
CREATE INDEX attempts_by_cell ON attempts (cell, status);
CREATE INDEX attempts_by_task ON attempts (task);
"""

# By what a row of each table is the same row again.
_SAME = {
    "facts": "name = NEW.name",
    "tasks": "id = NEW.id",
    "cells": "key = NEW.key OR (arm = NEW.arm AND seed = NEW.seed AND dose = NEW.dose AND split = NEW.split)",
    "names": "key = NEW.key OR task_id = NEW.task_id",
    "plan": "position = NEW.position OR id = NEW.id",
    "attempts": "position = NEW.position",
    "verdicts": "position = NEW.position",
    "events": "number = NEW.number",
}
_REFUSED = ("facts", "attempts", "verdicts", "events")  # in the others, to say the same twice adds nothing


def triggers() -> str:
    """Return the triggers: no row is changed, removed or replaced, and no failure of ours has a value.

    `INSERT OR REPLACE` removes a row without asking the triggers on removal, so insertion is guarded too.
    """
    made = []
    for table, same in _SAME.items():
        for verb in ("UPDATE", "DELETE"):
            made.append(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
            )
        then = "RAISE(ABORT, 'the ledger is append-only: the row is there')" if table in _REFUSED else "RAISE(IGNORE)"
        made.append(
            f"CREATE TRIGGER {table}_once BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN SELECT {then}; END;"
        )
    made.append(
        "CREATE TRIGGER machinery_is_no_score BEFORE INSERT ON attempts WHEN NEW.status = 'machinery' "
        "AND NEW.value IS NOT NULL BEGIN SELECT RAISE(ABORT, 'a failure of the machinery has no score'); END;"
    )
    return "\n".join(made)


def version_of(db: sqlite3.Connection, path: Path) -> int | None:
    """Return the version of an open ledger, None where the file is empty.

    Raises UserError for another program's database and for a version that this assay does not know, and sqlite3.Error
    where the file is no database.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == 0:
        if not tables:
            return None
        if {"facts", "plan", "attempts"} <= tables:
            return 0
    elif int(db.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION:
        if version > VERSION:
            raise UserError(
                f"The ledger {path} is of schema {version} and this assay knows up to {VERSION}: use a newer assay."
            )
        return version
    raise UserError(f"{path} is no ledger but another program's SQLite database: name a run's ledger.")


def create(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file, in the transaction that is open."""
    for statement in statements(TABLES + triggers()):
        db.execute(statement)
    seal(db)


def seal(db: sqlite3.Connection) -> None:
    """Write down the version that the file has now, in the transaction that is open."""
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {VERSION}")


def statements(script: str) -> list[str]:
    """Return the statements of a script: `executescript` would commit the transaction that is open."""
    found, held = [], ""
    for line in script.splitlines():
        held += line + "\n"
        if sqlite3.complete_statement(held):
            found.append(held)
            held = ""
    return found
