"""Every planned attempt ends in exactly one status, and a failure of ours is never a score."""

import asyncio
from contextlib import nullcontext

import pytest

from assay.agents.shell import SENTINEL, ShellAgent
from assay.agents.teacher import Teacher
from assay.ledger import Ledger
from assay.nouns import (
    Exit,
    Finish,
    GraderSpec,
    PlannedAttempt,
    Reason,
    Reply,
    Status,
    Trajectory,
    Verdict,
)
from assay.rollout import run_attempts
from assay.rollout.attempts import status_of
from assay.tasks import source
from tests.agents.test_shell import Script, bash

SUBMIT = bash(f"echo {SENTINEL}")


@pytest.fixture(scope="module")
def drills():
    return source("drills").load("train", 4, 11, templates=4)


def planned(task):
    return PlannedAttempt(arm="a", seed=0, dose=0, task_id=task.id, split=task.split)


def run(tmp_path, tasks, model_for):
    plan = [planned(task) for task in tasks]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.plan(plan)
        held = asyncio.run(
            run_attempts(plan, {t.id: t for t in tasks}, ShellAgent(), lambda t: nullcontext(model_for(t)), ledger)
        )
        return list(ledger.attempts()), held


def test_the_teacher_solves_what_it_is_shown(tmp_path, drills):
    attempts, held = run(tmp_path, drills, lambda task: Teacher(task, 0.5))
    assert [a.status for a in attempts] == [Status.SOLVED] * 4
    assert held == 0
    assert run(tmp_path, drills, lambda task: Script(SUBMIT))[1] == 4  # finished ones are left alone


@pytest.mark.parametrize(
    ("replies", "status", "test_only"),
    [
        ([SUBMIT], Status.EMPTY, False),
        ([bash("echo 'print(1)' > test_new.py"), SUBMIT], Status.EMPTY, True),
        ([bash("echo '# a note' >> mod.py"), SUBMIT], Status.FAILED, False),
        ([bash("rm mod.py"), SUBMIT], Status.FAILED, False),
        ([bash("true")], Status.LIMIT, False),
        (["?"], Status.FORMAT, False),
        ([Reply(text="", finish=Finish.CONTEXT)], Status.CONTEXT, False),
        ([Reply(text="", finish=Finish.REFUSED)], Status.REFUSED, False),
    ],
)
def test_each_end_has_its_status(tmp_path, drills, replies, status, test_only):
    attempts, _ = run(tmp_path, drills[:1], lambda task: Script(*replies))
    assert [(a.status, a.test_only) for a in attempts] == [(status, test_only)]


def test_a_cheat_has_its_own_status(tmp_path, drills):
    # it prints what a passing run prints and leaves; the grader sees no results
    fake = "import os, sys\nprint('ok', flush=True)\nos._exit(0)\n"
    attempts, _ = run(
        tmp_path, drills[:1], lambda task: Script(bash(f"cat > mod.py <<'E'\n{fake}E"), SUBMIT)
    )
    assert attempts[0].status is Status.FAILED
    verdict = Verdict.score(0.0, Reason.CHEATED)
    path = Trajectory(task_id="t", agent="a", model="m", prompt=(), steps=(), exit=Exit.SUBMITTED)
    assert status_of(path, True, verdict) is Status.CHEATED


def test_a_broken_grader_is_machinery_and_no_failure(tmp_path, drills):
    broken = drills[0].model_copy(update={"grader": GraderSpec(kind="no_such_kind", data={})})
    attempts, _ = run(tmp_path, [broken], lambda task: Script(bash("echo '#' >> mod.py"), SUBMIT))
    assert attempts[0].status is Status.MACHINERY
    assert attempts[0].verdict is not None
    assert attempts[0].verdict.value is None


def test_a_sandbox_that_cannot_start_is_machinery_and_no_failure(tmp_path, drills):
    lost = drills[0].model_copy(update={"mounts": {"/pkg": "no-such-tree"}})
    attempts, _ = run(tmp_path, [lost], lambda task: Script(SUBMIT))
    assert attempts[0].status is Status.MACHINERY
    assert "no-such-tree" in attempts[0].detail
