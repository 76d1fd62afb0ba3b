"""Power before a run: how sure a design is to find a difference, from stated guesses or from another run's variance."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from assay.statistics.decisions import smallest_detectable_difference
from assay.statistics.twolevel import as_scores


@dataclass(frozen=True)
class Spread:
    """Standard deviations of the paired difference a - b, in score points: of tasks, of seeds, and of one cell."""

    task_sd: float
    seed_sd: float
    noise_sd: float

    def error(self, tasks: int, seeds: int = 1, trials: int = 1) -> float:
        """Return the standard error of the mean difference of a design. Trials lower the noise of a cell only."""
        cell = self.noise_sd**2 / (seeds * tasks * trials)
        return math.sqrt(self.task_sd**2 / tasks + self.seed_sd**2 / seeds + cell)


def spread_of(scores_a: ArrayLike, scores_b: ArrayLike) -> Spread:
    """Return the spread that a finished comparison shows: scores_STK of both, seeds in pairs, NaN for what is invalid.

    By the analysis of variance of the differences by seed and task (Searle, Casella and McCulloch 1992, ch. 4), trials
    averaged; what would be negative is 0. With one seed its spread is unknown, taken as 0, and the noise of cells is
    that between trials, or part of `task_sd` where there is one trial. Raises ValueError for unlike shapes, fewer than
    two tasks, or no complete pair.
    """
    a_STK, b_STK = as_scores(scores_a), as_scores(scores_b)
    if a_STK.shape[:2] != b_STK.shape[:2]:
        raise ValueError("Both systems need the same seeds and tasks.")
    with np.errstate(invalid="ignore"):
        means = [_mean(each) for each in (a_STK, b_STK)]
    difference_ST = means[0] - means[1]
    difference_ST = difference_ST[:, ~np.isnan(difference_ST).any(axis=0)]
    seeds, tasks = difference_ST.shape
    if tasks < 2:
        raise ValueError("A spread needs at least two tasks on which every seed of both has a valid score.")
    by_task, by_seed = difference_ST.mean(axis=0), difference_ST.mean(axis=1)
    trials = min(a_STK.shape[2], b_STK.shape[2])
    if seeds == 1:
        noise = sum(_within(each) for each in (a_STK, b_STK)) if trials > 1 else 0.0
        return Spread(math.sqrt(max(0.0, float(by_task.var(ddof=1)) - noise / trials)), 0.0, math.sqrt(noise))
    rest = difference_ST - by_task - by_seed[:, None] + difference_ST.mean()
    cell = float((rest**2).sum()) / ((seeds - 1) * (tasks - 1))
    task = max(0.0, float(by_task.var(ddof=1)) - cell / seeds)
    seed = max(0.0, float(by_seed.var(ddof=1)) - cell / tasks)
    return Spread(math.sqrt(task), math.sqrt(seed), math.sqrt(cell * trials))


def _mean(scores_STK: np.ndarray) -> np.ndarray:
    held = (~np.isnan(scores_STK)).sum(axis=2)
    total = np.nansum(scores_STK, axis=2)
    return np.divide(total, held, out=np.full(total.shape, np.nan), where=held > 0)


def _within(scores_STK: np.ndarray) -> float:
    """Return the variance between trials of one task, averaged over tasks with two or more."""
    held = (~np.isnan(scores_STK)).sum(axis=2)
    several = held > 1
    if not several.any():
        return 0.0
    centred = np.where(np.isnan(scores_STK), 0.0, scores_STK - _mean(scores_STK)[:, :, None])
    return float(((centred**2).sum(axis=2)[several] / (held[several] - 1)).mean())


def guessed(rate_a: float, rate_b: float, *, correlation: float = 0.5, seed_sd: float = 0.0) -> Spread:
    """Return the spread of two systems with pass rates p and q and one trial a task, from guesses.

    `correlation` is that of their outcomes over tasks: 0 for systems that have nothing in common, towards 1 for ones
    that solve the same; the variance of the difference is p(1-p) + q(1-q) - 2 r sqrt(p(1-p) q(1-q)). Raises ValueError
    for rates outside [0, 1] and correlations outside [0, 1].
    """
    if not all(0 <= value <= 1 for value in (rate_a, rate_b, correlation)) or seed_sd < 0:
        raise ValueError("Rates and the correlation lie in [0, 1], and a spread is not negative.")
    p, q = rate_a * (1 - rate_a), rate_b * (1 - rate_b)
    return Spread(math.sqrt(max(0.0, p + q - 2 * correlation * math.sqrt(p * q))), seed_sd, 0.0)


def power(
    difference: float, spread: Spread, tasks: int, *, seeds: int = 1, trials: int = 1, level: float = 0.95
) -> float:
    """Return the chance that a design finds a true difference, two-sided, by the normal approximation."""
    error = spread.error(tasks, seeds, trials)
    if error == 0:
        return 1.0 if difference else 1 - level
    z = float(norm.ppf(0.5 + level / 2))
    shift = abs(difference) / error
    return float(norm.cdf(shift - z) + norm.cdf(-shift - z))


def tasks_needed(
    difference: float, spread: Spread, *, seeds: int = 1, trials: int = 1, wanted: float = 0.8, level: float = 0.95
) -> int | None:
    """Return the least number of tasks that gives the design the power; None where seeds differ too much for any."""
    if not (0 < wanted < 1 and difference):
        raise ValueError("A power lies between 0 and 1, and a difference is not 0.")
    needed = (float(norm.ppf(0.5 + level / 2)) + float(norm.ppf(wanted))) / abs(difference)
    room = 1 / needed**2 - spread.seed_sd**2 / seeds
    if room <= 0:
        return None
    return max(1, math.ceil((spread.task_sd**2 + spread.noise_sd**2 / (seeds * trials)) / room - 1e-9))


def detectable(
    spread: Spread, tasks: int, *, seeds: int = 1, trials: int = 1, wanted: float = 0.8, level: float = 0.95
) -> float:
    """Return the smallest difference that the design finds with the power, as `smallest_detectable_difference`."""
    noise = spread.noise_sd / math.sqrt(trials)
    return smallest_detectable_difference(
        spread.task_sd, tasks, seed_sd=spread.seed_sd, seeds=seeds, noise_sd=noise, power=wanted, level=level
    )
