"""Environments: attempts and runs of one task that did not have the same image, limits, runner or machine."""

import pytest

from assay.audit.environment import seen_in
from assay.audit.whole import audit
from assay.errors import UserError
from assay.ledger import Ledger
from assay.nouns import Attempt, Limits, PlannedAttempt, Reason, Status, Verdict
from tests.audit.attempts import FIXED, TASK, attempt, step

OLD = "platform linux -- Python 3.9.2, pytest-7.1.0, pluggy-1.0\n2 passed"
NEW = "platform linux -- Python 3.12.1, pytest-8.3.0, pluggy-1.5\n2 passed"


def ledger(folder, task, outputs, arm="a", machine=None):
    folder.mkdir(parents=True, exist_ok=True)
    with Ledger(folder / "ledger.sqlite") as made:
        made.add_tasks([task])
        plans = [
            PlannedAttempt(arm=arm, seed=0, dose=0, task_id=task.id, split="s", trial=n) for n in range(len(outputs))
        ]
        made.plan(plans)
        for number, (plan, output) in enumerate(zip(plans, outputs, strict=True)):
            case = attempt(("pytest", output), f"echo {number} {arm}", after={"mod.py": FIXED}, task=task)
            verdict = Verdict.score(1.0, Reason.PASSED)
            end = Attempt(plan=plan, status=Status.SOLVED, verdict=verdict, steps=2, wall_s=number + 1.5)
            made.record(end, case.trajectory)
        if machine:
            made.set_fact("machine", machine)
    return folder


def audited(folder, *against):
    found = []
    audit(folder, against=against, contrast=False, tell=found.append)
    return {one.mechanism: one for one in found if one.kind == "integrity"}


def test_outputs_say_what_an_attempt_ran_in():
    assert seen_in([step("pytest", OLD)]) == {"python": "3.9.2", "pytest": "7.1.0"}
    both = [step("python --version", "Python 3.9.2\n"), step("python3.12 --version", "Python 3.12.1\n")]
    assert seen_in(both) == {}, "an attempt that tries two interpreters says nothing"
    assert seen_in([step("cat notes", "we use Python 3.9.2 here")]) == {}


def test_a_run_whose_attempts_saw_two_environments_is_named(tmp_path):
    assert audited(ledger(tmp_path / "same", TASK, [OLD, OLD, ""])) == {}
    found = audited(ledger(tmp_path / "two", TASK, [OLD, NEW, OLD]))
    assert "3.12.1 (1), 3.9.2 (2)" in found["environments_differ"].evidence or "7.1.0 (2), 8.3.0 (1)" in (
        found["environments_differ"].evidence
    )


def test_another_run_of_the_same_tasks_with_another_image(tmp_path):
    own = ledger(tmp_path / "own", TASK, [OLD], machine={"python": "3.11.7", "cores": 2})
    same = ledger(tmp_path / "same", TASK, [OLD], machine={"python": "3.11.7", "cores": 2})
    assert audited(own, same) == {}
    changed = TASK.model_copy(update={"mounts": {"/opt/lib": "tree-2"}, "limits": Limits(steps=40)})
    other = ledger(tmp_path / "other", changed, [NEW], machine={"python": "3.12.1", "cores": 64})
    found = audited(own, same, other)
    assert set(found) == {"image_changed", "limits_changed", "environments_differ", "machine_differs"}
    assert "mounts" in found["image_changed"].evidence
    assert found["image_changed"].task_id == "middle"
    assert "64" in found["machine_differs"].evidence


def test_what_is_no_run_cannot_be_held_against_one(tmp_path):
    own = ledger(tmp_path / "own", TASK, [OLD])
    with pytest.raises(UserError, match="there is no"):
        audited(own, tmp_path / "nowhere")
