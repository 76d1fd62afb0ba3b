"""The comparison of arms on the same tasks: what each scored, and every paired difference to the first of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from assay.errors import UserError
from assay.executors.spread import Spread, here
from assay.ledger.outcomes import Arm
from assay.statistics import (
    Interval,
    PairedDifference,
    Rank,
    Verdict,
    clustered_mean,
    decide,
    holm,
    mcnemar,
    mean_interval,
    paired_difference,
    rank_intervals,
)

_SHOWN = 3
_POWER = 0.8


@dataclass(frozen=True)
class Row:
    """One arm: its score with an interval, and how much of its plan has a valid score.

    `clustered` is the interval by cluster (repository), where the source names clusters. `cheats` are the score with
    cheats removed and as successes, None where no cheat is known; in `score` they are failures.
    """

    name: str
    score: Interval
    planned: int
    seeds: int
    trials: int
    rank: Rank
    clustered: Interval | None
    cheats: tuple[Interval, Interval] | None

    @property
    def coverage(self) -> float:
        """The share of planned attempts with a valid score."""
        return self.score.n / self.planned


@dataclass(frozen=True)
class Pair:
    """The difference `name` - `baseline`, with `p` and `p_holm`, by Holm's correction over all pairs of the table.

    `exact` is McNemar's p where there is one binary trial a task; `detectable` what this design finds with 80 % power.
    """

    name: str
    baseline: str
    difference: PairedDifference
    p_holm: float
    verdict: Verdict
    exact: float | None
    detectable: float

    @property
    def p(self) -> float:
        """The p that is shown and corrected: the exact one where there is one."""
        return self.difference.p if self.exact is None else self.exact


@dataclass(frozen=True)
class Comparison:
    """The whole table, with what was dropped and what its reader should know."""

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    tasks: int
    margin: float | None
    notes: tuple[str, ...]


def compare(
    arms: Sequence[Arm],
    *,
    common: bool = False,
    margin: float | None = None,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    spread: Spread = here,
) -> Comparison:
    """Compare arms; the first is the baseline. Raises UserError where they have other tasks and `common` is not given.

    The bootstraps of each arm and each pair are calls of their own, made by `spread`; each has its own generator, so
    that the numbers do not depend on where they run.

    An attempt without a valid score is in no rate, and it is counted; a known cheat is a failure.
    """
    arms = _distinct(arms)
    tasks, notes = _tasks(arms, common)
    tables = [arm.table(tasks) for arm in arms]
    empty = [arm.name for arm, table in zip(arms, tables, strict=True) if np.isnan(table).all()]
    if empty:
        raise UserError(f"{empty[0]} has no valid score on the {len(tasks)} tasks: there is nothing to compare")
    several = len(arms) > 1
    ranks = rank_intervals(tables, level=level, resamples=resamples, seed=seed) if several else [Rank(1, 1, 1, 1.0)]
    calls: list[Callable[[], Any]] = [
        partial(_row, arm, table, tasks, rank, level, resamples, seed)
        for arm, table, rank in zip(arms, tables, ranks, strict=True)
    ]
    calls += [
        partial(_pair, arms[0], arm, tables[0], table, margin, level, resamples, seed)
        for arm, table in zip(arms[1:], tables[1:], strict=True)
    ]
    found = spread(calls)
    rows, pairs = tuple(found[: len(arms)]), list(found[len(arms) :])
    adjusted = holm([pair.p for pair in pairs])
    pairs = [replace(pair, p_holm=float(p)) for pair, p in zip(pairs, adjusted, strict=True)]
    notes += [f"{arm.name}: {note}" for arm in arms for note in arm.notes]
    for arm in arms:
        if open_ := sum(score.flagged and not score.cheated for score in arm.scores):
            said = f"{open_} of the attempts that the audit flags count as they were graded"
            notes.append(f"{arm.name}: {said}; --flagged counts them as cheats")
    notes += [note for arm, table in zip(arms, tables, strict=True) if (note := _uneven(arm.name, table))]
    if rows and max(row.coverage for row in rows) - min(row.coverage for row in rows) > 0.005:
        notes.append("the arms' coverage differs: what is missing in one may be what it would have failed")
    if len(tasks) == 1:
        notes.append("there is a single task: the numbers speak of it alone")
    return Comparison(rows, tuple(pairs), len(tasks), margin, tuple(notes))


def paired_tables(a: Arm, b: Arm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of two arms on the tasks that both have. Raises UserError where there are none."""
    tasks, _ = _tasks([a, b], common=True)
    return a.table(tasks), b.table(tasks)


def _distinct(arms: Sequence[Arm]) -> list[Arm]:
    """Return the arms under names that differ: two of one name get their source's beside it."""
    names = [arm.name for arm in arms]
    told = [arm if names.count(arm.name) == 1 else arm.named(f"{arm.name} ({arm.source})") for arm in arms]
    again = [arm.name for arm in told]
    for arm in told:
        if again.count(arm.name) > 1:
            raise UserError(f"{arm.name} is named twice: name each arm once, or give NAME=PATH")
    return told


