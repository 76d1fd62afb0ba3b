"""Time horizon: how long the tasks are (in human minutes) that a system solves half of the time, and its trend.

P(success) = sigma(a - b log2(minutes)) is fitted by weighted logistic regression; the horizon at a share q is
2^((a - logit q) / b). Source: Kwa et al. 2025, arXiv 2503.14499, with weights by family so that a family of many tasks
does not decide, and a hierarchical bootstrap of families, tasks and runs for the interval.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import t as student

from assay.statistics.intervals import Interval
from assay.statistics.twolevel import percentiles

Array = NDArray[np.float64]
_STEPS = 60
_RIDGE = 1e-6  # keeps the slope finite where successes and failures do not overlap


@dataclass(frozen=True)
class Horizon:
    """The horizon in minutes with its interval; `slope` is b, the fall of the log odds by doubling of the time.

    Where `slope` is not above 0 the horizon means nothing, and is NaN. `unclear` is the share of resamples so.
    """

    minutes: Interval
    slope: float
    share: float
    tasks: int
    families: int
    unclear: float


def family_weights(families: Sequence[Hashable]) -> Array:
    """Return weights (N) by which each family counts as the root of its size; their mean is 1."""
    _, place, sizes = np.unique([str(each) for each in families], return_inverse=True, return_counts=True)
    weights = 1.0 / np.sqrt(sizes[place])
    return weights / weights.mean()


def horizon(
    success: ArrayLike,
    minutes: ArrayLike,
    families: Sequence[Hashable] | None = None,
    *,
    weights: ArrayLike | None = None,
    share: float = 0.5,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Horizon:
    """Return the horizon from success_TK (tasks x runs, NaN not run; or one value a task) and minutes (T).

    Resampled are families, tasks within them, and runs of a task: the noise of runs counts at each level, so that the
    95 % interval is wide and covered in all of 300 simulated worlds of 15 and of 40 families. Without `families` each
    task is its own. Raises ValueError for unlike lengths, minutes not above 0, values outside [0, 1], or fewer than two
    lengths of task.
    """
    y_TK = np.asarray(success, dtype=np.float64)
    y_TK = y_TK[:, None] if y_TK.ndim == 1 else y_TK
    x = np.asarray(minutes, dtype=np.float64)
    if y_TK.ndim != 2 or x.shape != (len(y_TK),):
        raise ValueError("Minutes are one a task, and successes tasks x runs.")
    if not (np.isfinite(x) & (x > 0)).all():
        raise ValueError("Minutes are above 0.")
    run_TK = ~np.isnan(y_TK)
    if np.any((y_TK[run_TK] < 0) | (y_TK[run_TK] > 1)):
        raise ValueError("A success lies in [0, 1]; NaN is a run without a valid score.")
    keep: NDArray[np.bool_] = np.asarray(run_TK.any(axis=1))
    names = [str(each) for each in families] if families is not None else [str(place) for place in range(len(x))]
    if len(names) != len(x):
        raise ValueError("Families are one a task.")
    names = [name for name, kept in zip(names, keep, strict=True) if kept]
    weight = np.asarray(weights, dtype=np.float64)[keep] if weights is not None else family_weights(names)
    y_TK, run_TK, logs = np.where(run_TK, y_TK, 0.0)[keep], run_TK[keep], np.log2(x[keep])
    if len(np.unique(logs)) < 2:
        raise ValueError("A horizon needs tasks of at least two lengths.")
    count = run_TK.sum(axis=1).astype(np.float64)
    mean = y_TK.sum(axis=1) / count
    (a,), (b,) = _fit(mean[None], weight[None], logs)
    estimate = _at(a, b, share)
    rng = np.random.default_rng(seed)
    weight_BT, mean_BT = _resampled(rng, names, weight, y_TK, run_TK, count, resamples)
    a_B, b_B = _fit(mean_BT, weight_BT, logs)
    draws = np.array([_at(one, two, share) for one, two in zip(a_B, b_B, strict=True)])
    clear = np.isfinite(draws)
    low, high = percentiles(np.log(draws[clear]), level) if clear.any() else (math.nan, math.nan)
    interval = Interval(
        estimate,
        math.exp(low),
        math.exp(high),
        int(count.sum()),
        "logistic on log2 minutes, bootstrap over families, tasks and runs",
        int((~run_TK).sum()),
        level,
    )
    return Horizon(interval, float(b), share, len(names), len(set(names)), float(1 - clear.mean()))


def _resampled(
    rng: np.random.Generator,
    names: list[str],
    weight: Array,
    y_TK: Array,
    run_TK: NDArray[np.bool_],
    count: Array,
    size: int,
) -> tuple[Array, Array]:
    """Return weights and mean successes by resample and task."""
    members = {name: np.array([n for n, other in enumerate(names) if other == name]) for name in dict.fromkeys(names)}
    groups = list(members.values())
    times_BT = np.zeros((size, len(names)))
    for row in times_BT:
        for group in rng.integers(len(groups), size=len(groups)):
            inside = groups[group]
            np.add.at(row, inside[rng.integers(len(inside), size=len(inside))], 1.0)
    mean_BT = np.tile(y_TK.sum(axis=1) / count, (size, 1))
    for task in np.flatnonzero(count > 1):
        runs = y_TK[task, run_TK[task]]
        mean_BT[:, task] = runs[rng.integers(len(runs), size=(size, len(runs)))].mean(axis=1)
    return times_BT * weight, mean_BT


def _fit(mean_BT: Array, weight_BT: Array, logs: Array) -> tuple[Array, Array]:
    """Return a and b of sigma(a - b log2 minutes) for every resample, by Newton's steps on all at once."""
    centre, spread = logs.mean(), logs.std()
    z = (logs - centre) / spread
    a, c = np.zeros(len(mean_BT)), np.zeros(len(mean_BT))
    for _ in range(_STEPS):
        p = expit(a[:, None] + c[:, None] * z)
        left, w = weight_BT * (mean_BT - p), weight_BT * p * (1 - p)
        g0, g1 = left.sum(axis=1) - _RIDGE * a, left @ z - _RIDGE * c
        h00, h01, h11 = w.sum(axis=1) + _RIDGE, w @ z, w @ z**2 + _RIDGE
        determinant = h00 * h11 - h01**2
        d0, d1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        a, c = a + np.clip(d0, -2, 2), c + np.clip(d1, -2, 2)
        if max(np.abs(d0).max(), np.abs(d1).max()) < 1e-9:
            break
    return a - c * centre / spread, -c / spread


