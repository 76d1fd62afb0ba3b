"""`dr_grpo`: Z_i = R_i - mean of all, so a_s = -s/M and b_s = 1 - (s+1)/M; h(t) = t (M-1)/M.

GRPO without the division by the standard deviation: the pass rate again, by a constant slower than `rloo`.
A group of one weighs nothing, for the attempt is its own mean. Source: Liu et al. 2025, arXiv 2503.20783.
"""

import numpy as np

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Array, Table


def _table(size: int) -> Table:
    others_M = np.arange(size)
    return Table(-others_M / size, 1.0 - (others_M + 1) / size)


def _fractional(rewards_M: Array) -> Array:
    return rewards_M - rewards_M.mean()


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"dr_grpo takes no argument, not {argument!r}.")
    return Method("dr_grpo", table=_table, limit=np.ones_like, fractional=_fractional)
