"""Ranks with intervals: in how many places a system may stand, from the same resamples of tasks for all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.statistics.twolevel import Array, as_scores, bootstrap, cells

_SAME = 1e-12


@dataclass(frozen=True)
class Rank:
    """A place with its interval (1 is best; systems that are equal share the better place), and P(it is the best)."""

    place: int
    low: int
    high: int
    best: float


def rank_intervals(
    systems: Sequence[ArrayLike],
    *,
    matched: bool = False,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Rank]:
    """Return the rank of each system's mean score, from paired two-level bootstrap draws.

    Each of `systems` has the axes seeds x tasks (x trials), the same tasks in the same order. The interval is of one
    system's rank at a time: from 1 + those surely better to N - those surely worse, where "surely" holds for all its
    comparisons at once by the largest studentised difference of a resample (Mogstad, Romano, Shaikh and Wilhelm 2024,
    Review of Economic Studies 91, 476-518). Percentiles of resampled ranks, the usual way, covered 88 % where systems
    are equal; this covers at least its level, and more where systems are few or far apart. `best` is the share of
    resamples in which it is the best, shared among those tied. Raises ValueError for unlike tasks.
    """
    tables = tuple(cells(as_scores(scores)) for scores in systems)
    if len({table.total_ST.shape[1] for table in tables}) > 1:
        raise ValueError("Ranks need the same tasks for every system.")
    draws_NB = np.array(bootstrap(tables, matched=matched, resamples=resamples, seed=seed))
    draws_NB = draws_NB[:, np.isfinite(draws_NB).all(axis=0)]
    above = (draws_NB[None] > draws_NB[:, None]).sum(axis=1)
    tied = (np.abs(draws_NB[None] - draws_NB[:, None]) < _SAME).sum(axis=1)
    best_NB = np.where(above == 0, 1.0 / tied, 0.0)
    means = np.array([table.mean for table in tables])
    ranks = []
    for number, mean in enumerate(means):
        better, worse = _surely(means - mean, draws_NB - draws_NB[number], level)
        place = 1 + int((means > mean + _SAME).sum())
        ranks.append(Rank(place, 1 + better, len(means) - worse, float(best_NB[number].mean())))
    return ranks


def _surely(differences_N: Array, draws_NB: Array, level: float) -> tuple[int, int]:
    """Return how many differences are surely above, and surely below, 0, all of them looked at together.

    Systems that no resample tells apart are equal.
    """
    error_N = draws_NB.std(axis=1) if draws_NB.shape[1] else np.zeros_like(differences_N)
    told = error_N > _SAME
    if not told.any():
        return int((differences_N > _SAME).sum()), int((differences_N < -_SAME).sum())
    away_NB = np.abs(draws_NB[told] - differences_N[told, None]) / error_N[told, None]
    reach_N = float(np.quantile(away_NB.max(axis=0), level)) * np.where(told, error_N, 0.0) + _SAME
    return int((differences_N > reach_N).sum()), int((differences_N < -reach_N).sum())
