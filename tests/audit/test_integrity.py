"""The run as a whole: what is missing, dropped, doubled, tried again, told differently, or learned beforehand."""

import json

import pytest

from assay.audit.whole import audit
from assay.ledger import Ledger
from assay.nouns import Attempt, PlannedAttempt, Reason, Status, Verdict
from tests.audit.attempts import FIXED, TASK, attempt

SED = "sed -i 's#// 3#// 2#' mod.py"


def task(number, split="seen", extra=""):
    return TASK.model_copy(
        update={
            "id": f"t{number}",
            "split": split,
            "instruction": f"Mend middle, task number {number} of many. {extra}",
        }
    )


def planned(number, arm="a", trial=0, split="seen"):
    return PlannedAttempt(arm=arm, seed=0, dose=0, task_id=f"t{number}", split=split, trial=trial)


def ended(plan, solved, *, steps=(SED, "python test_mod.py"), wall_s=1.0, status=None, prompt=""):
    trajectory = attempt(*steps, after={"mod.py": FIXED}, prompt=prompt).trajectory
    value = 1.0 if solved else 0.0
    verdict = None if status else Verdict.score(value, Reason.PASSED if solved else Reason.WRONG)
    status = status or (Status.SOLVED if solved else Status.FAILED)
    record = Attempt(plan=plan, status=status, verdict=verdict, steps=len(trajectory.steps), wall_s=wall_s)
    return record, trajectory.model_copy(update={"task_id": plan.task_id})


def audited(path, rows, plans=None, tasks=()):
    """Write a ledger of these ends, audit it, and return the integrity findings by mechanism."""
    with Ledger(path / "ledger.sqlite") as ledger:
        ledger.add_tasks(tasks)
        ledger.plan(plans if plans is not None else [record.plan for record, _ in rows])
        for record, trajectory in rows:
            ledger.record(record, trajectory)
    found = []
    audit(path, tell=found.append)
    return {one.mechanism: one for one in found if one.kind == "integrity"}


def spread(count, arm="a", first=0, **more):
    """Return ends of their own length and words each, so that nothing is doubled."""
    return [
        ended(planned(n, arm), n % 2 == 0, steps=(SED, f"echo {arm} {n}"), wall_s=1 + n / 7, **more)
        for n in range(first, first + count)
    ]


def test_a_whole_run_has_no_findings(tmp_path):
    found = audited(tmp_path, [*spread(20), *spread(20, "b")], tasks=[task(n) for n in range(20)])
    assert found == {}


def test_attempts_without_an_end_are_counted_against_the_plan(tmp_path):
    rows = spread(6)
    found = audited(tmp_path, rows[:4], [record.plan for record, _ in rows])
    assert "2 of 6" in found["missing_attempts"].evidence


def test_failures_that_were_dropped_are_seen_by_what_others_do_on_those_tasks(tmp_path):
    base = [ended(planned(n, "b"), n < 20, steps=(SED, f"echo b {n}"), wall_s=n) for n in range(40)]
    kept = [ended(planned(n, "a"), True, steps=(SED, f"echo a {n}"), wall_s=n) for n in range(20)]
    plans = [record.plan for record, _ in base] + [planned(n, "a") for n in range(40)]
    found = audited(tmp_path, [*base, *kept], plans)
    assert "arm a" in found["dropped_failures"].evidence


def test_failures_that_became_the_machinerys_are_uneven(tmp_path):
    broken = [ended(planned(n, "a"), False, status=Status.MACHINERY, wall_s=n) for n in range(10)]
    rows = [*broken, *spread(10, "a", 10), *spread(20, "b")]
    assert "arm a: 10 of 20" in audited(tmp_path, rows)["uneven_machinery"].evidence


def test_the_same_attempt_twice_is_found_and_the_same_work_is_only_told(tmp_path):
    twice = [ended(planned(0, trial=n), True, wall_s=2.345) for n in range(2)]
    again = [ended(planned(1, trial=n), True, wall_s=1.0 + n) for n in range(2)]
    found = audited(tmp_path, [*twice, *again])
    assert found["duplicated_attempt"].attempt in {record.plan.id for record, _ in twice}
    assert found["duplicated_attempt"].confidence >= 0.5 > found["same_content"].confidence


def test_trying_again_until_it_works_is_no_pass_at_one(tmp_path):
    rows = []
    for n in range(24):
        solved = n % 2 == 0
        rows.append(ended(planned(n), solved, steps=(SED, f"echo {n}"), wall_s=n + 0.1))
        if not solved:
            rows.append(ended(planned(n, trial=1), True, steps=(SED, f"echo again {n}"), wall_s=n + 0.2))
    assert "no pass@1" in audited(tmp_path, rows)["retried_until_solved"].evidence


def test_a_trial_that_the_machinery_failed_says_nothing_of_trying_again(tmp_path):
    rows = []
    for n in range(24):
        broken, solved = n % 3 == 0, n % 2 == 0
        status = Status.MACHINERY if broken else None
        rows.append(ended(planned(n), solved, status=status, steps=(SED, f"echo {n}"), wall_s=n + 0.1))
        if broken:
            rows.append(ended(planned(n, trial=1), solved, steps=(SED, f"echo again {n}"), wall_s=n + 0.2))
    assert not {"retried_until_solved", "uneven_machinery"} & set(audited(tmp_path, rows))


