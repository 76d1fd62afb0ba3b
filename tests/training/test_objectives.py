"""Objectives: the weights of groups against closed forms and exact enumeration, to 1e-9."""

import itertools

import numpy as np
import pytest

from assay.errors import UserError
from assay.training.objectives import (
    Table,
    bernstein,
    centred,
    find_method,
    from_derivative,
    group_weights,
    objective_names,
    surrogate,
)

THETA = np.array([0.3, -0.5, 0.1, 0.8])
RIGHT = np.array([0.0, 1.0, 1.0, 0.0])
M = 4
CHANCES = np.exp(THETA) / np.exp(THETA).sum()
PASS_RATE = float(CHANCES @ RIGHT)
# d p / d theta, and grad log pi of every arm
SLOPE = CHANCES * (RIGHT - PASS_RATE)
SCORES = np.eye(4) - CHANCES

RATIOS = {"rejection": 2.4428209168, "grpo": 1.6304422072, "rloo": 1.0, "dr_grpo": 0.75, "passk:3": 1.3719402479}


def expected_update(weigh):
    """The mean update over all 256 tuples of arms, each with its chance."""
    total = np.zeros(4)
    for arms in itertools.product(range(4), repeat=M):
        chance = np.prod(CHANCES[list(arms)])
        total += chance * weigh(RIGHT[list(arms)]) @ SCORES[list(arms)] / M
    return total


@pytest.mark.parametrize(("name", "ratio"), [*RATIOS.items(), ("reinforce", 1.0), ("passk:1", 1.0)])
@pytest.mark.parametrize("baseline", ["", "+baseline"])
def test_the_mean_update_of_the_bandit_is_h_prime_times_the_gradient_of_the_pass_rate(name, ratio, baseline):
    method = find_method(name + baseline)
    update = expected_update(method.weights)
    # the constants of the reference have ten decimals
    np.testing.assert_allclose(update, ratio * SLOPE, rtol=1e-9, atol=1e-10)
    exact = float(bernstein(method.table(M), PASS_RATE))
    np.testing.assert_allclose(update, exact * SLOPE, rtol=0, atol=1e-12)


def test_a_wrong_table_gives_another_ratio():
    table = find_method("grpo").table(M)
    off = Table(table.wrong_M, np.roll(table.right_M, 1))
    assert not np.allclose(expected_update(lambda rewards: group_weights(off, rewards)), RATIOS["grpo"] * SLOPE, 1e-3)


def test_closed_forms_of_the_derivative():
    t = np.linspace(0.01, 0.99, 41)
    for size in (1, 2, 5, 16):
        np.testing.assert_allclose(bernstein(find_method("rejection").table(size), t), (1 - (1 - t) ** size) / t, 1e-9)
        np.testing.assert_allclose(bernstein(find_method("dr_grpo").table(size), t), (size - 1) / size, atol=1e-12)
        for k in range(1, size + 1):
            found = bernstein(find_method(f"passk:{k}").table(size), t)
            np.testing.assert_allclose(found, k * (1 - t) ** (k - 1), rtol=1e-9, atol=1e-12)


GRPO_TABLE = {
    2: (0.21794, 0.4, 0.5, 0.3),
    4: (0.37269, 0.66312, 0.80801, 0.50708),
    8: (0.53899, 0.84269, 0.92783, 0.69831),
    16: (0.71205, 0.93847, 0.96706, 0.85434),
    64: (0.9451, 0.98743, 0.99209, 0.97643),
    1024: (0.99741, 0.99924, 0.99951, 0.99864),
}


@pytest.mark.parametrize("size", GRPO_TABLE)
def test_grpo_ascends_the_arc_sine_as_its_group_grows(size):
    t = np.array([0.05, 0.2, 0.5, 0.9])
    method = find_method("grpo")
    np.testing.assert_allclose(bernstein(method.table(size), t) / method.limit(t), GRPO_TABLE[size], atol=5.1e-6)


@pytest.mark.parametrize("name", ["reinforce", "rloo", "grpo", "dr_grpo", "rejection", "passk:3", "log_odds"])
def test_h_is_the_integral_of_its_derivative(name):
    table = find_method(name).table(6)
    for t in (0.1, 0.5, 0.95):
        nodes, weights = np.polynomial.legendre.leggauss(20)
        integral = t / 2 * weights @ bernstein(table, t / 2 * (nodes + 1))
        assert abs(integral - surrogate(table, t)) < 1e-9


def test_h_of_rejection_and_pass_at_k_in_closed_form():
    t = 0.37
    rejection = sum((1 - (1 - t) ** k) / k for k in range(1, 9))
    assert abs(surrogate(find_method("rejection").table(8), t) - rejection) < 1e-9
    assert abs(surrogate(find_method("passk:4").table(8), t) - (1 - (1 - t) ** 4)) < 1e-9


def weights_of_many(method, arms_DM):
    """Weights of many groups; there are only 16 patterns of rewards."""
    known = {rewards: method.weights(rewards) for rewards in itertools.product((0.0, 1.0), repeat=M)}
    return np.array([known[tuple(RIGHT[arms])] for arms in arms_DM])


