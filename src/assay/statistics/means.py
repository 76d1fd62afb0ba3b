"""The mean score of one system over tasks and seeds, with the interval that its size calls for."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, t

from assay.statistics.intervals import Interval, nothing
from assay.statistics.proportions import jeffreys
from assay.statistics.twolevel import as_scores, bootstrap, cells, clustered_variance, freedom, percentiles, stretched

# Under about this many tasks a normal approximation covers too seldom (arXiv 2503.01747).
FEW_TASKS = 300


def mean_interval(scores: ArrayLike, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Return the mean of scores_ST (or scores_STK) and its interval; NaN is left out and counted.

    The choice is automatic and named in `method`. From 300 tasks on, where scores differ: the two-level
    bootstrap. Below, or where all scores are equal: Jeffreys' interval at the effective sample size
    p (1 - p) / clustered variance, so that several attempts at one task count for less than as many tasks
    (Korn and Graubard 1998, Survey Methodology 24, 193-201). When all scores are equal that size cannot be
    estimated, and every task counts once. The few degrees of freedom of a few seeds widen both. Simulated coverage at
    95 %, docs/statistics.md: 93 to 97 % but for seeds that differ little and rates near 0 or 1, where it is up to 99 %,
    and for three seeds that differ by over 5 points, where it is 92 %. With one seed the interval speaks of the tasks
    only, not of the luck of training.
    """
    values_STK = as_scores(scores)
    table = cells(values_STK)
    n = table.n
    if n == 0:
        return nothing("no valid score", table.invalid, level)
    mean, tasks = table.mean, table.tasks
    variance = clustered_variance((table,))
    levels = "tasks and seeds" if table.seeds > 1 else "tasks"
    # Floating sums leave a variance of about 1e-33 where the scores are equal.
    equal = variance <= 1e-15
    free = freedom((table,))
    if tasks >= FEW_TASKS and not equal:
        (draws,) = bootstrap((table,), matched=True, resamples=resamples, seed=seed)
        low, high = percentiles(stretched(draws, mean, variance, tasks, level, free), level)
        name = "two-level bootstrap" if table.seeds > 1 else "bootstrap"
        return Interval(mean, max(0.0, low), min(1.0, high), n, f"{name} over {levels}", table.invalid, level)
    # Few seeds, or few tasks whose scores are shares, tell little of how much they differ: Korn and Graubard shrink the
    # size by (normal / Student's t)^2. Of ones and noughts it is never larger than their number; shares may say more.
    shares = bool(np.any((values_STK > 0) & (values_STK < 1)))
    student = 1.0
    if tasks > 1 and (table.seeds > 1 or shares):
        quantile = 0.5 + level / 2
        student = float(t.ppf(quantile, free) / (norm.ppf(quantile) if shares else t.ppf(quantile, tasks - 1)))
    effective = float(tasks) if equal else mean * (1 - mean) / variance / student**2
    effective = effective if shares else min(float(n), effective)
    posterior = jeffreys(min(max(mean, 0.0), 1.0) * effective, effective, level)
    method = "Jeffreys" if n == tasks and table.seeds == 1 else f"Jeffreys, clustered by {levels}"
    return Interval(mean, posterior.low, posterior.high, n, method, table.invalid, level)
