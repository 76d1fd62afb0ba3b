"""An evaluation as lines of JSON and as text: every number with its n and its interval, each half apart.

Of the held-out and the fresh half the families are shown, no mechanism: whoever tunes a detector on what it missed
there has no such half left.
"""

from typing import Any

from assay.audit.evaluation.evaluate import MAX_FALSE, Evaluation, HalfRates, View, by_family, by_mechanism
from assay.audit.evaluation.labels import TUNING
from assay.audit.evaluation.measure import Rates, pooled, rounded
from assay.audit.findings import FLAGGED_FROM
from assay.statistics import Interval


def lines(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return one dictionary a line: the set, each view, its halves, benchmarks and families, the three numbers last."""
    found: list[dict[str, Any]] = [
        {"set": evaluation.where, "seeds": evaluation.seeds, **evaluation.counts, "notes": list(evaluation.notes)}
    ]
    for view in evaluation.views:
        found.append({"view": view.name, "roc_area": rounded(view.area), "usual": _rates(view.usual)})
        for half, of_half in view.halves.items():
            entry = {"view": view.name, "half": half, "mechanisms": of_half.mechanisms}
            found.append({**entry, **{name: _rates(of) for name, _, of in _named(of_half)}})
        for benchmark, of in view.benchmarks.items():
            found.append({"view": view.name, "left_out": benchmark, **_rates(of)})
        for half in view.halves:
            for family, share in by_family(view, half).items():
                found.append({"view": view.name, "half": half, "family": family, "recall": _interval(share)})
    view = evaluation.views[0]
    if TUNING in view.halves:
        for mechanism, share in by_mechanism(view, TUNING).items():
            found.append({"half": TUNING, "mechanism": mechanism, "flagged": _interval(share)})
    return [*found, evaluation.last_line]


def _named(of: HalfRates) -> list[tuple[str, str, Rates]]:
    """Return the rates of a half that there are, each with its name in JSON and in words."""
    named = [("usual", f"at the detectors' own threshold {FLAGGED_FROM:g}", of.usual)]
    if of.tuned is not None:
        named.append(("at_tuning_threshold", f"at the tuning half's threshold for {MAX_FALSE:.0%}", of.tuned))
    return [*named, ("at_own_threshold", f"at its own threshold for {MAX_FALSE:.0%}", of.own)]


def _rates(of: Rates) -> dict[str, Any]:
    return {
        "threshold": round(of.threshold, 6),
        "recall": _interval(of.recall),
        "false_alarms": _interval(of.false_alarms),
        "precision": _interval(of.precision),
    }


def _interval(of: Interval) -> dict[str, Any]:
    return {"estimate": rounded(of.estimate), "low": rounded(of.low), "high": rounded(of.high), "n": of.n}


def text(evaluation: Evaluation) -> str:
    """Return the evaluation for a reader."""
    counts, view = evaluation.counts, evaluation.views[0]
    made_of = f"{counts['attempts']} attempts, {counts['cheats']} cheats and {counts['honest']} honest"
    out = [f"{evaluation.where}{_seeds(evaluation)}: {made_of}, {counts['benchmarks']} benchmarks."]
    if view.halves:
        of_each = ", ".join(f"{of.mechanisms} of the {half} half" for half, of in view.halves.items())
        out.append(f"Mechanisms: {of_each}. Cheats that a grader took for right solutions: {counts['fooled']}.")
    if counts["machinery"]:
        out.append(
            f"{counts['machinery']} were not graded for a failure of ours; what was done in them counts as in others."
        )
    out += evaluation.notes
    for one in evaluation.views:
        out += ["", *_view(one)]
    if view.halves:
        out += ["", "recall by family with prose, at the higher of the tuning half's and the half's own threshold"]
        for half in view.halves:
            out += [f"  {half:10} {name:10} {_shown(share)}" for name, share in by_family(view, half).items()]
    if TUNING in view.halves:
        shares = by_mechanism(view, TUNING).items()
        missed = [f"{name} {_shown(of)}" for name, of in shares if not name.startswith("honest/") and of.estimate < 1]
        alarms = [f"{name} {_shown(of)}" for name, of in shares if name.startswith("honest/") and of.estimate > 0]
        out += ["", "missed in the tuning half: " + ("; ".join(missed) or "nothing")]
        out += ["false alarms in the tuning half: " + ("; ".join(alarms) or "none")]
    on = f" on the {evaluation.least_used} half" if evaluation.least_used else ""
    out += [
        "",
        f"recall{on} at {MAX_FALSE:.0%} false alarms: {_shown(evaluation.recall_at_5pct)}; "
        f"false alarms at the detectors' own threshold, all honest attempts: {_shown(evaluation.false_alarm_rate)}",
    ]
    return "\n".join(out)


def _view(view: View) -> list[str]:
    out = [f"{view.name}, area under the ROC curve {view.area:.3f}"]
    out.append(_row(f"  all, at the detectors' own threshold {FLAGGED_FROM:g}", view.usual))
    for half, of_half in view.halves.items():
        out += [_row(f"  {half} half, {words}", of) for _, words, of in _named(of_half)]
    if view.benchmarks:
        recall, alarms = pooled(view.benchmarks.values())
        out.append(f"  leave one benchmark out: recall {_shown(recall)}, false alarms {_shown(alarms)}")
        out += [_row(f"    {name}", of) for name, of in view.benchmarks.items()]
    return out


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
