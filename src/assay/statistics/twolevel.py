"""The two levels of an evaluation, tasks and training seeds: sums by cell, clustered variances, bootstrap.

Scores come as scores_ST or scores_STK: S seeds (runs of one system) x T tasks x K trials, values in [0, 1],
NaN for an attempt that is invalid or was not planned. Seeds and tasks are crossed: every run meets every task.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, t

Array = NDArray[np.float64]

# Bounds the memory of one batch of resamples: 1,000 x 500 tasks x 8 bytes is 4 MB an array.
_BATCH = 1000


@dataclass(frozen=True)
class Cells:
    """Sums and counts of the valid scores: total_ST and count_ST, and how many were invalid."""

    total_ST: Array
    count_ST: Array
    invalid: int

    @property
    def n(self) -> int:
        """The number of valid scores."""
        return int(self.count_ST.sum())

    @property
    def mean(self) -> float:
        """The mean of the valid scores (a ratio: invalid ones are in neither part)."""
        return float(self.total_ST.sum() / self.count_ST.sum())

    @property
    def tasks(self) -> int:
        """The number of tasks with at least one valid score."""
        return int((self.count_ST.sum(axis=0) > 0).sum())

    @property
    def seeds(self) -> int:
        """The number of seeds with at least one valid score."""
        return int((self.count_ST.sum(axis=1) > 0).sum())


def as_scores(scores: ArrayLike) -> Array:
    """Return scores_STK as floats. Raises ValueError for another number of axes or values outside [0, 1]."""
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(f"Scores have the axes seeds x tasks (x trials), not {array.ndim} axes.")
    if np.any((array < 0) | (array > 1)):
        raise ValueError("Scores lie in [0, 1]; an invalid one is NaN.")
    return array


def cells(scores_STK: Array) -> Cells:
    """Return the sums by (seed, task) of valid scores."""
    valid = ~np.isnan(scores_STK)
    total = np.where(valid, scores_STK, 0.0).sum(axis=2)
    return Cells(total, valid.sum(axis=2).astype(np.float64), int((~valid).sum()))


def clustered_variance(systems: tuple[Cells, ...], matched: bool = True) -> float:
    """Return the variance of the mean of one system, or of the first minus the second of two.

    It is the variance clustered by task plus, with two seeds or more, the one clustered by seed. Both hold the
    noise of single cells, and what both hold is not subtracted: the rest can be negative, and with few seeds it
    covers too seldom, while the sum is never too small on average (MacKinnon, Nielsen and Webb 2021, Journal of
    Business & Economic Statistics 39, 505-519). Linearised, so unequal counts are right. `matched` as in
    `bootstrap`.
    """
    residuals = _residuals(systems)
    by_task = float((np.sum([each.sum(axis=0) for each in residuals], axis=0) ** 2).sum())
    if matched:
        return by_task + _by_seed(np.sum(residuals, axis=0), systems[0].seeds)
    return by_task + sum(_by_seed(each, one.seeds) for each, one in zip(residuals, systems, strict=True))


def freedom(systems: tuple[Cells, ...], matched: bool = True) -> float:
    """Return the degrees of freedom of `clustered_variance`, at least 1.

    A variance between S seeds has S - 1 of them, however many tasks there are; the sum of the parts has Satterthwaite's
    number (1946, Biometrics Bulletin 2, 110-114), in which the part of the seeds counts without the noise of single
    cells that it holds: seeds that differ by chance alone leave nearly as many as there are tasks.
    """
    residuals = _residuals(systems)
    tasks = max(each.tasks for each in systems)
    if tasks < 2:
        return 1.0
    joint_ST = np.sum(residuals, axis=0) if matched else None
    parts = [(float((np.sum([each.sum(axis=0) for each in residuals], axis=0) ** 2).sum()), tasks - 1)]
    for each_ST, one in zip(residuals if joint_ST is None else [joint_ST], systems, strict=False):
        if one.seeds > 1:
            parts.append((max(0.0, _by_seed(each_ST, one.seeds) - float((each_ST**2).sum())), one.seeds - 1))
    below = sum(variance**2 / count for variance, count in parts)
    return max(1.0, sum(variance for variance, _ in parts) ** 2 / below) if below > 0 else float(tasks - 1)


def _residuals(systems: tuple[Cells, ...]) -> list[Array]:
    return [
        sign * (each.total_ST - each.mean * each.count_ST) / each.count_ST.sum()
        for sign, each in zip((1.0, -1.0), systems, strict=False)
    ]


def _by_seed(residual_ST: Array, seeds: int) -> float:
    return seeds / (seeds - 1) * float((residual_ST.sum(axis=1) ** 2).sum()) if seeds > 1 else 0.0


def _weights(rng: np.random.Generator, size: int, items: int) -> Array:
    """How often each item is drawn in as many draws with replacement as there are items: size x items."""
    drawn = rng.integers(items, size=(size, items)) + np.arange(size)[:, None] * items
    return np.bincount(drawn.ravel(), minlength=size * items).reshape(size, items).astype(np.float64)


def _weighted(seeds_BS: Array, values_ST: Array, tasks_BT: Array) -> Array:
    """Sums of cells by how often their seed and task were drawn.

    By einsum and not by a matrix product: that would start threads, whose barriers cost more than they bring on
    a busy machine, and whose order of adding may change.
    """
    return np.einsum("bt,bt->b", np.einsum("bs,st->bt", seeds_BS, values_ST), tasks_BT)


def bootstrap(systems: tuple[Cells, ...], *, matched: bool, resamples: int, seed: int) -> tuple[Array, ...]:
    """Return `resamples` bootstrap means of every system, drawn jointly.

    Tasks are drawn with replacement, the same ones for every system; seeds are drawn too, the same ones for
    every system if `matched`, else each system's own. Also called the pigeonhole bootstrap: Owen 2007, Annals
    of Applied Statistics 1, 386-411. It counts the noise of a single attempt up to three times, so it covers
    more than its level while seeds differ little; and seed variance (S-1)/S times, which `stretched`
    mends. With one seed it is the bootstrap clustered by task. A resample without a valid score is NaN.
    """
    rng = np.random.default_rng(seed)
    tasks = systems[0].total_ST.shape[1]
    batches: list[list[Array]] = [[] for _ in systems]
    for start in range(0, resamples, _BATCH):
        size = min(_BATCH, resamples - start)
        tasks_BT = _weights(rng, size, tasks)
        seeds_BS: Array | None = None
        for batch, system in zip(batches, systems, strict=True):
            if seeds_BS is None or not matched:
                seeds_BS = _weights(rng, size, system.total_ST.shape[0])
            totals = _weighted(seeds_BS, system.total_ST, tasks_BT)
            counts = _weighted(seeds_BS, system.count_ST, tasks_BT)
            batch.append(np.divide(totals, counts, out=np.full(size, np.nan), where=counts > 0))
    return tuple(np.concatenate(batch) for batch in batches)


def stretched(
    draws: Array, estimate: float, variance: float, tasks: int, level: float, freedom: float | None = None
) -> Array:
    """Return bootstrap draws moved away from the estimate, as far as small numbers call for.

    A bootstrap of T tasks is too narrow by sqrt((T-1)/T) and by the normal quantile in place of Student's t
    (Hesterberg 2015, The American Statistician 69, 371-386, "expanded percentiles"); and it sees (S-1)/S of the
    variance between S seeds, so draws that vary less than the clustered `variance` are widened to it. `freedom` is that
    of the t, T - 1 unless said.
    """
    if tasks < 2:
        return draws
    quantile = 0.5 + level / 2
    student = float(t.ppf(quantile, tasks - 1 if freedom is None else freedom) / norm.ppf(quantile))
    factor = student * max(math.sqrt(tasks / (tasks - 1)), math.sqrt(variance) / float(np.nanstd(draws)))
    return estimate + factor * (draws - estimate)


def percentiles(draws: Array, level: float) -> tuple[float, float]:
    """Return the equal-tailed percentile interval of bootstrap draws."""
    tail = (1 - level) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return float(low), float(high)
