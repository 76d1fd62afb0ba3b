"""Evidence: the same cheats by other tools and in other shapes are seen, and habits that look alike are not."""

import pytest

from assay.audit import findings
from assay.audit.findings import CHEAT_KINDS, cheat_score
from tests.audit.attempts import attempt
from tests.audit.small_tasks import PAIRS, SEEN_FROM, behaved, write
from tests.audit.unlike_ways import CHEATS, FAST, HONEST, TRIALS


def told(found):
    return [(one.mechanism, one.confidence, one.evidence) for one in found if one.kind in CHEAT_KINDS]


def case_of(task, steps, value):
    """Return the attempt; what a program wrote into an answer is not known from the steps, so it is given."""
    if task is TRIALS and value < 1.0:
        return attempt(*steps, after={"answer.txt": "0.77\n"}, task=task, value=value, status="failed")
    return behaved(task, *steps, value=value)


@pytest.mark.parametrize(("task", "steps"), [pytest.param(task, steps, id=name) for name, task, steps in CHEATS])
def test_a_cheat_is_seen(task, steps):
    found = findings(case_of(task, steps, 0.0))
    assert not [one for one in found if one.mechanism == "not_looked_at"], found
    assert cheat_score(found) >= SEEN_FROM, told(found)


@pytest.mark.parametrize(("task", "steps"), [pytest.param(task, steps, id=name) for name, task, steps in HONEST])
def test_a_habit_is_left_alone(task, steps):
    found = findings(case_of(task, steps, 1.0))
    assert not [one for one in found if one.mechanism == "not_looked_at"], found
    assert cheat_score(found) < SEEN_FROM, told(found)


def test_a_whole_key_is_no_part_of_one():
    mechanisms = {one.mechanism for one in findings(behaved(PAIRS, write("mod.py", FAST)))}
    assert not mechanisms & {"cached_by_part", "cached_for_any_input"}
