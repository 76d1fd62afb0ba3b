"""Growth over time: exponential or towards a ceiling, and whether the data can tell a ceiling at all.

log y = log L - log(1 + exp(-k (t - t0))) + normal noise; the exponential is its limit for an L beyond all bounds. The
ceiling is profiled: for each L on a grid the best k and t0, then n log(RSS / least RSS) against 3.84. Before half the
ceiling has been seen the interval has no upper end (about 95 % of the time at a twentieth, 80 % at a fifth, 6 % at
half, with 12 points and 10 % noise), and then only the lower end may be reported. With so few points the interval
covers too seldom: 88 to 95 % in simulation, 91 % on average. `small_sample` takes F in place of chi squared, as for
least squares with few points (Bates and Watts 1988, Nonlinear Regression Analysis, ch. 6): it covers 91 % where most of
the ceiling has been seen and 98 % where little has, and tells of a ceiling later. Simulations: docs/statistics.md.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import chi2, f

Array = NDArray[np.float64]
_GRID = 160
_FARTHEST = 1e4  # the highest ceiling of the grid, in multiples of the largest value seen


@dataclass(frozen=True)
class Ceiling:
    """What a series says of its ceiling. `high` is infinite where the exponential lies inside the interval.

    `best` is the ceiling of the best fit, infinite where that is the exponential. `aicc_exponential` minus
    `aicc_logistic` below 0 speaks for the exponential. `rate` is k of the best fit, by unit of time.
    """

    best: float
    low: float
    high: float
    rate: float
    midpoint: float
    aicc_exponential: float
    aicc_logistic: float
    n: int
    level: float = 0.95

    @property
    def bounded(self) -> bool:
        """Whether the data tell that there is a ceiling."""
        return math.isfinite(self.high)


def ceiling(times: ArrayLike, values: ArrayLike, *, level: float = 0.95, small_sample: bool = False) -> Ceiling:
    """Return the profile-likelihood interval of the ceiling of `values` (n, above 0) at `times` (n).

    Assumes independent lognormal noise of one size. Raises ValueError for fewer than 5 points, for values that are not
    finite and above 0, and for times that are all alike.
    """
    t, y = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if t.shape != y.shape or t.ndim != 1 or len(t) < 5:
        raise ValueError(f"A ceiling needs at least 5 points (time, value), not {len(np.atleast_1d(t))}.")
    if not (np.isfinite(t).all() and np.isfinite(y).all() and (y > 0).all() and np.ptp(t) > 0):
        raise ValueError("Times and values are finite, values above 0, and times differ.")
    n, logs = len(t), np.log(y)
    centred = (t - t.mean()) / t.std()
    slope, start = np.polyfit(centred, logs, 1)
    exponential = float(((logs - start - slope * centred) ** 2).sum())
    grid = y.max() * np.geomspace(0.5, _FARTHEST, _GRID)
    fits = []
    guess = None
    for top in grid[::-1]:  # from the exponential's side, where the first guess is good
        if guess is None:
            guess = np.array([start - math.log(top), slope])
        fits.append(_logistic(centred, logs, math.log(top), guess))
        guess = fits[-1][1]
    fits.reverse()
    losses = np.array([fit[0] for fit in fits])
    at = int(losses.argmin())
    finite = losses[at] < exponential - 1e-9 * max(1.0, exponential)
    least = max(min(float(losses[at]), exponential), 1e-300)
    limit = n * math.log1p(float(f.ppf(level, 1, n - 3)) / (n - 3)) if small_sample else float(chi2.ppf(level, 1))
    excess = n * np.log(np.maximum(losses, 1e-300) / least) - limit
    inside = excess <= 0
    unbounded = n * math.log(max(exponential, 1e-300) / least) <= limit
    low = _edge(grid, excess, inside, first=True)
    high = math.inf if unbounded or inside[-1] else _edge(grid, excess, inside, first=False)
    (offset, rate) = fits[at][1] if finite else (start, slope)
    return Ceiling(
        float(grid[at]) if finite else math.inf,
        low,
        high,
        float(rate / t.std()),
        float(t.mean() - offset / rate * t.std()) if finite and rate else math.inf,
        _aicc(exponential, n, 3),
        _aicc(float(losses[at]), n, 4),
        n,
        level,
    )


def _logistic(t: Array, logs: Array, log_top: float, guess: Array) -> tuple[float, Array]:
    """Return the least residual sum for a ceiling, and (offset, rate) of log L - log(1 + exp(-offset - rate t))."""

    def residual(point: Array) -> Array:
        return logs - log_top + np.logaddexp(0.0, -point[0] - point[1] * t)

    def slopes(point: Array) -> Array:
        share = 1.0 / (1.0 + np.exp(np.clip(point[0] + point[1] * t, -700, 700)))
        return np.column_stack([-share, -share * t])

    found = least_squares(residual, guess, jac=slopes, method="lm", xtol=1e-10, ftol=1e-10)
    return float((found.fun**2).sum()), found.x


def _edge(grid: Array, excess: Array, inside: NDArray[np.bool_], *, first: bool) -> float:
    """Return where the profile crosses the limit, between two points of the grid, on a log scale."""
    places = np.flatnonzero(inside)
    if not len(places):
        return math.nan
    at = int(places[0] if first else places[-1])
    out = at - 1 if first else at + 1
    if not 0 <= out < len(grid):
        return float(grid[at])
    share = excess[at] / (excess[at] - excess[out])
    return float(np.exp(np.log(grid[at]) + share * (np.log(grid[out]) - np.log(grid[at]))))


def _aicc(loss: float, n: int, parameters: int) -> float:
    """Return Akaike's criterion with its correction for few points; infinite where there are too few for it."""
    if n - parameters - 1 <= 0:
        return math.inf
    fit = n * math.log(max(loss, 1e-300) / n)
    return fit + 2 * parameters + 2 * parameters * (parameters + 1) / (n - parameters - 1)