def _tasks(arms: Sequence[Arm], common: bool) -> tuple[list[str], list[str]]:
    everywhere = set.intersection(*(arm.tasks for arm in arms))
    anywhere = set.union(*(arm.tasks for arm in arms))
    if everywhere == anywhere:
        return sorted(everywhere), []
    odd = {arm.name: sorted(arm.tasks - everywhere) for arm in arms}
    said = "; ".join(
        f"{len(left)} of {name}'s {len(left) + len(everywhere)} are not in all ({_some(left)})"
        for name, left in odd.items()
        if left
    )
    if not everywhere:
        raise UserError(f"the arms have no task in common ({said}): are their ids spelled alike?")
    if not common:
        raise UserError(
            f"the arms were run on other tasks: {said}; compare on the {len(everywhere)} in common with --common"
        )
    return sorted(everywhere), [f"on the {len(everywhere)} tasks in common, of {len(anywhere)}: {said}"]


def _uneven(name: str, table_STK: NDArray[np.float64]) -> str:
    """Return a sentence where tasks have unlike numbers of valid scores, "" where they have not."""
    count_T = (~np.isnan(table_STK)).sum(axis=(0, 2))
    if count_T.min() == count_T.max() or count_T.max() == 1:
        return ""
    return f"{name}: tasks have not as many scores each, but {count_T.min()} to {count_T.max()}; each score counts once"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _row(
    arm: Arm, table: NDArray[np.float64], tasks: list[str], rank: Rank, level: float, resamples: int, seed: int
) -> Row:
    chosen = set(tasks)
    kept = [score for score in arm.scores if score.task in chosen]
    score = replace(
        mean_interval(table, level=level, resamples=resamples, seed=seed), invalid=sum(not s.valid for s in kept)
    )
    cheats = None
    if any(s.cheated for s in kept):
        dropped, passed = (
            mean_interval(arm.table(tasks, cheats=how), level=level, resamples=resamples, seed=seed)
            for how in ("drop", "pass")
        )
        cheats = (dropped, passed)
    clusters = {s.cluster for s in kept}
    clustered = None
    if len(clusters) > 1:
        values = [0.0 if s.cheated else s.value for s in kept]
        clustered = clustered_mean(values, [s.cluster for s in kept], [s.task for s in kept], level=level)
    return Row(arm.name, score, len(kept), len(arm.seeds), table.shape[2], rank, clustered, cheats)


def _pair(
    base: Arm,
    arm: Arm,
    base_STK: NDArray[np.float64],
    arm_STK: NDArray[np.float64],
    margin: float | None,
    level: float,
    resamples: int,
    seed: int,
) -> Pair:
    # Seeds are pairs only where one source names them alike; with one seed each there is nothing to match.
    one = base_STK.shape[0] == arm_STK.shape[0] == 1
    matched = one or (base.paired and arm.paired and base.source == arm.source and base.seeds == arm.seeds)
    found = paired_difference(arm_STK, base_STK, matched=matched, level=level, resamples=resamples, seed=seed)
    exact = None
    if arm_STK.shape[0] == arm_STK.shape[2] == base_STK.shape[0] == base_STK.shape[2] == 1:
        a, b = arm_STK[0, :, 0], base_STK[0, :, 0]
        both = ~np.isnan(a) & ~np.isnan(b)
        if np.isin(a[both], (0.0, 1.0)).all() and np.isin(b[both], (0.0, 1.0)).all():
            exact = mcnemar(int((a[both] > b[both]).sum()), int((a[both] < b[both]).sum()))
    z = float(norm.ppf(0.5 + level / 2) + norm.ppf(_POWER))
    return Pair(arm.name, base.name, found, found.p, decide(found, margin), exact, z * found.standard_error)


def as_json(found: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data; what is not known is None."""
    return {
        "tasks": found.tasks,
        "margin": found.margin,
        "arms": [
            {
                "arm": row.name,
                **_interval(row.score),
                "planned": row.planned,
                "coverage": row.coverage,
                "seeds": row.seeds,
                "trials": row.trials,
                "rank": [row.rank.place, row.rank.low, row.rank.high],
                "clustered": None if row.clustered is None else _interval(row.clustered),
                "cheats": None
                if row.cheats is None
                else {
                    "failed": row.score.estimate,
                    "dropped": row.cheats[0].estimate,
                    "passed": row.cheats[1].estimate,
                },
            }
            for row in found.rows
        ],
        "pairs": [
            {
                "arm": pair.name,
                "baseline": pair.baseline,
                **_interval(pair.difference.interval),
                "inner": [_known(pair.difference.inner.low), _known(pair.difference.inner.high)],
                "p": _known(pair.difference.p),
                "p_holm": _known(pair.p_holm),
                "p_mcnemar": pair.exact,
                "verdict": pair.verdict.value,
                "smallest_detectable": _known(pair.detectable),
                "matched_seeds": pair.difference.matched,
            }
            for pair in found.pairs
        ],
        "notes": list(found.notes),
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "n": interval.n,
        "invalid": interval.invalid,
        "estimate": _known(interval.estimate),
        "ci": [_known(interval.low), _known(interval.high)],
        "method": interval.method,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
