"""Gradients: their norms by kind of parameter, and the clip that always cuts, so that nothing learns.

Where one clip of the whole norm is dominated by a few gains, every other gradient is scaled down with them. AdamW
divides a constant factor out again, but not below its epsilon, and not one that leaps from step to step.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.series import FEW, ends, values

NEEDS = ("log",)
ALWAYS, DOMINATED, HARD, LEARNT = 0.9, 0.8, 0.05, 0.02


def check(patient: Patient) -> Iterator[Finding]:
    """Look at gradient norms, at what the clip does to them, and at whether the loss falls."""
    log = [line for line in patient.log if math.isfinite(_number(line.get("gradient_norm")))]
    if len(log) < FEW:
        yield Finding(
            check="gradients", status=Status.SKIPPED, advice=f"Not looked at: {len(log)} steps are too few for a trend."
        )
        return
    yield _norms(log)
    yield _clip(patient, log)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _norms(log: list[dict[str, Any]]) -> Finding:
    kinds: dict[str, list[float]] = defaultdict(list)
    for line in log:
        for kind, norm in line.get("norms", {}).items():
            kinds[kind].append(norm)
    median = {kind: float(np.median(norms)) for kind, norms in kinds.items()}
    series = values(log, "gradient_norm")
    first, last = ends(series) or (0.0, 0.0)
    value = {"median_by_kind": median, "first_quarter": first, "last_quarter": last, "largest": max(series)}
    if max(series) == 0.0:
        return Finding(
            check="gradients.norms",
            status=Status.FAIL,
            value=value,
            advice="Every gradient is zero: nothing in the batches is in the loss, or the trained parameters are cut "
            "off from it.",
        )
    if first > 0 and last > 10 * first:
        return Finding(
            check="gradients.norms",
            status=Status.WARN,
            value=value,
            advice=f"Gradients grew from {first:.3g} to {last:.3g} over the run: the training is coming apart; lower "
            "the rate or go back to an earlier checkpoint.",
        )
    return Finding(check="gradients.norms", status=Status.OK, value=value)


def _clip(patient: Patient, log: list[dict[str, Any]]) -> Finding:
    config = patient.card.get("config", {})
    limit, by_kind = config.get("clip"), config.get("clip_by", "whole") == "group"
    cut = float(np.mean([bool(line.get("clipped")) for line in log]))
    shares: dict[str, list[float]] = defaultdict(list)
    for line in log:
        squares = {kind: norm**2 for kind, norm in line.get("norms", {}).items()}
        for kind, square in squares.items():
            shares[kind].append(square / (sum(squares.values()) or 1.0))
    kind, share = max(((kind, float(np.mean(s))) for kind, s in shares.items()), key=lambda x: x[1], default=("", 0.0))
    norms = [line["gradient_norm"] for line in log]
    factor = float(np.median([_factor(line, limit, by_kind) for line in log])) if limit else None
    learnt = _learnt(log)
    value = {
        "clipped_share": cut,
        "limit": limit,
        "by": "kind" if by_kind else "whole",
        "median_factor": factor,
        "largest": kind,
        "share_of_largest": share,
        "loss_fell_by": learnt,
    }
    dead = learnt is not None and learnt < LEARNT
    always = cut >= ALWAYS and (factor is None or factor < HARD)
    if not always or (by_kind and not dead):
        return Finding(check="gradients.clip", status=Status.OK, value=value)
    said = f"The clip cut {cut:.0%} of the steps" + (
        f", by half of them to under {factor:.2g} of their size" if factor else ""
    )
    if share >= DOMINATED and not by_kind:
        said += f", and `{kind}` alone makes {share:.0%} of the squared norm, so everything else is scaled down with it"
    said += f"; the loss fell by {learnt:.1%}, so nothing learns" if dead and learnt is not None else ""
    remedy = "Raise `clip`" if by_kind else 'Clip by kind (`clip_by = "group"`), or raise `clip` above the usual norm'
    return Finding(
        check="gradients.clip",
        status=Status.FAIL if dead else Status.WARN,
        value=value,
        advice=f"{said}. {remedy} (the median norm is {float(np.median(norms)):.3g}).",
    )


def _factor(line: dict[str, Any], limit: float, by_kind: bool) -> float:
    """Return by what the clip multiplied the gradients of a step, by kind those of the kind that it cut least."""
    norms = list(line.get("norms", {}).values()) if by_kind else [line["gradient_norm"]]
    return max((min(1.0, limit / norm) if norm else 1.0 for norm in norms), default=1.0)


def _learnt(log: list[dict[str, Any]]) -> float | None:
    """Return by which share of itself the loss of a supervised run fell, or None where the loss says nothing."""
    if any("reward_mean" in line for line in log):
        return None
    found = ends(values(log, "loss"))
    return None if found is None or found[0] <= 0 else 1.0 - found[1] / found[0]
