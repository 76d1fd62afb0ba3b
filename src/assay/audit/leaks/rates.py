"""Rates with their intervals: shares clustered by document, quotients of differences, and counts a thousand words."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2

from assay.nouns.base import Noun
from assay.statistics import Interval, mean_interval


class Rate(Noun):
    """An estimate with its interval at 95 %, the number of observations and of clusters (documents)."""

    estimate: float
    low: float
    high: float
    n: int
    clusters: int = 0
    method: str = ""

    @classmethod
    def of(cls, interval: Interval, clusters: int) -> "Rate":
        """Take the numbers of an interval, rounded to five places."""
        return cls(
            estimate=round(interval.estimate, 5),
            low=round(interval.low, 5),
            high=round(interval.high, 5),
            n=interval.n,
            clusters=clusters,
            method=interval.method,
        )


def share(hits: Sequence[bool], clusters: Sequence[str], seed: int = 0) -> Rate:
    """Return the share of hits, with windows of one document counted as a cluster. Raises ValueError for none."""
    if not hits:
        raise ValueError("There is no window to take a share of.")
    by_cluster: dict[str, list[bool]] = defaultdict(list)
    for hit, cluster in zip(hits, clusters, strict=True):
        by_cluster[cluster].append(hit)
    if len(by_cluster) == 1:
        by_cluster = {str(number): [hit] for number, hit in enumerate(hits)}
    widest = max(map(len, by_cluster.values()))
    table = np.full((1, len(by_cluster), widest), np.nan)
    for row, values in enumerate(by_cluster.values()):
        table[0, row, : len(values)] = values
    interval = mean_interval(table, seed=seed, resamples=2000)
    return Rate.of(interval, len(set(clusters)))


def excess(flagged: Rate, false: Rate, recall: Rate) -> Rate:
    """Return the share that leaked: (flagged - false) / (recall - false), the estimator of Rogan and Gladen (1978).

    The limits recover variances from those of the parts, first of the two differences (Newcombe 1998), then of their
    quotient (Donner and Zou 2012, Statistical Methods in Medical Research 21, 347-359). The estimate may be below 0,
    which means none, and is cut at 1. It holds where the false positives of the text are those of the calibration's.
    """
    above = _difference(flagged, false)
    span = _difference(recall, false)
    if span[1] <= 0:
        return Rate(estimate=math.nan, low=-1.0, high=1.0, n=flagged.n, clusters=flagged.clusters, method="unknown")
    a, la, ua = above
    b, lb, ub = span
    low = (a * b - math.sqrt(max((a * b) ** 2 - la * ub * (2 * a - la) * (2 * b - ub), 0.0))) / (ub * (2 * b - ub))
    high = (a * b + math.sqrt(max((a * b) ** 2 - ua * lb * (2 * a - ua) * (2 * b - lb), 0.0))) / (lb * (2 * b - lb))
    return Rate(
        estimate=round(min(a / b, 1.0), 5),
        low=round(min(max(low, -1.0), 1.0), 5),
        high=round(min(high, 1.0), 5),
        n=flagged.n,
        clusters=flagged.clusters,
        method="Rogan-Gladen, MOVER",
    )


def at_most(flagged: Rate, recall: Rate) -> float:
    """Return the largest share that leaked if no flag were false: upper limit of the flags over lower of the recall."""
    return round(min(1.0, flagged.high / recall.low), 5) if recall.low > 0 else 1.0


def _difference(one: Rate, two: Rate) -> tuple[float, float, float]:
    middle = one.estimate - two.estimate
    low = middle - math.hypot(one.estimate - one.low, two.high - two.estimate)
    high = middle + math.hypot(one.high - one.estimate, two.estimate - two.low)
    return middle, low, high


def per_thousand(count: int, words: int) -> Rate:
    """Return a count a thousand words with Garwood's exact interval of a Poisson count (1936, Biometrika 28, 437)."""
    low = float(chi2.ppf(0.025, 2 * count) / 2) if count else 0.0
    high = float(chi2.ppf(0.975, 2 * count + 2) / 2)
    scale = 1000 / max(words, 1)
    return Rate(
        estimate=round(count * scale, 5),
        low=round(low * scale, 5),
        high=round(high * scale, 5),
        n=words,
        method="Poisson",
    )
