"""What may be said from intervals: equivalence, several comparisons at once, and what a design can detect."""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from assay.statistics.intervals import PairedDifference


class Verdict(StrEnum):
    """What a paired difference shows against a margin that was stated beforehand."""

    EQUAL = "equal"  # within the margin, and not different from zero
    DIFFERENT = "different"
    DIFFERENT_BUT_SMALL = "different, but by less than the margin"
    NEITHER = "neither equal nor different"
    UNKNOWN = "unknown"  # there is no pair to compare


def decide(difference: PairedDifference, margin: float | None) -> Verdict:
    """Return what the difference shows.

    Equivalence is two one-sided tests: the `inner` interval (90 % for tests at 5 %) lies inside the margin
    (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680). Difference is that zero
    lies outside the 95 % interval. Without a margin nothing can be called equal. Raises ValueError unless
    0 < margin.
    """
    if margin is not None and not margin > 0:
        raise ValueError(f"A margin is positive, not {margin}.")
    if not difference.interval.known:
        return Verdict.UNKNOWN
    equal = margin is not None and difference.inner.inside(margin)
    if difference.interval.excludes_zero:
        return Verdict.DIFFERENT_BUT_SMALL if equal else Verdict.DIFFERENT
    return Verdict.EQUAL if equal else Verdict.NEITHER


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted for all of them being looked at: Holm's step-down, at most 1, same order.

    The family-wise error holds under any dependence. NaN stays NaN and counts for nothing. Source: Holm 1979,
    Scandinavian Journal of Statistics 6, 65-70. Raises ValueError outside [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or np.any((p < 0) | (p > 1)):
        raise ValueError("Holm's correction takes one list of p-values in [0, 1].")
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def smallest_detectable_difference(
    task_sd: float,
    tasks: int,
    *,
    seed_sd: float = 0.0,
    seeds: int = 1,
    noise_sd: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> float:
    """Return the smallest true paired difference that a design finds with the given power.

    Guesses, all standard deviations of the difference a - b in score points: `task_sd` between tasks, `seed_sd`
    between training seeds, `noise_sd` of one cell beyond both. The error is then
    sqrt(task_sd^2 / T + seed_sd^2 / S + noise_sd^2 / (S T)), and the answer (z_level + z_power) times it (normal
    approximation; it is too small with few seeds of large spread). With one seed and binary scores that differ
    on a share q of tasks, task_sd is about sqrt(q). Raises ValueError on negative spreads or empty designs.
    """
    if tasks < 1 or seeds < 1 or min(task_sd, seed_sd, noise_sd) < 0:
        raise ValueError("A design has at least one task and one seed, and no negative spread.")
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError("Power and level lie between 0 and 1.")
    variance = task_sd**2 / tasks + seed_sd**2 / seeds + noise_sd**2 / (seeds * tasks)
    return float((norm.ppf(0.5 + level / 2) + norm.ppf(power)) * np.sqrt(variance))
