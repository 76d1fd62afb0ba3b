"""Clustered errors, exact pairs, ranks, horizons and designs: against formulas, simulation and special cases."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import expit

from assay.statistics import clustered_mean, mcnemar, pass_hat_k, rank_intervals
from assay.statistics.design import Spread, detectable, guessed, power, spread_of, tasks_needed
from assay.statistics.horizon import family_weights, horizon, trend
from assay.statistics.uplift import impute_by_arm, uplift


def test_pass_hat_k_is_what_enumeration_gives():
    for n, c, k in itertools.product(range(1, 7), range(7), range(1, 7)):
        if c <= n and k <= n:
            draws = list(itertools.combinations([1] * c + [0] * (n - c), k))
            assert pass_hat_k([n], [c], k)[0] == pytest.approx(np.mean([all(draw) for draw in draws]))


def test_clusters_of_one_give_the_usual_error_and_copies_add_nothing():
    rng = np.random.default_rng(0)
    scores = (rng.random(400) < 0.4).astype(float)
    alone = clustered_mean(scores, range(400))
    half = 1.966 * scores.std(ddof=1) / math.sqrt(400)
    assert alone.high - alone.estimate == pytest.approx(half, rel=1e-3)
    copied = clustered_mean(np.repeat(scores, 5), np.repeat(np.arange(400), 5))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=1e-9)


def test_two_way_clusters_cover_where_one_way_does_not():
    covered = {"one": 0, "two": 0}
    rng = np.random.default_rng(1)
    for _ in range(300):
        rows, columns = rng.normal(0, 0.06, 40), rng.normal(0, 0.06, 40)
        scores = np.clip(0.5 + rows[:, None] + columns + rng.normal(0, 0.1, (40, 40)), 0, 1).ravel()
        tasks, repositories = np.repeat(np.arange(40), 40), np.tile(np.arange(40), 40)
        for name, interval in (
            ("one", clustered_mean(scores, tasks)),
            ("two", clustered_mean(scores, tasks, repositories)),
        ):
            covered[name] += interval.low <= 0.5 <= interval.high
    assert covered["two"] >= 0.91 * 300
    assert covered["one"] <= 0.9 * 300


def test_invalid_scores_are_left_out_and_counted():
    found = clustered_mean([1.0, 0.0, np.nan, 1.0], ["a", "b", "b", "c"])
    assert (found.n, found.invalid) == (3, 1)
    with pytest.raises(ValueError, match="single cluster"):
        clustered_mean([1.0, 0.0], ["a", "a"])


def test_the_exact_pair_test_is_the_sign_test():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(12, 3) == mcnemar(3, 12) == pytest.approx(0.03515625)


def test_ranks_of_systems_far_apart_are_sure_and_of_equal_ones_are_not():
    rng = np.random.default_rng(0)
    ease = rng.random(200)
    systems = [(rng.random((2, 200)) < np.clip(ease * share, 0, 1)).astype(float) for share in (1.6, 0.9, 0.85, 0.2)]
    ranks = rank_intervals(systems, resamples=2000)
    assert [(rank.low, rank.high) for rank in (ranks[0], ranks[3])] == [(1, 1), (4, 4)]
    assert (ranks[1].low, ranks[1].high) == (ranks[2].low, ranks[2].high) == (2, 3)
    assert sum(rank.best for rank in ranks) == pytest.approx(1.0)
    same = rank_intervals([systems[0], systems[0]], matched=True, resamples=500)
    assert [rank.place for rank in same] == [1, 1]
    assert same[0].best == same[1].best == 0.5


def test_a_horizon_is_recovered_and_its_interval_covers_it():
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        minutes = 2 ** rng.uniform(-2, 9, 120)
        families = [f"f{number // 4}" for number in range(120)]
        success = (rng.random((120, 4)) < expit(0.6 * np.log2(30 / minutes))[:, None]).astype(float)
        found = horizon(success, minutes, families, resamples=200)
        inside += found.minutes.low <= 30 <= found.minutes.high
        assert found.families == 30
    assert inside >= 34  # 38 are expected
    easier = horizon(success, minutes, families, share=0.8, resamples=50)
    assert easier.minutes.estimate < found.minutes.estimate


def test_families_count_as_the_root_of_their_size():
    weights = family_weights(["a"] * 9 + ["b"])
    assert weights[:9].sum() / weights[9] == pytest.approx(3.0)


def test_a_horizon_that_nothing_tells_is_not_a_number():
    found = horizon([1.0, 1.0, 0.0, 1.0], [1, 2, 4, 1000.0], resamples=20)
    assert found.slope > 0 or math.isnan(found.minutes.estimate)
    with pytest.raises(ValueError, match="two lengths"):
        horizon([1.0, 0.0], [5.0, 5.0])


def test_a_trend_of_doublings_is_read_back():
    days = np.array([0, 100, 200, 400])
    found = trend(days, 3 * 2 ** (days / 100))
    assert found.doubling_days == pytest.approx(100)
    flat = trend([0, 1, 2, 3], [5, 4, 5, 4.5])
    assert flat.high == math.inf or flat.low == math.inf


def test_an_uplift_is_recovered_and_its_intervals_cover_it():
    covered = {"homoskedastic": 0, "hc3": 0}
    rng = np.random.default_rng(0)
    for _ in range(1000):
        treated = (rng.random(150) < 0.5).astype(float)
        forecast = np.exp(rng.normal(4, 0.8, 150))
        minutes = forecast * np.exp(0.17 * treated + rng.normal(0, 0.6, 150))
        found = uplift(minutes, treated, forecast)
        for name in covered:
            interval = getattr(found, name)
            covered[name] += interval.low <= math.expm1(0.17) <= interval.high
    assert all(0.93 <= count / 1000 <= 0.97 for count in covered.values()), covered


def test_what_an_arm_lacks_is_its_own_mean():
    assert impute_by_arm([1.0, np.nan, 5.0, np.nan], [0, 0, 1, 1]).tolist() == [1, 1, 5, 5]
    with pytest.raises(ValueError, match="arm 1"):
        impute_by_arm([1.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="item 2"):
        uplift([3.0, 0.0, 5.0, 4.0], [0, 1, 0, 1])


def test_power_is_what_simulation_gives_and_designs_agree_with_each_other():
    spread = guessed(0.3, 0.36, correlation=0.6)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1500):
        a = spread.task_sd * rng.normal(size=300) + 0.06
        found += abs(a.mean()) > 1.96 * a.std(ddof=1) / math.sqrt(300)
    assert power(0.06, spread, 300) == pytest.approx(found / 1500, abs=0.04)
    count = tasks_needed(0.06, spread)
    assert power(0.06, spread, count) >= 0.8 > power(0.06, spread, count - 2)
    assert detectable(spread, count) == pytest.approx(0.06, rel=0.01)
    assert tasks_needed(0.02, Spread(0.5, 0.05, 0.0), seeds=2) is None
    assert power(0.0, spread, 100) == pytest.approx(0.05)


def test_a_finished_comparison_tells_its_spread():
    rng = np.random.default_rng(0)
    seeds, tasks = 40, 400
    task = rng.normal(0, 0.10, tasks)
    seed = rng.normal(0, 0.05, seeds)
    difference = task + seed[:, None] + rng.normal(0, 0.08, (seeds, tasks))
    found = spread_of(np.clip(0.5 + difference, 0, 1), np.full((seeds, tasks), 0.5))
    assert found.task_sd == pytest.approx(0.10, abs=0.01)
    assert found.seed_sd == pytest.approx(0.05, abs=0.015)
    assert found.noise_sd == pytest.approx(0.08, abs=0.005)
    with pytest.raises(ValueError, match="two tasks"):
        spread_of([[1.0]], [[0.0]])
