"""Small ledgers for the tests, of the newest schema and of the first one as it was written then."""

import json
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path

from assay.ledger import Ledger
from assay.nouns import (
    Attempt,
    Check,
    Exit,
    Finish,
    GraderSpec,
    Message,
    PlannedAttempt,
    Reason,
    Reply,
    Role,
    Status,
    Step,
    Task,
    Trajectory,
    Verdict,
)

FIRST_SCHEMA = """
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

ENDS = {
    Status.SOLVED: Verdict.score(1.0, Reason.PASSED, (Check(name="case", passed=True, evidence="fine"),)),
    Status.FAILED: Verdict.score(0.25, Reason.WRONG, detail="case 3: expected 100 %, got _7_"),
    Status.CHEATED: Verdict.score(0.0, Reason.CHEATED, detail="the canary passed"),
    Status.MACHINERY: Verdict.invalid(Reason.MACHINERY, "the sandbox was killed"),
    Status.LIMIT: None,
    Status.EMPTY: None,
}


def planned(number: int, **changes) -> PlannedAttempt:
    """One line of a plan over two arms, two doses, two seeds and two splits."""
    fields = {
        "arm": f"arm-{number % 2}",
        "seed": number // 2 % 2,
        "dose": 10 * (number // 4 % 2),
        "task_id": f"Owner__repo-{number // 8}",
        "split": "seen" if number % 3 else "unseen",
    }
    return PlannedAttempt(**{**fields, **changes})


def task(name: str) -> Task:
    return Task(
        id=name,
        source="s",
        split="seen",
        family="f",
        instruction="i",
        files={"a": "x"},
        outputs=("a",),
        gold={"a": "y"},
        grader=GraderSpec(kind="functions", data={}),
    )


def attempt(plan: PlannedAttempt, status: Status) -> Attempt:
    verdict = ENDS[status]
    detail = "out of steps ÄÖ" if verdict is None else verdict.detail
    return Attempt(
        plan=plan,
        status=status,
        verdict=verdict,
        steps=1,
        sampled_tokens=3,
        wall_s=0.125,
        test_only=True,
        detail=detail,
    )


def trajectory(plan: PlannedAttempt, said: str = "I look") -> Trajectory:
    step = Step(
        reply=Reply(text=f"{said} {plan.id}", finish=Finish.STOP, token_ids=(1, 2, 3), logprobs=(-0.1, -0.2, -0.3)),
        command="ls",
        observation="mod.py",
        returncode=0,
    )
    prompt = (Message(role=Role.USER, content="mend it"),)
    return Trajectory(
        task_id=plan.task_id, agent="shell", model="m", prompt=prompt, steps=(step,), exit=Exit.SUBMITTED, diff="-a\n+b"
    )


def ended(count: int, every: int = 5) -> list[tuple[Attempt, Trajectory | None]]:
    """The ends of the first `count` of the plan but each `every`-th; some have no trajectory."""
    kinds = list(ENDS)
    return [
        (attempt(planned(n), kinds[n % len(kinds)]), None if n % 7 == 0 else trajectory(planned(n)))
        for n in range(count)
        if n % every
    ]


def fill(path: Path, count: int = 40, every: int = 5) -> None:
    """Write a ledger of the newest schema; each `every`-th planned attempt has no end."""
    with Ledger(path) as ledger:
        ledger.set_fact("experiment", {"name": "small"})
        ledger.add_tasks([task(f"Owner__repo-{n}") for n in range(2)])
        ledger.plan(planned(n) for n in range(count))
        ledger.record_many(ended(count, every))


def fill_first(path: Path, count: int = 40, every: int = 5, ends: Iterable | None = None) -> None:
    """Write the same as `fill` in the first schema."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(FIRST_SCHEMA)
    db.execute("INSERT INTO facts VALUES ('experiment', ?)", (json.dumps({"name": "small"}),))
    for n in range(2):
        one = task(f"Owner__repo-{n}")
        db.execute(
            "INSERT INTO tasks VALUES (?,?,?)", (one.id, one.split, zlib.compress(one.model_dump_json().encode()))
        )
    for n in range(count):
        p = planned(n)
        db.execute(
            "INSERT INTO plan (id, arm, seed, dose, task_id, split, trial) VALUES (?,?,?,?,?,?,?)",
            (p.id, p.arm, p.seed, p.dose, p.task_id, p.split, p.trial),
        )
    for one, path_of in ended(count, every) if ends is None else ends:
        trace = None if path_of is None else zlib.compress(path_of.model_dump_json().encode())
        db.execute("INSERT INTO attempts VALUES (?,?,?,?)", (one.plan.id, one.status, one.model_dump_json(), trace))
    db.close()
