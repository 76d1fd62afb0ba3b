"""summary.json: the run in numbers, for programs. Every value is finite or null, all ten statuses are listed."""

import math
from typing import Any

from assay.nouns import Status
from assay.report.measures import Measures
from assay.report.record import Record
from assay.statistics import Interval, Verdict


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value), 6)


def _ends(interval: Interval | None) -> dict[str, float | None]:
    if interval is None:
        return {"estimate": None, "low": None, "high": None}
    return {"estimate": _finite(interval.estimate), "low": _finite(interval.low), "high": _finite(interval.high)}


def sessions(record: Record) -> list[dict[str, Any]]:
    """Return the facts of the run's sessions in their order (a run that was killed and resumed has several)."""
    found = [
        (name.removeprefix("finished/"), fact) for name, fact in record.facts.items() if name.startswith("finished/")
    ]
    found.sort(key=lambda entry: (len(entry[0]), entry[0]))
    return [fact for _, fact in found if isinstance(fact, dict)]


def spent(record: Record) -> tuple[float | None, float | None]:
    """Return the wall seconds of all sessions together and the largest resident memory in MB."""
    walls = [w for s in sessions(record) if (w := _finite(s.get("wall_s"))) is not None]
    peaks = [p for s in sessions(record) if (p := _finite(s.get("peak_rss_mb"))) is not None]
    return (round(sum(walls), 6) if walls else None), max(peaks, default=None)


def summarise(record: Record, measures: Measures) -> dict[str, Any]:
    """Return the summary. `difference` is that of the experiment's first pair at the top dose."""
    wall_s, peak_rss_mb = spent(record)
    statuses = record.statuses()
    top: dict[str, dict[str, Any]] = {}
    for arm in record.arms:
        for split in record.splits:
            mean = measures.means.get((arm, record.top if record.top is not None else -1, split))
            floor = measures.floors.get((arm, split))
            top.setdefault(arm, {})[split] = {
                "n": mean.n if mean else 0,
                **_ends(mean),
                "minus_floor": _ends(floor.difference.interval if floor else None),
            }
    difference = {}
    for (a, b, dose, split), comparison in measures.differences.items():
        if (a, b) == record.pairs[0] and dose == record.top:
            known = record.margin is not None and comparison.difference.interval.known
            equal = comparison.verdict in (Verdict.EQUAL, Verdict.DIFFERENT_BUT_SMALL)
            difference[split] = {
                **_ends(comparison.difference.interval),
                "margin": record.margin,
                "equivalent": equal if known else None,
            }
    return {
        "name": record.experiment.get("name"),
        "scale": record.experiment.get("scale"),
        "seeds": list(record.seeds),
        "doses": list(record.doses),
        "wall_s": wall_s,
        "peak_rss_mb": peak_rss_mb,
        "planned": record.planned,
        "missing": record.missing,
        "statuses": {status.value: statuses[status] for status in Status},
        "top": top,
        "difference": difference,
    }
