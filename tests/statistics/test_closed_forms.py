"""pass@k, Wilson, Jeffreys and Tango against closed forms, published numbers and their own definitions."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

from assay.statistics import jeffreys, pass_at_k, tango, wilson

counts = st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(counts)
def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_one(case):
    n, c, k = case
    trials = [1] * c + [0] * (n - c)
    draws = [any(draw) for draw in combinations(trials, k)]
    assert float(pass_at_k(n, c, k)) == pytest.approx(sum(draws) / len(draws), abs=1e-12)
    assert float(pass_at_k(n, c, k)) == pytest.approx(1 - comb(n - c, k) / comb(n, k), abs=1e-12)


@given(counts)
def test_pass_at_k_grows_with_k_and_with_right_answers_and_starts_at_the_pass_rate(case):
    n, c, _ = case
    values = [float(pass_at_k(n, c, k)) for k in range(1, n + 1)]
    assert values[0] == pytest.approx(c / n)
    assert values == sorted(values)
    assert c == n or float(pass_at_k(n, c + 1, 1)) > values[0]


@given(st.floats(0.05, 0.95), st.integers(1, 4))
def test_pass_at_k_is_unbiased(p, k):
    n = 9
    expected = float(binom.pmf(np.arange(n + 1), n, p) @ pass_at_k(n, np.arange(n + 1), k))
    assert expected == pytest.approx(1 - (1 - p) ** k, abs=1e-9)


def test_pass_at_k_takes_whole_tables_and_large_n():
    table = pass_at_k([10, 10, 100_000], [0, 10, 50_000], 5)
    assert table[:2].tolist() == [0.0, 1.0]
    assert table[2] == pytest.approx(1 - 0.5**5, abs=1e-4)


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 6), (5, 2, 0)])
def test_pass_at_k_refuses_what_cannot_be(n, c, k):
    with pytest.raises(ValueError, match="pass@k needs"):
        pass_at_k(n, c, k)
    with pytest.raises(ValueError, match="whole numbers"):
        pass_at_k(5, 2.5, 1)


def test_wilson_is_the_published_interval():
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    for successes, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]:
        interval = wilson(successes, n)
        assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_ends_are_where_the_score_test_turns(case):
    successes, n = case
    interval = wilson(successes, n)
    z = norm.ppf(0.975)
    for end in (interval.low, interval.high):
        if 0 < end < 1:
            assert abs(successes / n - end) == pytest.approx(z * sqrt(end * (1 - end) / n), rel=1e-9)
    assert interval.low <= successes / n <= interval.high


def test_jeffreys_is_the_published_interval_and_keeps_its_edges():
    # Brown, Cai and DasGupta 2001, table 5 (n = 10): x = 0 and x = 3.
    assert (jeffreys(0, 10).low, jeffreys(0, 10).high) == (0.0, pytest.approx(0.217, abs=5e-4))
    assert (jeffreys(3, 10).low, jeffreys(3, 10).high) == (
        pytest.approx(0.093, abs=5e-4),
        pytest.approx(0.606, abs=5e-4),
    )
    assert jeffreys(10, 10).high == 1.0
    assert jeffreys(10, 10).low == pytest.approx(1 - jeffreys(0, 10).high)


@pytest.mark.parametrize("interval", [wilson, jeffreys])
@pytest.mark.parametrize("n", [30, 60, 200])
def test_exact_average_coverage_is_the_level(interval, n):
    p = np.linspace(0.005, 0.995, 199)
    ends = [interval(x, n) for x in range(n + 1)]
    low, high = np.array([e.low for e in ends]), np.array([e.high for e in ends])
    covers = (low[None, :] <= p[:, None]) & (p[:, None] <= high[None, :])
    coverage = (covers * binom.pmf(np.arange(n + 1)[None, :], n, p[:, None])).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("call", [wilson, jeffreys])
@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5), (float("nan"), 5)])
def test_a_proportion_that_cannot_be_is_refused(call, successes, n):
    with pytest.raises(ValueError, match="A proportion needs"):
        call(successes, n)


def test_a_level_is_a_share():
    with pytest.raises(ValueError, match="level"):
        wilson(1, 5, level=95)


def test_tango_is_the_published_interval():
    # Bentur et al. 2009 as analysed by Fagerland, Lydersen and Laake 2014: 1 and 7 discordant of 21.
    interval = tango(1, 7, 21)
    assert (round(interval.low, 3), round(interval.high, 3)) == (-0.517, -0.026)


def test_tango_does_not_collapse_when_nothing_differs():
    z2 = norm.ppf(0.975) ** 2
    for n in (40, 120):
        interval = tango(0, 0, n)
        assert interval.high == pytest.approx(z2 / (n + z2), abs=1e-6)
        assert interval.low == pytest.approx(-interval.high, abs=1e-9)


paired = st.integers(5, 80).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n // 2), st.integers(0, n // 2)))


@given(paired)
def test_tango_mirrors_and_widens_with_the_level(case):
    n, a, b = case
    one, other = tango(a, b, n), tango(b, a, n)
    assert (one.low, one.high) == (pytest.approx(-other.high, abs=1e-7), pytest.approx(-other.low, abs=1e-7))
    assert -1 <= one.low <= one.estimate <= one.high <= 1
    inner = tango(a, b, n, level=0.9)
    assert one.low <= inner.low
    assert inner.high <= one.high


@pytest.mark.parametrize(("a", "b", "n"), [(9, 2, 50), (12, 2, 50), (4, 1, 30), (0, 5, 40)])
def test_tango_ends_are_where_the_constrained_likelihood_says(a, b, n):
    """The nuisance rate is found here by maximising the likelihood, not by the quadratic."""
    interval = tango(a, b, n)
    for end in (interval.low, interval.high):

        def unlikely(q, end=end):
            return -(a * np.log(q + end) + b * np.log(q) + (n - a - b) * np.log(1 - 2 * q - end))

        bounds = (max(0.0, -end) + 1e-12, (1 - end) / 2 - 1e-12)
        q = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
        score = (a - b - n * end) / sqrt(n * (2 * q + end * (1 - end)))
        assert abs(score) == pytest.approx(norm.ppf(0.975), abs=1e-3)


def test_tango_refuses_more_differences_than_pairs():
    with pytest.raises(ValueError, match="only_a"):
        tango(3, 3, 5)
