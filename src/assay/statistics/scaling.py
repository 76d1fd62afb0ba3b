"""Scaling curves: how a score grows with the dose of data, by four forms, and whether a ceiling is identified.

Forms of the dose x > 0: power law with offset c - a x^-b, exponential c - a exp(-x / s), logistic in log x
c / (1 + exp(-k (log x - m))), and log-linear a + b log x, which has no ceiling. Each is fitted by weighted least
squares: its shape over a grid, what is linear in closed form, then refined. The ceiling c is profiled (Raue et al.
2009, Bioinformatics 25, 1923-1929): it counts as identified only when the interval ends below the highest score that
there can be and the log-linear form, which has none, fits significantly worse.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import chi2, f

from assay.statistics.twolevel import as_scores, bootstrap, cells, percentiles

Array = NDArray[np.float64]
_CEILINGS = 101


class Form(StrEnum):
    """A form of the curve."""

    POWER = "power law with offset"
    EXPONENTIAL = "exponential"
    LOGISTIC = "logistic in log dose"
    LOG_LINEAR = "log-linear"


@dataclass(frozen=True)
class Fit:
    """One form at its best: `parameters` in the order of its formula, `loss` the weighted sum of squares, `aicc`.

    `ceiling`, `low` and `high` are NaN for the log-linear form. `identified` as in the module's first lines.
    """

    form: Form
    parameters: tuple[float, ...]
    loss: float
    aicc: float
    ceiling: float
    low: float
    high: float
    identified: bool

    def at(self, doses: ArrayLike) -> Array:
        """Return the curve at doses above 0."""
        return _curve(self.form, np.array(self.parameters), np.asarray(doses, dtype=np.float64))


@dataclass(frozen=True)
class Band:
    """A form's prediction at `doses` with the interval of paired resampling; `failed` resamples gave no fit."""

    form: Form
    doses: Array
    estimate: Array
    low: Array
    high: Array
    resamples: int
    failed: int


def fit_curves(
    doses: ArrayLike, scores: ArrayLike, errors: ArrayLike | None = None, *, highest: float = 1.0, level: float = 0.95
) -> list[Fit]:
    """Return the forms fitted to `scores` (n) at `doses` (n, above 0), best AICc first.

    With `errors` (n standard errors) the profile is that of chi squared; without, the noise is estimated from the fit,
    and the profile is that of F with as many degrees of freedom as points are left (Bates and Watts 1988, ch. 6): with
    7 points wider by half. Forms with as many parameters as there are points are left out.
    Raises ValueError for fewer than 4 points, doses not above 0 or alike, scores outside [0, highest], errors not
    above 0.
    """
    x, y, w = _checked(doses, scores, errors, highest)
    known = errors is not None
    best = {form: _best(form, x, y, w, highest) for form in Form if len(x) > _size(form)}
    flat = best[Form.LOG_LINEAR][1]
    fits = []
    for form, (point, loss) in best.items():
        low, high, identified = math.nan, math.nan, False
        if form is not Form.LOG_LINEAR:
            low, high = _profile(form, x, y, w, loss, highest, level, known)
            left = len(x) - _size(form)
            worse = _distance(flat, min(loss, flat), left, known) > _limit(left, known, level)
            identified = worse and high < highest - 1e-9
        top = float(point[0]) if form is not Form.LOG_LINEAR else math.nan
        aicc = _aicc(loss, len(x), _size(form), known)
        fits.append(Fit(form, tuple(map(float, point)), loss, aicc, top, low, high, identified))
    return sorted(fits, key=lambda fit: (fit.aicc, fit.loss))


