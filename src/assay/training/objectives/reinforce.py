"""`reinforce`: Z_i = R_i, so a_s = 0 and b_s = 1; h(t) = t, the pass rate itself.

Without a baseline the variance is that of the reward; `rloo` ascends the same h with less.
Source: Williams 1992, Machine Learning 8, 229-256.
"""

import numpy as np

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Table


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"reinforce takes no argument, not {argument!r}.")
    return Method(
        "reinforce",
        table=lambda size: Table(np.zeros(size), np.ones(size)),
        limit=np.ones_like,
        fractional=lambda rewards_M: rewards_M,
    )
