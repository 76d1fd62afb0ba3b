"""Sampler against trainer, from the log: the gap between their log-probabilities of the ids that were sampled.

On the policy's own samples the two agree to rounding. A gap that grows with the steps is a sampler that does not
get the new weights; one that is there from the start is another temperature, tokenizer, adapter or precision.
"""

from collections.abc import Iterator

import numpy as np

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.series import ends, values

NEEDS = ("log",)
CLOSE = {"float32": 0.01, "bfloat16": 0.05}  # nats a token; bfloat16 rounds, in the sampler another way
FAR = 0.1


def check(patient: Patient) -> Iterator[Finding]:
    """Judge the mean gap, its growth, and the mean ratio, where the run samples."""
    # later minibatches are a step behind the sampler by design
    log = [line for line in patient.log if not line.get("minibatch")]
    gaps = values(log, "sampler_gap")
    if not gaps:
        yield Finding(
            check="sampler_log",
            status=Status.SKIPPED,
            advice="Not looked at: the run does not sample what it trains on.",
        )
        return
    close = CLOSE.get(str(patient.card.get("precision", "float32")), CLOSE["bfloat16"])
    quarter = max(1, len(gaps) // 4)
    last = float(np.mean(gaps[-quarter:]))
    trend = ends(gaps)
    ratios = values(log, "ratio_mean")
    value = {
        "mean": float(np.mean(gaps)),
        "last_quarter": last,
        "largest": max(gaps),
        "ratio_mean": float(np.mean(ratios)) if ratios else None,
        "truncated_share": float(np.mean(truncated)) if (truncated := values(log, "truncated_share")) else None,
    }
    if last <= close:
        yield Finding(check="sampler_log", status=Status.OK, value=value)
        return
    grows = trend is not None and trend[1] > 3 * max(trend[0], close / 3)
    why = (
        f"and it has grown from {trend[0]:.3g}: the sampler works with stale weights, so copy the trainer's weights "
        "into it before every round of sampling"
        if grows and trend is not None
        else "from the start: compare temperature, tokenizer, adapter and precision of the two"
    )
    yield Finding(
        check="sampler_log",
        status=Status.FAIL if grows or last > FAR else Status.WARN,
        value=value,
        advice=f"Sampler and trainer differ by {last:.3g} nats a token where rounding gives under {close:g}, {why}.",
    )
