"""`rloo`: Z_i = R_i - mean of the others, so a_s = -s/(M-1) and b_s = 1 - s/(M-1); h(t) = t exactly.

A group of one has no others: it weighs nothing. Sources: Kool, van Hoof and Welling 2019, "Buy 4 REINFORCE
samples, get a baseline for free!"; Ahmadian et al. 2024, arXiv 2402.14740.
"""

import numpy as np

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Array, Table


def _table(size: int) -> Table:
    others_M = np.arange(size) / (size - 1)
    return Table(-others_M, 1.0 - others_M)


def _fractional(rewards_M: Array) -> Array:
    return rewards_M - (rewards_M.sum() - rewards_M) / (len(rewards_M) - 1)


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"rloo takes no argument, not {argument!r}.")
    return Method("rloo", table=_table, limit=np.ones_like, fractional=_fractional, smallest=2)
