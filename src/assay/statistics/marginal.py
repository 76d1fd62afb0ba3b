"""Two-parameter item response by marginal likelihood: abilities are integrated out, so that items keep their scale.

Bock and Aitkin 1981, Psychometrika 46, 443-459; priors on items as Mislevy 1986, Psychometrika 51, 177-195. To climb in
abilities and items together would shrink the abilities towards their prior and stretch the discriminations instead:
nothing but the priors tells the two scales apart.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

Array = NDArray[np.float64]
_NODES = np.linspace(-5.0, 5.0, 61)  # in standard deviations of the abilities
_MOST_STEPS = 2000


def fit_items(y_SI: Array, tried_SI: Array, sds: tuple[float, float, float]) -> tuple[Array, Array, Array, int]:
    """Return difficulties and log discriminations at the mode, the inverse of their Hessian (2I x 2I), and the steps.

    `sds` are the standard deviations of the priors of abilities, difficulties and log discriminations. Raises
    ValueError where the climb does not settle.
    """
    items = y_SI.shape[1]
    depth = _depth(y_SI, tried_SI, sds)
    found = minimize(
        depth, np.zeros(2 * items), jac=True, method="L-BFGS-B",
        options={"maxiter": _MOST_STEPS, "maxfun": 4 * _MOST_STEPS, "ftol": 1e-13, "gtol": 1e-6},
    )  # fmt: skip
    if not np.isfinite(found.fun) or found.nit >= _MOST_STEPS:
        raise ValueError("The item response model did not settle: the outcomes do not decide its scale.")
    difficulty, logs = found.x[:items], found.x[items:]
    inverse_PP = np.asarray(np.linalg.inv(_information(difficulty, logs, y_SI, tried_SI, sds)), dtype=np.float64)
    return difficulty, logs, inverse_PP, int(found.nit)


def abilities(
    difficulty: Array, logs: Array, y_SI: Array, tried_SI: Array, ability_sd: float, inverse_PP: Array
) -> tuple[Array, Array]:
    """Return the mean of each solver's posterior and its error, which holds that of the items (`inverse_PP`).

    Of the items by the delta method: how the mean moves with them is its posterior covariance with their scores (Yang,
    Hansen and Cai 2012, Educational and Psychological Measurement 72, 264-290).
    """
    nodes = ability_sd * _NODES
    eta_IQ = _eta(difficulty, logs, nodes)
    weight_SQ = _posterior(eta_IQ, y_SI, tried_SI)[0]
    mean_S = weight_SQ @ nodes
    variance_S = weight_SQ @ nodes**2 - mean_S**2
    for place, weight_Q in enumerate(weight_SQ):
        moves_P = _scores(np.exp(logs), eta_IQ, y_SI[place], tried_SI[place]) @ (weight_Q * (nodes - mean_S[place]))
        variance_S[place] += moves_P @ inverse_PP @ moves_P
    return mean_S, np.sqrt(variance_S)


def _scores(slope: Array, eta_IQ: Array, y_I: Array, tried_I: Array) -> Array:
    """Return the derivatives of one solver's log likelihood by the items' parameters, at each node."""
    left_IQ = (y_I[:, None] - expit(eta_IQ)) * tried_I[:, None]
    return np.concatenate([-slope[:, None] * left_IQ, left_IQ * eta_IQ])


def _eta(difficulty: Array, logs: Array, nodes: Array) -> Array:
    return np.exp(logs)[:, None] * (nodes - difficulty[:, None])


def _posterior(eta_IQ: Array, y_SI: Array, tried_SI: Array) -> tuple[Array, float]:
    """Return the weights of the nodes by solver, and the log of the marginal likelihood."""
    prior_Q = -0.5 * _NODES**2
    log_SQ = y_SI @ eta_IQ - tried_SI @ np.logaddexp(0.0, eta_IQ) + prior_Q - logsumexp(prior_Q)
    whole_S = logsumexp(log_SQ, axis=1)
    return np.exp(log_SQ - whole_S[:, None]), float(whole_S.sum())


def _depth(y_SI: Array, tried_SI: Array, sds: tuple[float, float, float]) -> Callable[[Array], tuple[float, Array]]:
    """Return the function of the items' parameters that is least at the mode, with its gradient (Fisher's identity)."""
    nodes, items = sds[0] * _NODES, y_SI.shape[1]

    def at(point: Array) -> tuple[float, Array]:
        difficulty, logs = point[:items], point[items:]
        eta_IQ = _eta(difficulty, logs, nodes)
        weight_SQ, height = _posterior(eta_IQ, y_SI, tried_SI)
        left_IQ = y_SI.T @ weight_SQ - (tried_SI.T @ weight_SQ) * expit(eta_IQ)
        slopes = np.concatenate([-np.exp(logs) * left_IQ.sum(axis=1), (left_IQ * eta_IQ).sum(axis=1)])
        spread = np.repeat([sds[1], sds[2]], items)
        return float((point**2 / (2 * spread**2)).sum()) - height, point / spread**2 - slopes

    return at


def _information(
    difficulty: Array, logs: Array, y_SI: Array, tried_SI: Array, sds: tuple[float, float, float]
) -> Array:
    """Return the observed information, priors included: that of known abilities less what they are unsure by.

    Louis 1982, JRSS B 44, 226-233, with the second derivatives at their expectation.
    """
    nodes, items = sds[0] * _NODES, len(difficulty)
    eta_IQ = _eta(difficulty, logs, nodes)
    p_IQ, slope = expit(eta_IQ), np.exp(logs)
    weight_SQ = _posterior(eta_IQ, y_SI, tried_SI)[0]
    held_IQ = (tried_SI.T @ weight_SQ) * p_IQ * (1 - p_IQ)
    own, at = np.zeros((2 * items, 2 * items)), np.arange(items)
    own[at, at] = slope**2 * held_IQ.sum(axis=1) + sds[1] ** -2
    own[items + at, items + at] = (held_IQ * eta_IQ**2).sum(axis=1) + sds[2] ** -2
    own[at, items + at] = own[items + at, at] = -slope * (held_IQ * eta_IQ).sum(axis=1)
    for y_I, tried_I, weight_Q in zip(y_SI, tried_SI, weight_SQ, strict=True):
        score_PQ = _scores(slope, eta_IQ, y_I, tried_I)
        mean_P = score_PQ @ weight_Q
        own -= (score_PQ * weight_Q) @ score_PQ.T - np.outer(mean_P, mean_P)
    return own
