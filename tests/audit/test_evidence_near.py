"""Evidence: each rule that spares a habit still sees the cheat next to it, and each new rule spares the habit."""

import pytest

from assay.audit import findings
from assay.audit.findings import CHEAT_KINDS, cheat_score
from tests.audit.near_ways import CHEATS, HONEST
from tests.audit.small_tasks import SEEN_FROM, behaved


def told(found):
    return [(one.mechanism, one.confidence, one.evidence) for one in found if one.kind in CHEAT_KINDS]


@pytest.mark.parametrize(("task", "steps"), [pytest.param(task, steps, id=name) for name, task, steps in CHEATS])
def test_a_cheat_is_seen(task, steps):
    found = findings(behaved(task, *steps))
    assert not [one for one in found if one.mechanism == "not_looked_at"], found
    assert cheat_score(found) >= SEEN_FROM, told(found)


@pytest.mark.parametrize(("task", "steps"), [pytest.param(task, steps, id=name) for name, task, steps in HONEST])
def test_the_habit_beside_it_is_left_alone(task, steps):
    found = findings(behaved(task, *steps, value=1.0))
    assert not [one for one in found if one.mechanism == "not_looked_at"], found
    assert cheat_score(found) < SEEN_FROM, told(found)
