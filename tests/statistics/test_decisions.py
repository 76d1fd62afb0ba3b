"""Equivalence, Holm and the smallest detectable difference on cases with a known answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.statistics import (
    Interval,
    PairedDifference,
    Verdict,
    decide,
    holm,
    paired_difference,
    smallest_detectable_difference,
)


def difference(outer: tuple[float, float], inner: tuple[float, float]) -> PairedDifference:
    middle = sum(outer) / 2
    return PairedDifference(
        Interval(middle, *outer, 100, "given"),
        Interval(middle, *inner, 100, "given", level=0.9),
        0.5,
        0.1,
        100,
        (1, 1),
        True,
    )


@pytest.mark.parametrize(
    ("outer", "inner", "verdict"),
    [
        ((-0.04, 0.04), (-0.03, 0.03), Verdict.EQUAL),
        ((-0.06, 0.04), (-0.049, 0.03), Verdict.EQUAL),  # the 90 % interval decides, not the 95 %
        ((-0.06, 0.04), (-0.05, 0.03), Verdict.NEITHER),  # touching the margin is not inside it
        ((-0.06, 0.08), (-0.04, 0.07), Verdict.NEITHER),
        ((0.01, 0.08), (0.02, 0.07), Verdict.DIFFERENT),
        ((-0.08, -0.01), (-0.07, -0.02), Verdict.DIFFERENT),
        ((0.01, 0.045), (0.015, 0.04), Verdict.DIFFERENT_BUT_SMALL),
    ],
)
def test_two_one_sided_tests(outer, inner, verdict):
    assert decide(difference(outer, inner), 0.05) is verdict


def test_without_a_margin_or_without_data_nothing_is_equal():
    assert decide(difference((-0.01, 0.01), (-0.01, 0.01)), None) is Verdict.NEITHER
    nan = float("nan")
    assert decide(difference((nan, nan), (nan, nan)), 0.05) is Verdict.UNKNOWN
    with pytest.raises(ValueError, match="margin"):
        decide(difference((-0.01, 0.01), (-0.01, 0.01)), 0.0)


def test_equality_needs_data():
    same = np.zeros((1, 40))
    assert decide(paired_difference(same, same), 0.05) is Verdict.NEITHER
    more = np.zeros((1, 400))
    assert decide(paired_difference(more, more), 0.05) is Verdict.EQUAL


def test_holm_known_case():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    adjusted = holm([0.02, float("nan"), 0.03])
    assert adjusted[[0, 2]].tolist() == pytest.approx([0.04, 0.04])
    assert np.isnan(adjusted[1])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_helps_and_keeps_the_order(p):
    adjusted = holm(p)
    assert np.all(adjusted >= np.array(p) - 1e-15)
    assert np.all(adjusted <= np.minimum(1, len(p) * np.array(p)) + 1e-15)
    assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="p-values"):
        holm([1.2])


def test_smallest_detectable_difference_in_closed_form():
    assert smallest_detectable_difference(0.5, 100) == pytest.approx(0.14, abs=2e-4)  # 2.8016 x 0.05
    assert smallest_detectable_difference(0.5, 400) == pytest.approx(smallest_detectable_difference(0.5, 100) / 2)
    one = smallest_detectable_difference(0.3, 200, seed_sd=0.03, noise_sd=0.4)
    three = smallest_detectable_difference(0.3, 200, seed_sd=0.03, noise_sd=0.4, seeds=3)
    assert three == pytest.approx(2.8016 * np.sqrt(0.09 / 200 + 0.0009 / 3 + 0.16 / 600), abs=1e-4)
    assert three < one


def test_a_design_of_the_detectable_size_finds_it_as_often_as_promised():
    tasks, share = 150, 0.3
    size = smallest_detectable_difference(np.sqrt(share), tasks)
    rng, found = np.random.default_rng(0), 0
    for _ in range(300):
        d = rng.choice([1, -1, 0], tasks, p=[(share + size) / 2, (share - size) / 2, 1 - share])
        a, b = (d > 0).astype(float)[None], (d < 0).astype(float)[None]
        found += paired_difference(a, b, resamples=400).interval.excludes_zero
    assert found / 300 == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("bad", [{"tasks": 0}, {"tasks": 5, "power": 1.0}, {"tasks": 5, "seed_sd": -1.0}])
def test_an_empty_design_is_refused(bad):
    with pytest.raises(ValueError, match=r"design|Power"):
        smallest_detectable_difference(0.5, **bad)
