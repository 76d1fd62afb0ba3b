"""Item response: simulated abilities and difficulties are recovered, errors are honest, extremes stay finite."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from assay.statistics.item_response import elo, rasch, two_parameter


def simulated(solvers, items, seed=0, spread=2.0, slopes=False):
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(size=solvers), spread * rng.normal(size=items)
    slope = np.exp(0.4 * rng.normal(size=items)) if slopes else np.ones(items)
    chance = expit(slope * (ability[:, None] - difficulty))
    return ability, difficulty, slope, (rng.random((solvers, items)) < chance).astype(float)


def test_abilities_and_difficulties_are_recovered_at_19_x_559():
    ability, difficulty, _, outcomes = simulated(19, 559)
    for number in range(559):
        outcomes[number % 19, number] = np.nan  # nobody solves what is its own
    found = rasch(outcomes)
    assert found.n == 559 * 18
    assert np.corrcoef(found.ability, ability)[0, 1] >= 0.95
    # 18 outcomes an item cannot tell more of one item; of an author's thirty they do.
    assert np.corrcoef(found.difficulty, difficulty)[0, 1] >= 0.93
    by_author = [
        np.array([values[number::19].mean() for number in range(19)]) for values in (found.difficulty, difficulty)
    ]
    assert np.corrcoef(*by_author)[0, 1] >= 0.95


def test_two_parameters_recover_difficulty_and_tell_steep_items_from_flat_ones():
    ability, difficulty, slope, outcomes = simulated(200, 120, slopes=True)
    found = two_parameter(outcomes)
    assert np.corrcoef(found.ability, ability)[0, 1] >= 0.95
    assert np.corrcoef(found.difficulty, difficulty)[0, 1] >= 0.95
    usual = np.abs(difficulty) < 2
    assert np.corrcoef(np.log(found.discrimination[usual]), np.log(slope[usual]))[0, 1] >= 0.8


def test_the_mode_and_the_errors_are_those_of_the_dense_problem():
    _, _, _, outcomes = simulated(6, 9, seed=3)
    outcomes[2, 4] = np.nan

    def depth(point):
        ability, difficulty = point[:6], point[6:]
        eta = ability[:, None] - difficulty
        told = np.nan_to_num(outcomes) * eta - np.logaddexp(0, eta)
        return -told[~np.isnan(outcomes)].sum() + (point**2).sum() / 8

    dense = minimize(depth, np.zeros(15), method="BFGS", options={"gtol": 1e-9})
    found = rasch(outcomes)
    assert np.allclose(np.r_[found.ability, found.difficulty], dense.x, atol=1e-5)
    p = expit(found.ability[:, None] - found.difficulty)
    w = np.where(np.isnan(outcomes), 0.0, p * (1 - p))
    hessian = np.block([[np.diag(w.sum(1)), -w], [-w.T, np.diag(w.sum(0))]]) + np.eye(15) / 4
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    assert np.allclose(np.r_[found.ability_error, found.difficulty_error], errors, rtol=1e-6)


def test_errors_cover_what_they_promise():
    inside = []
    for seed in range(40):
        ability, difficulty, _, outcomes = simulated(30, 200, seed=seed, spread=1.5)
        found = rasch(outcomes)
        away = (found.ability - found.ability.mean()) - (ability - ability.mean())
        inside.append(np.mean(np.abs(away) < 1.96 * found.ability_error))
        away = (found.difficulty - found.difficulty.mean()) - (difficulty - difficulty.mean())
        inside.append(np.mean(np.abs(away) < 1.96 * found.difficulty_error))
    assert 0.93 <= np.mean(inside) <= 0.99


def test_items_that_all_or_none_solve_are_finite_and_at_the_ends():
    _, _, _, outcomes = simulated(10, 20, seed=1, spread=0.5)
    outcomes[:, 0], outcomes[:, 1] = 1.0, 0.0
    found = rasch(outcomes)
    assert np.isfinite(found.difficulty).all()
    assert found.difficulty.argmin() == 0
    assert found.difficulty.argmax() == 1
    assert np.isfinite(two_parameter(outcomes).difficulty).all()


def test_ten_to_one_is_400_points():
    assert elo([0.0, np.log(10)]) == pytest.approx([1500, 1900])


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([[0.5, 1.0]], "0, 1 or NaN"),
        ([[1.0, np.nan], [0.0, np.nan]], "item in place 1"),
        ([[np.nan, np.nan], [0.0, 1.0]], "solver in place 0"),
        ([], "table"),
    ],
)
def test_what_cannot_be_fitted_is_refused(outcomes, said):
    with pytest.raises(ValueError, match=said):
        rasch(outcomes)
