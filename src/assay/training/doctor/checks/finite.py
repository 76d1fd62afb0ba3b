"""Numbers that are not finite: in the log, where one NaN ends all learning, and in the checkpoint's weights."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

NEEDS = ()
_NEVER_NULL = ("loss", "gradient_norm", "reward_mean", "sampler_gap", "ratio_mean", "ratio_max", "chat_rows_weight")


def check(patient: Patient) -> Iterator[Finding]:
    """Fail where a number of the log or a weight of the checkpoint is NaN or infinite."""
    if patient.log:
        yield _of_log(patient.log)
    if patient.has("model"):
        yield _of_weights(patient)


def _of_log(log: list[dict[str, Any]]) -> Finding:
    first: dict[str, int] = {}
    for place, line in enumerate(log, start=1):
        for name, value in _numbers(line):
            if not math.isfinite(value):
                first.setdefault(name, int(line.get("step", place)))
    if not first:
        return Finding(check="finite.log", status=Status.OK, value={"steps": len(log)})
    worst = min(first, key=lambda name: (first[name], not name.startswith("reward")))
    cause = (
        "A reward that is no number reached the objective: find the grader that gave it; an attempt whose grading "
        "failed is invalid and leaves its group, it is not a score."
        if worst.startswith("reward")
        else "Look at the data of that step, lower the rate, and go on from the checkpoint before it."
    )
    return Finding(
        check="finite.log",
        status=Status.FAIL,
        value={"first_step": first},
        advice=f"`{worst}` is not a finite number from step {first[worst]} on. {cause}",
    )


def _numbers(line: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if isinstance(value, float):
            yield prefix + name, value
        elif value is None and (prefix == "norms." or name in _NEVER_NULL):
            yield prefix + name, math.nan  # how JSON says it; other fields may be null where nothing was measured
        elif isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}.")


def _of_weights(patient: Patient) -> Finding:
    bad = [name for name, weight in patient.model.named_parameters() if not torch.isfinite(weight).all()]
    if not bad:
        return Finding(check="finite.weights", status=Status.OK, value={"not_finite": 0})
    return Finding(
        check="finite.weights",
        status=Status.FAIL,
        value={"not_finite": len(bad), "first": bad[0]},
        advice=f"{len(bad)} tensors of {patient.model_folder} hold NaN or infinity, `{bad[0]}` first: this checkpoint "
        "is lost; go on from the one before it, with a lower rate.",
    )
