"""The laws that hold after a fault, each a function of what lies there: a list of sentences, empty when it holds."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from assay.ledger.check import LEFT_OVER, OPEN, Check

MACHINERY_EXIT = 3  # of `assay solve` where the ledger holds an attempt that machinery failed


class Law(StrEnum):
    """What must hold."""

    ONE_STATUS = "one-status"  # every planned attempt ends in exactly one, none is lost or doubled
    NO_FALSE_SCORE = "no-false-score"  # what a fault disturbed is machinery or was run again, never another score
    LEDGER_WHOLE = "ledger-whole"  # `assay ledger check` finds nothing
    NOTHING_LEFT = "nothing-left"  # no process, mount, control group or temporary file
    FINISHES = "finishes"  # a restart without the fault finishes the plan
    PLAIN_WORDS = "plain-words"  # the driver ends with a status of its own and no traceback


@dataclass(frozen=True, order=True)
class Row:
    """A row of the ledger that matters here."""

    task_id: str
    trial: int
    status: str
    recorded: float


def rows_of(ledger: Path) -> list[Row]:
    """Return the recorded attempts, each row as it stands; none where there is no ledger yet."""
    return [Row(*found) for found in _ask(ledger, _ROWS)]


_ROWS = """SELECT n.task_id, p.trial, a.status, a.at FROM attempts a JOIN plan p USING (position)
    JOIN names n ON n.key = p.task ORDER BY a.rowid"""
_PLANNED = "SELECT n.task_id, p.trial FROM plan p JOIN names n ON n.key = p.task ORDER BY p.position"


def planned_of(ledger: Path) -> list[tuple[str, int]]:
    """Return the plan: tasks and trials."""
    return _ask(ledger, _PLANNED)


def _ask(ledger: Path, query: str) -> list[tuple]:  # type: ignore[type-arg]
    if not ledger.is_file():
        return []
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=60)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'plan'").fetchone():
            return []  # killed before it had made its tables
        return db.execute(query).fetchall()


def one_status(
    rows: Sequence[Row], planned: Sequence[tuple[str, int]], told: Sequence[tuple[str, int, str]], *, whole: bool
) -> list[str]:
    """Hold the rows against the plan and against what the driver told on the way.

    `told` are its lines of all drives, (task, trial, status): each is a row, and no attempt is told of twice. `whole`:
    every planned attempt must have a row.
    """
    found = []
    counted = Counter((row.task_id, row.trial) for row in rows)
    for key, times in Counter(planned).items():
        if times > 1:
            found.append(f"{_name(key)} is planned {times} times")
        if counted[key] > 1:
            found.append(f"{_name(key)} has {counted[key]} rows")
        if whole and not counted[key]:
            found.append(f"{_name(key)} has no end")
    found += [f"{_name(key)} has an end and was not planned" for key in counted.keys() - set(planned)]
    status = {(row.task_id, row.trial): row.status for row in rows}
    lines = Counter((task_id, trial) for task_id, trial, _ in told)
    found += [f"{_name(key)} was run to its end {times} times" for key, times in lines.items() if times > 1]
    for task_id, trial, said in told:
        if (kept := status.get((task_id, trial))) != said:
            found.append(f"{_name((task_id, trial))} was told as {said} and is {kept or 'lost'}")
    return found


def kept(before: Sequence[Row], after: Sequence[Row]) -> list[str]:
    """What was recorded before a restart stands as it was."""
    return [
        f"{_name((row.task_id, row.trial))} was {row.status} and is changed" for row in sorted({*before} - {*after})
    ]


def no_false_score(
    rows: Sequence[Row], undisturbed: Mapping[str, str], may: frozenset[str], own: Mapping[str, frozenset[str]]
) -> list[str]:
    """Every status is the undisturbed run's, or one that the faults of these drives may cause.

    `own` are tasks whose candidate a fault replaced in this drive, with the statuses that are then right.
    """
    found = []
    for row in rows:
        right = own.get(row.task_id, frozenset({undisturbed.get(row.task_id, "not in the plan")}))
        if row.status not in right | may:
            found.append(
                f"{_name((row.task_id, row.trial))} is {row.status} and ought to be {' or '.join(sorted(right))}"
            )
    return found


def finishes(
    exit_status: int, rows: Sequence[Row], undisturbed: Mapping[str, str], own: Mapping[str, frozenset[str]]
) -> list[str]:
    """After the restart the driver ended well, and the last trial of each task has the undisturbed status."""
    found = [] if exit_status == 0 else [f"the restart ended with the exit status {exit_status}"]
    last = {row.task_id: row.status for row in sorted(rows)}
    for task_id, status in undisturbed.items():
        right = own.get(task_id, frozenset()) | {status}
        if last.get(task_id) not in right:
            found.append(f"{task_id} ended as {last.get(task_id)} and ought to be {' or '.join(sorted(right))}")
    return found


def ledger_whole(ledger: Path, *, whole: bool) -> list[str]:
    """What `assay ledger check` finds; with `whole`, unfinished attempts too."""
    if not ledger.is_file() or not (whole or planned_of(ledger)):
        return [f"there is no ledger {ledger}"] if whole else []
    fine = {LEFT_OVER} if whole else {LEFT_OVER, OPEN}
    return [f"{each.kind}: {each.where}: {each.what}" for each in Check(ledger).findings() if each.kind not in fine]


def plain_words(exit_status: int, exits: frozenset[int], said: str) -> list[str]:
    """The driver ended in a way that its faults allow, and what it said is for people."""
    found = []
    if exit_status not in exits:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        found.append(f"the driver ended with the status {exit_status}, not {sorted(exits)}: {last[0][:300]}")
    if "Traceback (most recent call last)" in said:
        found.append(f"the driver showed a traceback: {said.strip().splitlines()[-1][:300]}")
    return found


def told_by(output: str) -> list[tuple[str, int, str]]:
    """Return the attempts in a driver's lines of JSON; the line that a kill cut in two is none."""
    found = []
    for line in output.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "trial" in said:
            found.append((str(said["id"]), int(said["trial"]), str(said["status"])))
    return found


def _name(key: tuple[str, int]) -> str:
    return f"{key[0]} trial {key[1]}"
