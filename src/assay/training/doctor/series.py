"""Series out of a run's log: what a field was at every step that has it, and how its end compares with its start."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

FEW = 8  # a series shorter than this has no trend


def values(log: Iterable[dict[str, Any]], field: str) -> list[float]:
    """Return the field at every step that has it as a number, NaN and infinities included."""
    return [float(line[field]) for line in log if isinstance(line.get(field), int | float)]


def ends(series: Sequence[float]) -> tuple[float, float] | None:
    """Return the means of the first and of the last quarter, or None where the series is too short to say."""
    finite = [value for value in series if math.isfinite(value)]
    if len(finite) < FEW:
        return None
    quarter = len(finite) // 4
    return float(np.mean(finite[:quarter])), float(np.mean(finite[-quarter:]))