def prediction_band(
    doses: ArrayLike,
    scores_by_dose: Sequence[ArrayLike],
    at: ArrayLike,
    *,
    form: Form = Form.POWER,
    highest: float = 1.0,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Band:
    """Return a form's curve at the doses `at` with an interval: tasks and seeds are resampled together for all doses.

    `scores_by_dose` has, for each dose, seeds x tasks (x trials), the same seeds and tasks in the same order; NaN is
    left out. The interval holds the noise of tasks and seeds, not the doubt about the form; where the form is right its
    95 % covers 96 to 99 %, as the noise of single attempts counts at both levels. Raises ValueError as `fit_curves`
    does, and for doses whose scores have unlike shapes.
    """
    systems = tuple(cells(as_scores(scores)) for scores in scores_by_dose)
    if len({system.total_ST.shape for system in systems}) != 1:
        raise ValueError("Every dose has the same seeds and tasks, in the same order.")
    means = np.array([system.mean for system in systems])
    x, y, w = _checked(doses, means, None, highest)
    wanted = np.asarray(at, dtype=np.float64)
    estimate = _curve(form, _best(form, x, y, w, highest)[0], wanted)
    draws = np.column_stack(bootstrap(systems, matched=True, resamples=resamples, seed=seed))
    curves = []
    for drawn in draws[np.isfinite(draws).all(axis=1)]:
        curves.append(_curve(form, _best(form, x, drawn, w, highest, refine=False)[0], wanted))
    bands = [percentiles(column, level) for column in np.array(curves).T]
    low, high = (np.array([band[end] for band in bands]) for end in (0, 1))
    return Band(form, wanted, estimate, low, high, resamples, resamples - len(curves))


def _checked(
    doses: ArrayLike, scores: ArrayLike, errors: ArrayLike | None, highest: float
) -> tuple[Array, Array, Array]:
    x, y = np.asarray(doses, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 4:
        raise ValueError("A scaling curve needs at least 4 doses with one score each.")
    if not (np.isfinite(x).all() and (x > 0).all() and len(np.unique(x)) == len(x)):
        raise ValueError("Doses are above 0 and differ: leave the untrained floor out, and average what is repeated.")
    if not (np.isfinite(y).all() and (y >= 0).all() and (y <= highest).all()):
        raise ValueError(f"Scores lie between 0 and {highest:g}.")
    if errors is None:
        return x, y, np.ones_like(y)
    e = np.asarray(errors, dtype=np.float64)
    if e.shape != y.shape or not (np.isfinite(e).all() and (e > 0).all()):
        raise ValueError("Standard errors are above 0, one a score.")
    return x, y, e**-2


def _size(form: Form) -> int:
    return 2 if form is Form.LOG_LINEAR else 3


def _curve(form: Form, point: Array, x: Array) -> Array:
    if form is Form.LOG_LINEAR:
        return point[0] + point[1] * np.log(x)
    if form is Form.LOGISTIC:
        return point[0] / (1.0 + np.exp(np.clip(-point[1] * (np.log(x) - point[2]), -700, 700)))
    return point[0] - point[1] * _falling(form, np.array([point[2]]), x)[0]


def _falling(form: Form, shapes: Array, x: Array) -> Array:
    """Return the falling part of the power law or the exponential for each shape: shapes x doses."""
    if form is Form.POWER:
        return np.exp(-shapes[:, None] * np.log(x))
    return np.exp(-x / shapes[:, None])


def _grids(form: Form, x: Array) -> tuple[Array, ...]:
    span = np.log(x.max() / x.min())
    if form is Form.POWER:
        return (np.geomspace(0.02, 8.0, 80),)
    if form is Form.EXPONENTIAL:
        return (np.geomspace(x.min() / 5, x.max() * 20, 80),)
    steep = np.geomspace(0.2, 30.0, 30) / span
    middle = np.linspace(np.log(x.min()) - span, np.log(x.max()) + span, 40)
    return tuple(each.ravel() for each in np.meshgrid(steep, middle))


def _best(form: Form, x: Array, y: Array, w: Array, highest: float, *, refine: bool = True) -> tuple[Array, float]:
    """Return the best parameters and their loss; ceilings stay within what a score can be."""
    if form is Form.LOG_LINEAR:
        line = np.polyfit(np.log(x), y, 1, w=np.sqrt(w))[::-1]
        return line, float((w * (y - _curve(form, line, x)) ** 2).sum())
    tops = np.linspace(y.max() * 0.8, highest, _CEILINGS)
    losses, points = _losses(form, x, y, w, tops)
    start = points[int(losses.argmin())]
    if refine:
        floor = np.array([0.0, 0.0, -np.inf if form is Form.LOGISTIC else 1e-6])
        limits = (floor, np.array([highest, np.inf, np.inf]))
        found = least_squares(
            lambda point: np.sqrt(w) * (y - _curve(form, point, x)),
            np.clip(start, limits[0] + 1e-12, np.array([highest - 1e-12, np.inf, np.inf])),
            bounds=limits,
            x_scale=np.maximum(np.abs(start), 1e-3),
        )
        if 2 * found.cost <= losses.min():
            return found.x, float(2 * found.cost)
    return start, float(losses.min())


def _losses(form: Form, x: Array, y: Array, w: Array, tops: Array) -> tuple[Array, Array]:
    """Return for each ceiling the least loss over the shapes, and its point."""
    shapes = _grids(form, x)
    if form is Form.LOGISTIC:
        share_GN = 1.0 / (1.0 + np.exp(np.clip(-shapes[0][:, None] * (np.log(x) - shapes[1][:, None]), -700, 700)))
        square, cross, own = (share_GN**2) @ w, share_GN @ (w * y), float((w * y * y).sum())
        loss_CG = own - 2 * tops[:, None] * cross + tops[:, None] ** 2 * square
        at = loss_CG.argmin(axis=1)
        points = np.column_stack([tops, shapes[0][at], shapes[1][at]])
    else:
        fall_GN = _falling(form, shapes[0], x)
        left_CN = tops[:, None] - y
        square = np.maximum((fall_GN**2) @ w, 1e-300)
        slope_CG = np.maximum((left_CN * w) @ fall_GN.T / square, 0.0)
        own_C = (w * left_CN**2).sum(axis=1)
        loss_CG = own_C[:, None] - slope_CG**2 * square
        at = loss_CG.argmin(axis=1)
        points = np.column_stack([tops, slope_CG[np.arange(len(tops)), at], shapes[0][at]])
    return np.maximum(loss_CG.min(axis=1), 0.0), points


def _profile(
    form: Form, x: Array, y: Array, w: Array, least: float, highest: float, level: float, known: bool
) -> tuple[float, float]:
    tops = np.linspace(y.max() * 0.5, highest, _CEILINGS)
    losses, points = _losses(form, x, y, w, tops)
    left = len(x) - _size(form)
    far = np.array([_distance(loss, least, left, known) for loss in losses])
    limit = _limit(left, known, level)
    # The grid's shapes are coarse: near the limit and below it each ceiling is fitted anew.
    for place in np.flatnonzero(far < 60 * limit):
        top = tops[place]
        found = least_squares(
            lambda rest, top=top: np.sqrt(w) * (y - _curve(form, np.array([top, *rest]), x)),
            points[place][1:],
            x_scale=np.maximum(np.abs(points[place][1:]), 1e-3),
            max_nfev=60,
        )
        far[place] = min(far[place], _distance(2 * found.cost, least, left, known))
    inside = np.flatnonzero(far <= limit)
    if not len(inside):
        return math.nan, math.nan
    return _crossing(tops, far - limit, int(inside[0]), -1), _crossing(tops, far - limit, int(inside[-1]), 1)


def _crossing(tops: Array, excess: Array, at: int, step: int) -> float:
    """Return where the profile crosses the limit between two ceilings of the grid."""
    out = at + step
    if not 0 <= out < len(tops):
        return float(tops[at])
    return float(tops[at] + (tops[out] - tops[at]) * excess[at] / (excess[at] - excess[out]))


def _distance(loss: float, least: float, left: int, known: bool) -> float:
    """Return how much worse a loss is: twice the difference of log likelihoods, or the F ratio where the noise is not
    known and estimated from the `left` degrees of freedom."""
    return loss - least if known else (loss / max(least, 1e-300) - 1.0) * left


def _limit(left: int, known: bool, level: float) -> float:
    return float(chi2.ppf(level, 1) if known else f.ppf(level, 1, left))


def _aicc(loss: float, n: int, parameters: int, known: bool) -> float:
    count = parameters if known else parameters + 1
    fit = loss if known else n * math.log(max(loss, 1e-300) / n)
    return fit + 2 * count + (2 * count * (count + 1) / (n - count - 1) if n - count - 1 > 0 else math.inf)