def test_the_best_of_several_is_seen_by_its_trial(tmp_path):
    rows = [ended(planned(n, trial=n % 4), True, steps=(SED, f"echo {n}"), wall_s=n) for n in range(12)]
    assert "best_of_n" in audited(tmp_path, rows)


def test_every_arm_trying_several_times_is_fine(tmp_path):
    rows = [
        ended(planned(n, trial=k), (n + k) % 2 == 0, steps=(SED, f"echo {n} {k}"), wall_s=n + k / 7)
        for n in range(12)
        for k in range(3)
    ]
    assert audited(tmp_path, rows) == {}


def test_more_steps_than_a_task_allows_and_other_words(tmp_path):
    long = ended(planned(0), True, steps=tuple(f"echo {n}" for n in range(12)))
    other = ended(planned(1, "b"), True, prompt="Mend it, and here is a hint.", wall_s=3.0)
    rows = [long, ended(planned(1), True), other, ended(planned(0, "b"), True, wall_s=4.0)]
    found = audited(tmp_path, rows, tasks=[task(0), task(1)])
    assert "4 steps more" in found["limits_changed"].evidence
    assert found["prompts_differ"].task_id == "t1" or "t0" in found["prompts_differ"].evidence


def test_arms_with_other_tasks_are_named(tmp_path):
    found = audited(tmp_path, [*spread(8), *spread(5, "b")])
    assert "arm b has 5 of the 8" in found["instance_sets_differ"].evidence


def test_tested_tasks_among_the_training_tasks(tmp_path):
    words = " ".join(f"word{n}" for n in range(200))
    with Ledger(tmp_path / "teacher.sqlite") as teacher:
        same = task(0).model_copy(update={"id": "train/0"})
        near = task(1, extra=words + " end").model_copy(update={"id": "train/1"})
        teacher.add_tasks([same, near, task(99).model_copy(update={"id": "train/2"})])
    tasks = [task(0), task(1, extra=words), task(2, extra="Another thing altogether.")]
    found = audited(tmp_path, spread(3), tasks=tasks)
    assert found["equal_in_training"].task_id == "t0"
    assert found["near_in_training"].task_id == "t1"
    assert "1 of 3" in found["equal_in_training"].evidence


def test_the_file_of_findings_is_what_was_told(tmp_path):
    rows = spread(6)
    audited(tmp_path, rows[:4], [record.plan for record, _ in rows])
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert {line["mechanism"] for line in lines if line["kind"] == "integrity"} == {"missing_attempts"}


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_change_nothing(tmp_path, processes):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        rows = [ended(planned(n), True, steps=(SED, "cat /solution/mod.py", f"echo {n}"), wall_s=n) for n in range(300)]
        ledger.plan([record.plan for record, _ in rows])
        for record, trajectory in rows:
            ledger.record(record, trajectory)
    found = []
    totals = audit(tmp_path, processes=processes, tell=found.append)
    assert (totals.attempts, totals.flagged) == (300, 300)
    assert [one.attempt for one in found if one.mechanism == "answer_read"] == [record.plan.id for record, _ in rows]


def test_what_was_planned_after_results_is_named(tmp_path):
    from assay.audit.integrity import AuditedRun, planning
    from assay.audit.tally import Tally

    def plan(task, trial=0, dose=0):
        return PlannedAttempt(arm="a", seed=0, dose=dose, task_id=task, split="test", trial=trial)

    def found():
        return [finding.mechanism for finding in planning.check(AuditedRun(tally, path))]

    path, tally = tmp_path / "ledger.sqlite", Tally()
    with Ledger(path) as ledger:
        ledger.plan([plan("t0"), plan("t1"), plan("t2")])
        ledger.plan([plan("t3")])
        assert found() == [], "nothing was known yet"
        ledger.record(Attempt(plan=plan("t0"), status=Status.FAILED), None)
        ledger.record(Attempt(plan=plan("t1"), status=Status.MACHINERY), None)
        ledger.plan([plan("t0"), plan("t1"), plan("t2"), plan("t3")])
        assert found() == [], "the same plan again"
        ledger.plan([plan("t0", dose=400)])
        assert found() == [], "another dose is another arm"
        ledger.plan([plan("t1", trial=1)])
        assert found() == [], "what the machinery failed may be tried again"
        ledger.plan([plan("t9")])
        assert found() == ["chosen_after_results"]
        ledger.plan([plan("t0", trial=1)])
        assert found() == ["chosen_after_results", "tried_again_after_results"]


def test_an_import_that_is_planned_in_blocks_is_no_choice(tmp_path):
    from assay.audit.integrity import AuditedRun, planning
    from assay.audit.tally import Tally

    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, Tally() as tally:
        ledger.plan([planned(0)])
        ledger.record(Attempt(plan=planned(0), status=Status.FAILED), None)
        ledger.plan([planned(1)])
        run = AuditedRun(tally, path)
        assert [one.mechanism for one in planning.check(run)] == ["chosen_after_results"]
        ledger.set_fact("import", {"format": "swebench"})
        assert list(planning.check(run)) == []
