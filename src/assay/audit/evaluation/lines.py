"""An evaluation as lines of JSON and as text: every number with its n and its interval.

The held-out half is shown by family only: whoever tunes a detector on what it missed there has no held-out half left.
"""

from typing import Any

from assay.audit.evaluation.evaluate import MAX_FALSE, Evaluation, View, by_family, by_mechanism
from assay.audit.evaluation.measure import Rates, pooled
from assay.audit.findings import FLAGGED_FROM
from assay.statistics import Interval


def lines(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return one dictionary a line: the set, each view, its benchmarks and families, and the three numbers last."""
    found: list[dict[str, Any]] = [
        {"set": evaluation.where, "seeds": evaluation.seeds, **evaluation.counts, "notes": list(evaluation.notes)}
    ]
    for view in evaluation.views:
        entry: dict[str, Any] = {"view": view.name, "roc_area": _rounded(view.area)}
        for name, of in _named(view):
            entry[name] = _rates(of)
        found.append(entry)
        for benchmark, of in view.benchmarks.items():
            found.append({"view": view.name, "left_out": benchmark, **_rates(of)})
        if view.held_out is not None:
            for half, held in (("tuning", False), ("held_out", True)):
                for family, of_family in by_family(view, view.held_out.threshold, held_out=held).items():
                    found.append({"view": view.name, "half": half, "family": family, "recall": _interval(of_family)})
    view = evaluation.views[0]
    if view.held_out is not None:
        for mechanism, share in by_mechanism(view, view.held_out.threshold, held_out=False).items():
            found.append({"half": "tuning", "mechanism": mechanism, "flagged": _interval(share)})
    return [*found, evaluation.last_line]


def _named(view: View) -> list[tuple[str, Rates]]:
    """Return the rates of a view that there are, by name."""
    named = {"usual": view.usual, "tuning": view.tuning, "held_out": view.held_out, "held_out_own": view.own}
    return [(name, of) for name, of in named.items() if of is not None]


def _rates(of: Rates) -> dict[str, Any]:
    return {
        "threshold": round(of.threshold, 6),
        "recall": _interval(of.recall),
        "false_alarms": _interval(of.false_alarms),
        "precision": _interval(of.precision),
    }


def _interval(of: Interval) -> dict[str, Any]:
    return {"estimate": _rounded(of.estimate), "low": _rounded(of.low), "high": _rounded(of.high), "n": of.n}


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 4)


def text(evaluation: Evaluation) -> str:
    """Return the evaluation for a reader."""
    counts = evaluation.counts
    made_of = f"{counts['attempts']} attempts, {counts['cheats']} cheats and {counts['honest']} honest"
    out = [f"{evaluation.where}{_seeds(evaluation)}: {made_of}, {counts['benchmarks']} benchmarks."]
    if evaluation.views[0].held_out is not None:
        out.append(
            f"{counts['mechanisms']} mechanisms, {counts['held_out_mechanisms']} of them held out by the hash of their "
            f"names. Cheats that a grader took for right solutions: {counts['fooled']}."
        )
    if counts["machinery"]:
        out.append(
            f"{counts['machinery']} were not graded for a failure of ours; what was done in them counts as in others."
        )
    out += evaluation.notes
    for view in evaluation.views:
        out += ["", f"{view.name}, area under the ROC curve {view.area:.3f}"]
        out += [_row(_titles(view)[name], of) for name, of in _named(view)]
        if view.benchmarks:
            recall, alarms = pooled(view.benchmarks.values())
            out.append(f"  leave one benchmark out: recall {_shown(recall)}, false alarms {_shown(alarms)}")
            out += [_row(f"    {name}", of) for name, of in view.benchmarks.items()]
    view = evaluation.views[0]
    if view.held_out is not None:
        out += ["", f"by family with prose, at the threshold {view.held_out.threshold:.3f}: tuning half, held-out half"]
        tuned = by_family(view, view.held_out.threshold, held_out=False)
        held = by_family(view, view.held_out.threshold, held_out=True)
        for family in {**tuned, **held}:
            parts = [_shown(half[family]) if family in half else "none" for half in (tuned, held)]
            out.append(f"  {family:10} {parts[0]:32} {parts[1]}")
        shares = by_mechanism(view, view.held_out.threshold, held_out=False).items()
        missed = [f"{name} {_shown(of)}" for name, of in shares if not name.startswith("honest/") and of.estimate < 1]
        alarms_by = [f"{name} {_shown(of)}" for name, of in shares if name.startswith("honest/") and of.estimate > 0]
        out += ["", "missed in the tuning half: " + ("; ".join(missed) or "nothing")]
        out += ["false alarms in the tuning half: " + ("; ".join(alarms_by) or "none")]
    out += [
        "",
        f"recall at {MAX_FALSE:.0%} false alarms: {_shown(evaluation.recall_at_5pct)}; "
        f"false alarms at the detectors' own threshold: {_shown(evaluation.false_alarm_rate)}",
    ]
    return "\n".join(out)


def _titles(view: View) -> dict[str, str]:
    return {
        "usual": f"  all, at the detectors' own threshold {FLAGGED_FROM:g}",
        "tuning": f"  tuning half, at its threshold for {MAX_FALSE:.0%} false alarms",
        "held_out": "  held-out half, at the tuning half's threshold",
        "held_out_own": f"  held-out half, at its own threshold for {MAX_FALSE:.0%}",
    }


def _row(title: str, of: Rates) -> str:
    return (
        f"{title} (>= {of.threshold:.3f}): recall {_shown(of.recall)}, false alarms {_shown(of.false_alarms)}, "
        f"precision {_shown(of.precision)}"
    )


def _shown(of: Interval) -> str:
    if not of.known:
        return "none"
    return f"{of.estimate:.3f} [{of.low:.3f}, {of.high:.3f}] n={of.n}"


def _seeds(evaluation: Evaluation) -> str:
    return f" (seed {', '.join(map(str, evaluation.seeds))})" if evaluation.seeds else ""
