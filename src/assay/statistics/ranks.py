"""Ranks with intervals: in how many places a system may stand, from the same resamples of tasks for all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.statistics.twolevel import as_scores, bootstrap, cells


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
    system's rank at a time (percentiles of its rank over resamples; Goldstein and Spiegelhalter 1996, JRSS A 159,
    385-443), not of the whole order at once; ties in a resample share the mean of their places. `best` shares 1 among
    those tied for it. Raises ValueError for unlike tasks.
    """
    tables = tuple(cells(as_scores(scores)) for scores in systems)
    if len({table.total_ST.shape[1] for table in tables}) > 1:
        raise ValueError("Ranks need the same tasks for every system.")
    draws_NB = np.array(bootstrap(tables, matched=matched, resamples=resamples, seed=seed))
    draws_NB = draws_NB[:, np.isfinite(draws_NB).all(axis=0)]
    above = (draws_NB[None] > draws_NB[:, None]).sum(axis=1)
    tied = (np.abs(draws_NB[None] - draws_NB[:, None]) < 1e-12).sum(axis=1)
    place_NB = 1 + above + (tied - 1) / 2
    best_NB = np.where(above == 0, 1.0 / tied, 0.0)
    means = np.array([table.mean for table in tables])
    tail = (1 - level) / 2
    ranks = []
    for number, mean in enumerate(means):
        low, high = np.quantile(place_NB[number], [tail, 1 - tail], method="closest_observation")
        place = 1 + int((means > mean + 1e-12).sum())
        ranks.append(
            Rank(place, min(place, int(np.floor(low))), max(place, int(np.ceil(high))), float(best_NB[number].mean()))
        )
    return ranks
