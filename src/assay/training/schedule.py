"""Learning rates by step: linear warm-up, then a cosine, or constant and a linear decay at the end."""

import math
from typing import Literal


def rate_at(step: int, steps: int, peak: float, warmup: int, decay_share: float, end_share: float = 0.05) -> float:
    """Constant-then-decay: linear warm-up over `warmup` steps, constant, linear to `end_share` over the last share.

    `step` counts from 0 to steps - 1.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    start = steps - max(1, int(steps * decay_share))
    if step < start:
        return peak
    return peak * (1.0 - (1.0 - end_share) * (step - start + 1) / (steps - start))


def cosine_at(step: int, steps: int, peak: float, warmup: int, end_share: float) -> float:
    """Linear warm-up, then half a cosine down to `end_share` of the peak at the last step."""
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup + 1) / max(1, steps - warmup)
    return peak * (end_share + (1.0 - end_share) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share))))


def scheduled(
    kind: Literal["cosine", "constant"],
    step: int,
    steps: int,
    peak: float,
    *,
    warmup: int,
    decay_share: float,
    end_share: float,
) -> float:
    """Return the rate of a step by the name of its schedule."""
    if kind == "cosine":
        return cosine_at(step, steps, peak, warmup, end_share)
    return rate_at(step, steps, peak, warmup, decay_share, end_share)
