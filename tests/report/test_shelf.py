"""Which attempts are shown: a rule that gives the same ten in any order of reading, and mixes arms and endings."""

import random

import pytest

from assay.nouns import Attempt, Exit, Finish, Message, PlannedAttempt, Reply, Role, Status, Step, Trajectory
from assay.report.figures import positions
from assay.report.shelf import Shelf, recovered


def attempt(arm, number, status, dose=100, split="seen", steps=3):
    planned = PlannedAttempt(arm=arm, seed=0, dose=dose, task_id=f"t{number}", split=split)
    return Attempt(plan=planned, status=status, steps=steps)


def trajectory(*steps):
    taken = tuple(
        Step(reply=Reply(text="", finish=Finish.STOP), command=command, returncode=code) for command, code in steps
    )
    prompt = (Message(role=Role.USER, content="fix"),)
    return Trajectory(task_id="t", agent="a", model="m", prompt=prompt, steps=taken, exit=Exit.SUBMITTED)


PLAIN = trajectory(("cat m.py", 0), ("sed", 0), ("submit", 0))


def many():
    statuses = [Status.SOLVED, Status.FAILED, Status.EMPTY, Status.LIMIT]
    return [
        attempt(arm, number, statuses[number % 4], split=("seen", "unseen")[number % 3 == 0])
        for arm in ("a", "b")
        for number in range(200)
    ]


def pick(attempts, trace=lambda name: PLAIN, count=10):
    shelf = Shelf()
    for each in attempts:
        shelf.offer(each)
    return [chosen.plan.id for chosen, _ in shelf.pick(("a", "b"), ("seen", "unseen"), trace, count)]


def test_the_choice_does_not_hang_on_the_order_of_reading():
    attempts = many()
    first = pick(attempts)
    assert len(first) == len(set(first)) == 10
    for seed in range(5):
        random.Random(seed).shuffle(attempts)
        assert pick(attempts) == first


def test_arms_and_endings_take_turns():
    by_id = {each.plan.id: each for each in many()}
    chosen = [by_id[name] for name in pick(list(by_id.values()))]
    assert [each.plan.arm for each in chosen[:6]] == ["a", "b"] * 3
    assert [each.status for each in chosen[:4]] == [Status.SOLVED] * 2 + [Status.FAILED] * 2
    assert {each.status for each in chosen[4:6]} <= {Status.EMPTY, Status.LIMIT}
    assert {each.plan.split for each in chosen} == {"seen", "unseen"}


def test_a_recovery_comes_first():
    attempts = many()
    long = attempt("b", 999, Status.SOLVED, steps=7)
    recovery = trajectory(("cat m.py", 0), ("sed 1", 1), ("sed 2", 0), ("submit", 0))
    chosen = pick([*attempts, long], lambda name: recovery if name == long.plan.id else PLAIN)
    assert chosen[0] == long.plan.id
    assert len(chosen) == len(set(chosen)) == 10


@pytest.mark.parametrize(
    ("steps", "is_one"),
    [
        ([("a", 0), ("b", 0)], False),
        ([("a", 1), ("b", 0)], True),
        ([("a", 1), ("a", 0)], False),  # the same command again is luck, not a recovery
        ([("a", 0), ("b", 1)], False),
        ([("a", 1), (None, None), ("b", 0)], True),
        ([], False),
    ],
)
def test_what_a_recovery_is(steps, is_one):
    assert recovered(trajectory(*steps)) is is_one


def test_lower_doses_fill_up_and_attempts_without_a_trace_are_passed_over():
    top = [attempt("a", n, Status.SOLVED) for n in range(3)]
    lower = [attempt("a", n, Status.FAILED, dose=10) for n in range(20)]
    untraced = top[0].plan.id
    chosen = pick(top + lower, lambda name: None if name == untraced else PLAIN)
    assert len(chosen) == 10
    assert untraced not in chosen
    assert set(chosen[:2]) == {top[1].plan.id, top[2].plan.id}
    assert pick([]) == []


def test_doses_stand_by_their_logarithm_and_the_floor_to_their_left():
    places = positions((0, 125, 250, 500, 4000))
    assert places[250] - places[125] == pytest.approx(1.0)
    assert places[4000] - places[500] == pytest.approx(3.0)
    assert places[125] - places[0] == pytest.approx(1.0)
    assert positions((0,)) == {0: 0.0}
    assert positions((7,)) == {7: pytest.approx(2.807, abs=1e-3)}
