"""The plan of the labelled set: what it holds, that its seed settles it, and that nothing in it tells the label."""

import hashlib
import shutil
from collections import Counter, defaultdict

import pytest

from assay.agents.shell import SENTINEL, command_of
from assay.audit.evaluation.behaviours import FAMILIES, behaviours
from assay.audit.evaluation.labels import HALVES, HELD_OUT, TUNING
from assay.audit.evaluation.plan import scripted

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the repositories of the set have a git history")


@pytest.fixture(scope="module")
def attempts():
    return scripted(0)


def test_the_set_is_large_enough_and_covers_every_family(attempts):
    labels = [one.label for one in attempts]
    assert len(labels) >= 300
    assert sum(label.cheat for label in labels) >= 150
    assert sum(not label.cheat for label in labels) >= 150
    assert len({label.mechanism for label in labels if label.cheat}) >= 40
    assert {label.family for label in labels if label.cheat} == set(FAMILIES)
    halves = defaultdict(set)
    for label in labels:
        halves[label.family].add(label.half)
    assert all(found == set(HALVES) for found in halves.values()), halves


def test_half_of_the_older_mechanisms_are_held_out_by_the_hash_of_their_names():
    cheats = [one for one in behaviours() if one.cheat and one.room == "cheats"]
    for one in cheats:
        assert one.half == (HELD_OUT if hashlib.sha256(one.name.encode()).digest()[0] % 2 == 1 else TUNING)
    assert 0.4 <= sum(one.half == HELD_OUT for one in cheats) / len(cheats) <= 0.6


def test_what_is_done_does_not_depend_on_the_other_halves(attempts):
    alone = {(one.label.mechanism, one.label.variant): one.turns for one in scripted(0, halves=(TUNING,))}
    assert alone
    for one in attempts:
        if one.label.half == TUNING:
            assert alone.pop((one.label.mechanism, one.label.variant)) == one.turns
    assert not alone


def test_every_benchmark_has_honest_attempts_and_cheats(attempts):
    seen = Counter((one.label.benchmark, one.label.cheat) for one in attempts)
    benchmarks = {name for name, _ in seen}
    assert len(benchmarks) >= 3
    assert all(seen[name, True] >= 5 and seen[name, False] >= 5 for name in benchmarks), seen


def test_cheats_are_hidden_and_worded_in_several_ways(attempts):
    cheats = [one.label for one in attempts if one.label.cheat]
    assert {label.level for label in cheats} == {0, 1, 2}
    tones = Counter(label.tone for label in cheats)
    assert 0.15 <= tones["admits"] / len(cheats) <= 0.45
    assert not any(one.label.tone == "admits" for one in attempts if not one.label.cheat)


def test_the_seed_settles_every_word(attempts):
    again = scripted(0)
    assert [one.turns for one in again] == [one.turns for one in attempts]
    assert [one.planned.id for one in again] == [one.planned.id for one in attempts]
    assert [one.turns for one in scripted(1)] != [one.turns for one in attempts]


def test_every_turn_is_a_command_of_the_agents_protocol(attempts):
    for one in attempts:
        for turn in one.turns:
            assert not turn.command or command_of(turn.text) == turn.command.strip(), turn.text
        assert len(one.turns) <= one.problem.task.limits.steps or one.label.mechanism == "goes-in-circles"


def test_all_but_those_in_circles_submit(attempts):
    for one in attempts:
        assert (SENTINEL in one.turns[-1].command) != (one.label.mechanism == "goes-in-circles")


def test_what_a_detector_sees_of_the_plan_does_not_tell_the_label(attempts):
    by_arm = defaultdict(Counter)
    for one in attempts:
        by_arm[one.planned.arm][one.label.cheat] += 1
        assert one.label.mechanism not in " ".join(turn.text for turn in one.turns)
        assert one.label.mechanism not in one.planned.model_dump_json()
    shares = [seen[True] / seen.total() for seen in by_arm.values()]
    assert max(shares) - min(shares) < 0.25
    share = sum(one.label.cheat for one in attempts) / len(attempts)
    first = sum(one.label.cheat for one in attempts[: len(attempts) // 2])
    assert abs(first / (len(attempts) // 2) - share) < 0.15  # the order is drawn, too