def _at(a: float, b: float, share: float) -> float:
    if not b > 0:
        return math.nan
    exponent = (a - float(logit(share))) / b
    return float(2.0**exponent) if abs(exponent) < 1000 else math.nan


@dataclass(frozen=True)
class Trend:
    """Doubling time in days, from a line through log2 of the horizons; `rate` is doublings a day with its interval."""

    doubling_days: float
    low: float
    high: float
    rate: Interval


def trend(days: ArrayLike, horizons: ArrayLike, *, level: float = 0.95) -> Trend:
    """Return the doubling time of `horizons` (n, minutes) released on `days` (n, any origin), by least squares.

    The interval is Student's of the line's slope and takes the horizons as known: what they are uncertain by is not in
    it. An end is infinite where the slope may be 0. Raises ValueError for fewer than three points.
    """
    x, y = np.asarray(days, dtype=np.float64), np.asarray(horizons, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3 or not (np.isfinite(y) & (y > 0)).all() or np.ptp(x) == 0:
        raise ValueError("A trend needs at least three horizons above 0, on days that differ.")
    slope, start = np.polyfit(x, np.log2(y), 1)
    left = np.log2(y) - start - slope * x
    error = math.sqrt(float((left**2).sum()) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum()))
    half = float(student.ppf(0.5 + level / 2, len(x) - 2)) * error
    rate = Interval(float(slope), float(slope - half), float(slope + half), len(x), "OLS of log2 horizon", 0, level)
    ends = [1.0 / end if end > 0 else math.inf for end in (rate.high, rate.low)]
    return Trend(1.0 / rate.estimate if rate.estimate else math.inf, ends[0], ends[1], rate)
