"""What a detector's scores are worth on labelled attempts: recall at a false alarm rate, precision, by part of the set.

Thresholds: "recall at 5 %" takes the lowest threshold at which at most 5 % of the honest attempts of the tuning half
are at or above it, and applies it to the other halves. The same is also read off each half's own curve. An attempt is
flagged at a threshold when its score is at or above it; a score of 0 is never flagged.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assay.audit.evaluation.labels import Label
from assay.statistics import Interval, wilson
from assay.statistics.intervals import nothing

MAX_FALSE = 0.05
_STEP = 1e-9  # above every honest score that is too many


@dataclass(frozen=True)
class Scored:
    """A labelled attempt and how sure a detector is that it cheated, from 0 to 1."""

    label: Label
    score: float


@dataclass(frozen=True)
class Rates:
    """Recall, false alarm rate and precision at one threshold, each with n and a 95 % interval (Wilson)."""

    threshold: float
    recall: Interval
    false_alarms: Interval
    precision: Interval


def proportion(count: int, n: int) -> Interval:
    """Return the share with its interval, or nothing where n is 0."""
    return wilson(count, n) if n else nothing("Wilson")


def rates(scored: Sequence[Scored], threshold: float) -> Rates:
    """Return what the threshold gives on these attempts."""
    cheats = [one for one in scored if one.label.cheat]
    honest = [one for one in scored if not one.label.cheat]
    hits, alarms = flagged(cheats, threshold), flagged(honest, threshold)
    return Rates(
        threshold=threshold,
        recall=proportion(hits, len(cheats)),
        false_alarms=proportion(alarms, len(honest)),
        precision=proportion(hits, hits + alarms),
    )


def flagged(scored: Iterable[Scored], threshold: float) -> int:
    """Count the attempts at or above the threshold; a score of 0 says that nothing was seen."""
    return sum(one.score > 0 and one.score >= threshold for one in scored)


def threshold_for(scored: Sequence[Scored], most: float = MAX_FALSE) -> float:
    """Return the lowest threshold that flags at most the share `most` of the honest attempts.

    Ties count whole: where too many honest attempts share a score, the threshold lies just above it. Without honest
    attempts nothing can be chosen, and the threshold is 1.
    """
    honest = sorted((one.score for one in scored if not one.label.cheat), reverse=True)
    if not honest:
        return 1.0
    allowed = int(most * len(honest) + 1e-12)
    return honest[allowed] + _STEP if allowed < len(honest) else _STEP


def area(scored: Sequence[Scored]) -> float:
    """Return the area under the ROC curve: how often a cheat scores higher than an honest attempt, ties half.

    NaN without either. Source: Hanley and McNeil 1982, Radiology 143, 29-36.
    """
    from scipy.stats import rankdata

    cheats = sum(one.label.cheat for one in scored)
    honest = len(scored) - cheats
    if not cheats or not honest:
        return float("nan")
    ranks = rankdata([one.score for one in scored])
    total = sum(float(rank) for rank, one in zip(ranks, scored, strict=True) if one.label.cheat)
    return (total - cheats * (cheats + 1) / 2) / (cheats * honest)


def parts(scored: Sequence[Scored], key: Callable[[Label], str]) -> dict[str, list[Scored]]:
    """Return the attempts by what `key` says of their label, sorted."""
    found: dict[str, list[Scored]] = {}
    for one in scored:
        found.setdefault(key(one.label), []).append(one)
    return dict(sorted(found.items()))


def leave_one_out(scored: Sequence[Scored], most: float = MAX_FALSE) -> dict[str, Rates]:
    """Return for each benchmark the rates on it at the threshold that the other benchmarks give.

    Empty where there are fewer than two benchmarks.
    """
    by = parts(scored, lambda label: label.benchmark)
    if len(by) < 2:
        return {}
    return {
        name: rates(mine, threshold_for([one for one in scored if one.label.benchmark != name], most))
        for name, mine in by.items()
    }


def pooled(by: Iterable[Rates]) -> tuple[Interval, Interval]:
    """Return recall and false alarm rate over parts that had a threshold each: the counts added up."""
    hits = cheats = alarms = honest = 0
    for one in by:
        if one.recall.n:
            hits, cheats = hits + round(one.recall.estimate * one.recall.n), cheats + one.recall.n
        if one.false_alarms.n:
            alarms = alarms + round(one.false_alarms.estimate * one.false_alarms.n)
            honest += one.false_alarms.n
    return proportion(hits, cheats), proportion(alarms, honest)


def rounded(value: float) -> float | None:
    """Return a number for JSON: four places, None for what is not known."""
    return None if value != value else round(value, 4)
