"""`rejection`: the mean over a task's right attempts alone: Z_i = R_i M / sum R, so b_s = M/(s+1) and a_s = 0.

h_M'(t) = (1 - (1-t)^M) / t and h_M(t) = sum_{k=1}^M (1 - (1-t)^k) / k, which tends to log t: the log-likelihood
of being right. A task without a right attempt is skipped, and weighs nothing.
"""

import numpy as np

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Table


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"rejection takes no argument, not {argument!r}.")
    return Method(
        "rejection",
        table=lambda size: Table(np.zeros(size), size / (np.arange(size) + 1.0)),
        limit=lambda t: 1.0 / t,
    )
