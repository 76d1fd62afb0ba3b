"""Item response models: abilities of solvers and difficulties of items from who solved what, with standard errors.

Rasch: P(solver s solves item i) = sigma(ability_s - difficulty_i). With two parameters an item i it is
sigma(a_i (ability_s - difficulty_i)). Both are fitted as the mode of the posterior under normal priors (Mislevy 1986,
Psychometrika 51, 177-195), which keep items that all or none solve finite; without them their difficulty would be
infinite. Joint estimates stretch the scale by about (I - 1) / I for I items. An item's difficulty is known no better
than its own outcomes allow: with 19 solvers its error is half a logit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Array = NDArray[np.float64]
ELO_PER_LOGIT = 400.0 / np.log(10.0)  # 173.718
_MOST_STEPS = 200
_CLOSE = 1e-8


@dataclass(frozen=True)
class ItemResponse:
    """What a fit gives, in logits: `ability` (S), `difficulty` (I), `discrimination` (I, 1 for Rasch), their errors.

    Errors are of the inverse of the expected Hessian, priors included, all parameters at once. `n` counts the outcomes.
    """

    ability: Array
    ability_error: Array
    difficulty: Array
    difficulty_error: Array
    discrimination: Array
    discrimination_error: Array
    n: int
    steps: int


def elo(logits: ArrayLike, base: float = 1500.0) -> Array:
    """Return logits on the Elo scale: `base` for 0, 400 points for odds of ten to one."""
    return base + ELO_PER_LOGIT * np.asarray(logits, dtype=np.float64)


def rasch(outcomes: ArrayLike, *, prior_sd: float = 2.0) -> ItemResponse:
    """Fit the Rasch model to outcomes_SI: solvers x items, 1 solved, 0 not, NaN not tried (or its own author).

    `prior_sd` is the standard deviation of the normal priors, centred at 0, of abilities and difficulties, in logits:
    they fix the origin of the scale too. Raises ValueError for other outcomes, and for a solver or an item with none.
    """
    y_SI, tried_SI = _table(outcomes)
    return _fit(y_SI, tried_SI, (prior_sd, prior_sd, None))


def two_parameter(
    outcomes: ArrayLike, *, ability_sd: float = 1.0, difficulty_sd: float = 2.0, log_discrimination_sd: float = 0.5
) -> ItemResponse:
    """Fit the two-parameter model to outcomes_SI as `rasch` takes them; log a_i has a normal prior at 0.

    The prior of abilities fixes the scale, so that discriminations can be told from it. With few solvers the
    discriminations are mostly their prior: read their errors.
    """
    y_SI, tried_SI = _table(outcomes)
    return _fit(y_SI, tried_SI, (ability_sd, difficulty_sd, log_discrimination_sd))


def _table(outcomes: ArrayLike) -> tuple[Array, Array]:
    table_SI = np.asarray(outcomes, dtype=np.float64)
    if table_SI.ndim != 2 or not table_SI.size:
        raise ValueError("Outcomes are a table of solvers x items.")
    tried_SI = ~np.isnan(table_SI)
    if not np.isin(table_SI[tried_SI], (0.0, 1.0)).all():
        raise ValueError("An outcome is 0, 1 or NaN: give single trials, or one of several.")
    for axis, name in ((1, "solver"), (0, "item")):
        empty = np.flatnonzero(~tried_SI.any(axis=axis))
        if len(empty):
            raise ValueError(f"The {name} in place {int(empty[0])} has no outcome: leave it out.")
    return np.where(tried_SI, table_SI, 0.0), tried_SI.astype(np.float64)


def _fit(y_SI: Array, tried_SI: Array, sds: tuple[float, float, float | None]) -> ItemResponse:
    """Climb by Fisher scoring, halving steps that would descend."""
    solvers, items = y_SI.shape
    point: tuple[Array, ...] = (
        np.zeros(solvers),
        np.zeros(items),
        np.zeros(items),
    )  # ability, difficulty, log discrimination
    height = _height(point, y_SI, tried_SI, sds)
    steps = 0
    while steps < _MOST_STEPS:
        steps += 1
        rise, _ = _scored(point, y_SI, tried_SI, sds)
        scale = 1.0
        while True:
            tried = tuple(at + scale * way for at, way in zip(point, rise, strict=True))
            reached = _height(tried, y_SI, tried_SI, sds)
            if reached >= height or scale < 1e-6:
                break
            scale /= 2
        moved = max(float(np.abs(new - old).max()) for new, old in zip(tried, point, strict=True))
        point, height = tried, reached
        if moved < _CLOSE:
            break
    else:
        raise ValueError("The item response model did not settle: the outcomes do not decide its scale.")
    _, errors = _scored(point, y_SI, tried_SI, sds)
    ability, difficulty, logs = point
    return ItemResponse(
        ability, errors[0], difficulty, errors[1], np.exp(logs), np.exp(logs) * errors[2], int(tried_SI.sum()), steps
    )


def _height(point: tuple[Array, ...], y_SI: Array, tried_SI: Array, sds: tuple[float, float, float | None]) -> float:
    """Return the log posterior, up to a constant."""
    ability, difficulty, logs = point
    eta_SI = np.exp(logs) * (ability[:, None] - difficulty)
    likelihood = float((tried_SI * (y_SI * eta_SI - np.logaddexp(0.0, eta_SI))).sum())
    prior = sum(float((at**2).sum()) / (2 * sd**2) for at, sd in zip(point, sds, strict=True) if sd is not None)
    return likelihood - prior


def _scored(
    point: tuple[Array, ...], y_SI: Array, tried_SI: Array, sds: tuple[float, float, float | None]
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """Return the step of Fisher scoring and the standard errors at a point.

    The information has the shape [[D, B], [B', E]]: D of the solvers is diagonal, E of the items 2 x 2 an item; so only
    the complement of E, solvers x solvers, is inverted whole.
    """
    ability, difficulty, logs = point
    slope = np.exp(logs)
    eta_SI = slope * (ability[:, None] - difficulty)
    p_SI = expit(eta_SI)
    left_SI = tried_SI * (y_SI - p_SI)
    weight_SI = tried_SI * p_SI * (1 - p_SI)
    sd_ability, sd_difficulty, sd_slope = sds
    free = sd_slope is not None
    gradient_S = left_SI @ slope - ability / sd_ability**2
    gradient_I = -slope * left_SI.sum(axis=0) - difficulty / sd_difficulty**2
    gradient_A = (left_SI * eta_SI).sum(axis=0) - logs / sd_slope**2 if sd_slope is not None else np.zeros_like(logs)
    d_S = weight_SI @ slope**2 + sd_ability**-2
    cross_SI = -weight_SI * slope**2
    cross_SA = weight_SI * slope * eta_SI if free else np.zeros_like(weight_SI)
    e_II = slope**2 * weight_SI.sum(axis=0) + sd_difficulty**-2
    e_AA = (weight_SI * eta_SI**2).sum(axis=0) + sd_slope**-2 if sd_slope is not None else np.ones_like(logs)
    e_IA = -slope * (weight_SI * eta_SI).sum(axis=0) if free else np.zeros_like(logs)
    determinant = e_II * e_AA - e_IA**2
    i_II, i_AA, i_IA = e_AA / determinant, e_II / determinant, -e_IA / determinant  # the inverse of E, by item
    through_SI = cross_SI * i_II + cross_SA * i_IA  # B times the inverse of E
    through_SA = cross_SI * i_IA + cross_SA * i_AA
    whole_SS = np.diag(d_S) - through_SI @ cross_SI.T - through_SA @ cross_SA.T
    inverse_SS = np.linalg.inv(whole_SS)
    step_S = inverse_SS @ (gradient_S - through_SI @ gradient_I - through_SA @ gradient_A)
    step_I = i_II * gradient_I + i_IA * gradient_A - step_S @ through_SI
    step_A = i_IA * gradient_I + i_AA * gradient_A - step_S @ through_SA
    variance_I = i_II + np.einsum("si,st,ti->i", through_SI, inverse_SS, through_SI, optimize=True)
    variance_A = i_AA + np.einsum("si,st,ti->i", through_SA, inverse_SS, through_SA, optimize=True)
    errors = (np.sqrt(np.diag(inverse_SS)), np.sqrt(variance_I), np.sqrt(variance_A) if free else np.zeros_like(logs))
    return (step_S, step_I, step_A if free else np.zeros_like(logs)), errors
