"""`passk:K`: the chance that one of K attempts is right, h(t) = 1 - (1-t)^K and h'(t) = K (1-t)^(K-1), exactly.

b_s = K C(M-1-s, K-1) / C(M-1, K-1) and a_s = 0: a right attempt counts by the chance that it is the only right
one among K drawn from the group. It needs groups of K or more; smaller ones weigh nothing. `passk:1` is
`reinforce`. With `+baseline` the variance is less (`transforms.centred`). Derived from the table of
`transforms`; Walder and Karkhanis 2025, arXiv 2505.15201, give an estimator of the same gradient.
"""

import numpy as np
from scipy.special import comb

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Table


def method(argument: str) -> Method:
    """Return the method for `argument`, K as a whole number above 0."""
    if not argument.isascii() or not argument.isdigit() or int(argument) < 1:
        raise ValueError(f"passk needs K, a whole number above 0, as in passk:4, not {argument!r}.")
    k = int(argument)

    def table(size: int) -> Table:
        others_M = np.arange(size)
        right_M = k * comb(size - 1 - others_M, k - 1) / comb(size - 1, k - 1)
        return Table(np.zeros(size), right_M)

    return Method(f"passk:{k}", table=table, limit=lambda t: k * (1.0 - t) ** (k - 1), smallest=k)