@pytest.mark.parametrize("name", ["grpo", "rejection", "passk:3", "passk:3+baseline", "log_odds"])
def test_monte_carlo_agrees_within_four_standard_errors(name):
    rng = np.random.default_rng(3)
    method, draws = find_method(name), 40_000
    arms_DM = rng.choice(4, size=(draws, M), p=CHANCES)
    weights_DM = weights_of_many(method, arms_DM)
    updates_DA = np.einsum("dm,dma->da", weights_DM, SCORES[arms_DM]) / M
    error = updates_DA.std(axis=0, ddof=1) / np.sqrt(draws)
    exact = bernstein(method.table(M), PASS_RATE) * SLOPE
    assert (np.abs(updates_DA.mean(axis=0) - exact) < 4 * error).all()


def test_a_baseline_lowers_the_variance_and_makes_rloo_of_reinforce():
    rng = np.random.default_rng(5)
    arms_DM = rng.choice(4, size=(4_000, M), p=CHANCES)
    for name in ("reinforce", "passk:2"):
        spread = {}
        for word in (name, f"{name}+baseline"):
            weights_DM = weights_of_many(find_method(word), arms_DM)
            spread[word] = np.einsum("dm,dma->da", weights_DM, SCORES[arms_DM]).var(axis=0).sum()
        assert spread[f"{name}+baseline"] < spread[name]
    reinforce, rloo = find_method("reinforce+baseline").table(7), find_method("rloo").table(7)
    np.testing.assert_allclose(reinforce.right_M, rloo.right_M, atol=1e-12)
    np.testing.assert_allclose(reinforce.wrong_M, rloo.wrong_M, atol=1e-12)


def test_any_h_given_by_its_derivative():
    t = np.linspace(0, 1, 21)
    cubic = from_derivative(lambda t: 4 * (1 - t) ** 3, 8, how="solved")
    np.testing.assert_allclose(bernstein(cubic, t), 4 * (1 - t) ** 3, atol=1e-9)
    # the pass@4 table has a = 0; the same h centred
    np.testing.assert_allclose(cubic.right_M, centred(find_method("passk:4").table(8)).right_M, atol=1e-9)
    errors = [np.abs(bernstein(from_derivative(np.exp, size), t) - np.exp(t)).max() for size in (4, 16, 64)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    log_odds = from_derivative(lambda t: 1 / (t * (1 - t)), 512, how="inside")
    np.testing.assert_allclose(bernstein(log_odds, np.array([0.3, 0.5])), [1 / 0.21, 4.0], rtol=0.01)


def test_an_h_that_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        from_derivative(lambda t: 1 / t, 8)
    with pytest.raises(ValueError, match="no polynomial of degree 2"):
        from_derivative(lambda t: t**5, 3, how="solved")
    with pytest.raises(ValueError, match="too large"):
        from_derivative(np.ones_like, 33, how="solved")
    with pytest.raises(ValueError, match="no way"):
        from_derivative(np.ones_like, 3, how="guessed")


def test_groups_of_one_and_groups_without_variance_weigh_nothing_where_the_mathematics_says_so():
    for name in ("rloo", "grpo", "dr_grpo"):
        method = find_method(name)
        for rewards in ([1.0], [0.0], [1.0] * 5, [0.0] * 5):
            assert (method.weights(rewards) == 0.0).all(), (name, rewards)
    assert find_method("reinforce").weights([1.0, 1.0]).tolist() == [1.0, 1.0]
    assert find_method("rejection").weights([1.0]).tolist() == [1.0]
    assert find_method("rejection").weights([0.0, 0.0]).tolist() == [0.0, 0.0]
    # fewer attempts than K say nothing about pass@K
    assert find_method("passk:4").weights([1.0, 0.0, 0.0]).tolist() == [0.0] * 3
    assert find_method("passk:4").weights([1.0] * 8).tolist() == [0.0] * 8


def test_rewards_between_0_and_1():
    rewards = [0.0, 0.25, 1.0]
    np.testing.assert_allclose(find_method("reinforce").weights(rewards), rewards)
    np.testing.assert_allclose(find_method("rloo").weights(rewards), [-0.625, -0.25, 0.875])
    np.testing.assert_allclose(find_method("dr_grpo").weights(rewards), [-5 / 12, -1 / 6, 7 / 12])
    standardised = find_method("grpo").weights(rewards)
    np.testing.assert_allclose([standardised.mean(), standardised.std()], [0, 1], atol=1e-12)
    assert (find_method("grpo").weights([0.1] * 7) == 0.0).all()
    for name in ("rejection", "passk:2", "log_odds"):
        with pytest.raises(ValueError, match="0 and 1 only"):
            find_method(name).weights(rewards)


@pytest.mark.parametrize("rewards", [[0.0, float("nan")], [1.0, 1.5], [-0.1, 1.0]])
def test_a_reward_that_is_none_is_refused(rewards):
    with pytest.raises(ValueError, match=r"lies in \[0, 1\]"):
        find_method("reinforce").weights(rewards)


def test_fractional_forms_agree_with_the_tables_on_0_and_1():
    rewards = np.array([1.0, 0.0, 0.0, 1.0, 0.0])
    for name in ("reinforce", "rloo", "dr_grpo", "grpo"):
        method = find_method(name)
        np.testing.assert_allclose(method.fractional(rewards), method.weights(rewards.tolist()), atol=1e-12)


def test_objectives_are_found_by_name():
    wanted = {"supervised", "reinforce", "rloo", "rejection", "grpo", "dr_grpo", "passk", "conditioned", "log_odds"}
    assert wanted <= set(objective_names())
    for word in ("nonsense", "passk", "passk:0", "passk:x", "grpo:2", "supervised+baseline", "registry"):
        with pytest.raises(UserError):
            find_method(word)
