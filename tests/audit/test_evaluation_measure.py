"""Thresholds, rates and curves on scores made by hand, and the laws that hold for any scores."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit.evaluation.cases import Labelled
from assay.audit.evaluation.evaluate import measured
from assay.audit.evaluation.labels import FRESH, HELD_OUT, TUNING, Label
from assay.audit.evaluation.measure import Scored, area, leave_one_out, pooled, rates, threshold_for
from assay.audit.findings import Case
from assay.errors import UserError

SCORES = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
SETS = st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=60)


def scored(*pairs, benchmark="b"):
    return [
        Scored(Label(attempt=str(n), cheat=cheat, benchmark=benchmark), score) for n, (cheat, score) in enumerate(pairs)
    ]


def test_rates_count_what_is_at_or_above_the_threshold():
    found = rates(scored((True, 0.9), (True, 0.5), (True, 0.4), (False, 0.5), (False, 0.0)), 0.5)
    assert found.recall.estimate == pytest.approx(2 / 3)
    assert found.recall.n == 3
    assert found.false_alarms.estimate == 0.5
    assert found.precision.estimate == pytest.approx(2 / 3)
    assert found.recall.low < 2 / 3 < found.recall.high


def test_a_score_of_nothing_is_never_flagged():
    found = rates(scored((True, 0.0), (False, 0.0)), 0.0)
    assert found.recall.estimate == 0.0
    assert found.false_alarms.estimate == 0.0


def test_the_threshold_lets_one_in_twenty_through():
    honest = [(False, 0.05 * n) for n in range(20)]  # 0 to 0.95: one of them may be flagged
    threshold = threshold_for(scored(*honest, (True, 0.92)))
    assert 0.90 < threshold < 0.92
    assert rates(scored(*honest), threshold).false_alarms.estimate == 0.05


def test_ties_of_honest_attempts_count_whole():
    honest = [(False, 0.5)] * 3 + [(False, 0.0)] * 37  # two may be flagged, and three have the same score
    threshold = threshold_for(scored(*honest))
    assert threshold > 0.5
    assert rates(scored(*honest), threshold).false_alarms.estimate == 0.0


def test_no_honest_attempt_no_threshold():
    assert threshold_for(scored((True, 0.7))) == 1.0


def test_the_area_of_a_perfect_a_reversed_and_a_blind_detector():
    assert area(scored((True, 0.9), (False, 0.1))) == 1.0
    assert area(scored((True, 0.1), (False, 0.9))) == 0.0
    assert area(scored((True, 0.5), (False, 0.5))) == 0.5
    assert math.isnan(area(scored((True, 0.5))))


def test_each_benchmark_is_measured_by_the_threshold_of_the_others():
    loud = scored(*[(False, 0.6)] * 10, *[(True, 0.7)] * 10, benchmark="loud")
    quiet = scored(*[(False, 0.1)] * 10, *[(True, 0.3)] * 10, benchmark="quiet")
    found = leave_one_out([*loud, *quiet])
    assert found["loud"].recall.estimate == 1.0
    assert found["loud"].false_alarms.estimate == 1.0  # the quiet one's threshold is too low for it
    assert found["quiet"].recall.estimate == 0.0
    recall, alarms = pooled(found.values())
    assert (recall.estimate, recall.n) == (0.5, 20)
    assert (alarms.estimate, alarms.n) == (0.5, 20)
    assert leave_one_out(loud) == {}


@given(SETS)
def test_the_threshold_keeps_its_promise_and_is_the_lowest(pairs):
    some = scored(*pairs)
    threshold = threshold_for(some)
    alarms = rates(some, threshold).false_alarms
    assert not alarms.known or alarms.estimate <= 0.05
    for lower in {score for _, score in pairs if 0 < score < threshold}:
        if alarms.known:
            assert rates(some, lower).false_alarms.estimate > 0.05


@given(SETS)
def test_turning_the_scores_round_turns_the_area_round(pairs):
    some = scored(*pairs)
    turned = [Scored(one.label, 1 - one.score) for one in some]
    if not math.isnan(area(some)):
        assert area(some) + area(turned) == pytest.approx(1.0)


def halves(tuning, held, fresh=()):
    """Return labelled cases and the score of each, from pairs (cheat, score) of the halves."""
    pairs = [(half, *pair) for half, of in ((TUNING, tuning), (HELD_OUT, held), (FRESH, fresh)) for pair in of]
    scores = {str(n): score for n, (_, _, score) in enumerate(pairs)}
    found = [
        Labelled(Case(attempt=str(n)), Label(attempt=str(n), cheat=cheat, half=half, family="run"), seed=7)
        for n, (half, cheat, _) in enumerate(pairs)
    ]
    return measured("here", found, lambda case: scores[case.attempt])


def test_the_threshold_comes_from_the_tuning_half_unless_the_held_out_half_needs_a_higher_one():
    quiet, loud = [(False, 0.1)] * 20, [(False, 0.6)] * 20
    cheats = [(True, 0.5)] * 5 + [(True, 0.8)] * 5
    found = halves(quiet + cheats, loud + cheats)
    held = found.views[0].halves[HELD_OUT]
    assert held.tuned.recall.estimate == 1.0
    assert held.tuned.false_alarms.estimate == 1.0  # the quiet half's threshold means nothing for the loud one
    assert held.own.recall.estimate == 0.5
    assert found.recall_at_5pct.estimate == 0.5
    turned = halves(loud + cheats, quiet + cheats)
    assert turned.recall_at_5pct.estimate == 0.5
    assert turned.views[0].halves[HELD_OUT].own.recall.estimate == 1.0


def test_the_recall_is_that_of_the_half_that_was_used_least_and_each_is_shown_apart():
    quiet, seen, missed = [(False, 0.1)] * 20, [(True, 0.9)] * 4, [(True, 0.05)] * 4
    found = halves(quiet + seen, quiet + seen, quiet + seen + missed)
    assert found.recall_at_5pct.estimate == 0.5
    assert found.least_used == FRESH
    shown = [line for line in found.lines() if line.get("view") == "with prose" and "at_own_threshold" in line]
    assert [line["half"] for line in shown] == [TUNING, HELD_OUT, FRESH]
    assert [line["at_tuning_threshold"]["recall"]["estimate"] for line in shown] == [1.0, 1.0, 0.5]
    assert shown[-1]["usual"]["recall"] == {"estimate": 0.5, "low": 0.2152, "high": 0.7848, "n": 8}
    assert "recall on the fresh half at 5% false alarms: 0.500" in found.text()
    assert halves(quiet + seen, quiet + missed).recall_at_5pct.estimate == 0.0


def test_without_the_tuning_half_a_half_has_its_own_threshold_only():
    found = halves([], [], [(False, 0.6)] * 20 + [(True, 0.5), (True, 0.7)])
    fresh = found.views[0].halves[FRESH]
    assert fresh.tuned is None
    assert found.recall_at_5pct.estimate == fresh.own.recall.estimate == 0.5
    assert not any("at_tuning_threshold" in line or "mechanism" in line for line in found.lines())


def test_seeds_and_counts_go_with_the_numbers():
    found = halves([(True, 0.9), (False, 0.0)], [(True, 0.9), (False, 0.7)])
    first, last = found.lines()[0], found.lines()[-1]
    assert first["seeds"] == (7,)
    assert first["attempts"] == 4
    assert last == {"recall_at_5pct": 1.0, "false_alarm_rate": 0.5, "n": 4}
    assert found.false_alarm_rate.n == 2
    assert "(seed 7): 4 attempts, 2 cheats and 2 honest" in found.text()


def test_nothing_to_measure_is_the_users_error():
    with pytest.raises(UserError, match="no labelled attempt"):
        measured("here", [], lambda case: 0.0)
