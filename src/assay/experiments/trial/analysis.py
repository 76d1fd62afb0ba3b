"""The analysis of a trial: the effect on time with three intervals, and who dropped out of which arm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import UserError
from assay.experiments.trial.rows import Row

if TYPE_CHECKING:  # scipy and statsmodels take seconds to load, and to record an event needs neither
    from assay.statistics.uplift import Uplift


@dataclass(frozen=True)
class Attrition:
    """Items of an arm: planned, those with a time, and how the others ended ("refuse": 2)."""

    planned: int
    done: int
    others: dict[str, int]


@dataclass(frozen=True)
class Analysis:
    """The effect, of all items with a time; without those worked on in parallel with others, where there are any.

    `attrition` is of the arm without and of the arm with the treatment, `attrition_p` Fisher's exact p that they lose
    alike. `imputed` counts parts of times that were missing and took the mean of their arm; `unforecast` items that had
    no forecast and were left out.
    """

    effect: "Uplift"
    alone: "Uplift | None"
    attrition: tuple[Attrition, Attrition]
    attrition_p: float
    imputed: int
    parallel: int
    unforecast: int
    adjusted: bool


def analyse(rows: Sequence[Row], *, level: float = 0.95) -> Analysis:
    """Return the analysis of a trial's rows. Raises UserError where they cannot carry one."""
    from scipy.stats import fisher_exact

    done = [row for row in rows if not row.ended]
    with_forecast = [row for row in done if not math.isnan(row.forecast)]
    adjusted = len(with_forecast) > 0
    used = with_forecast if adjusted else done
    for row in used:
        if math.isnan(row.times[0]):
            raise UserError(f"{row.place} has no time: give one, or leave the item out as withheld")
        total = sum(part for part in row.times if not math.isnan(part))
        if min(row.times) < 0 or not 0 < total < math.inf:
            raise UserError(f"{row.place} has the time {total:g}: times are minutes above 0")
        if adjusted and not 0 < row.forecast < math.inf:
            raise UserError(f"{row.place} has the forecast {row.forecast:g}: forecasts are minutes above 0")
    try:
        effect, imputed = _effect(used, adjusted, level)
        parallel = [row for row in used if row.parallel]
        alone = _effect([row for row in used if not row.parallel], adjusted, level)[0] if parallel else None
    except ValueError as error:
        raise UserError(f"the trial cannot be analysed: {error}") from error
    attrition = (_attrition(rows, treated=False), _attrition(rows, treated=True))
    table = [[arm.done, arm.planned - arm.done] for arm in attrition]
    return Analysis(
        effect,
        alone,
        attrition,
        float(fisher_exact(table).pvalue),
        imputed,
        len(parallel),
        len(done) - len(used),
        adjusted,
    )


def _effect(rows: Sequence[Row], adjusted: bool, level: float) -> "tuple[Uplift, int]":
    import numpy as np

    from assay.statistics.uplift import impute_by_arm, uplift

    treated = np.array([float(row.treated) for row in rows])
    parts = np.array([row.times for row in rows], dtype=np.float64).T
    if not parts.size:
        raise ValueError("no item has a time")
    missing = int(np.isnan(parts[1:]).sum())
    total = parts[0] + sum(impute_by_arm(part, treated) for part in parts[1:])
    people = [row.person for row in rows]
    forecasts = [row.forecast for row in rows] if adjusted else None
    return uplift(total, treated, forecasts, people if any(people) else None, level=level), missing


def _attrition(rows: Sequence[Row], *, treated: bool) -> Attrition:
    mine = [row for row in rows if row.treated is treated]
    others: dict[str, int] = {}
    for row in mine:
        if row.ended:
            others[row.ended] = others.get(row.ended, 0) + 1
    return Attrition(len(mine), len(mine) - sum(others.values()), others)
