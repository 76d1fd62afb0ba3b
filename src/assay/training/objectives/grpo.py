"""`grpo`: Z_i = (R_i - mean) / std over the group, the population's std; h_M tends to 2 arcsin(sqrt(t)).

b_s = sqrt((M-s-1)/(s+1)) and a_s = -sqrt(s/(M-s)): h' tends to 1/sqrt(t(1-t)), so hard and easy tasks weigh more
than with `rloo`. A group whose rewards are all equal has no std and weighs exactly nothing (no epsilon is
added, which would only hide it). For rewards between 0 and 1 the same standardised scores are taken; no h is
claimed for them. Source: Shao et al. 2024, arXiv 2402.03300.
"""

import numpy as np

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Array, Table


def _table(size: int) -> Table:
    others_M = np.arange(size)
    return Table(-np.sqrt(others_M / (size - others_M)), np.sqrt((size - others_M - 1) / (others_M + 1)))


def _fractional(rewards_M: Array) -> Array:
    if rewards_M.max() == rewards_M.min():
        return np.zeros(len(rewards_M))
    return (rewards_M - rewards_M.mean()) / rewards_M.std()


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"grpo takes no argument, not {argument!r}.")
    return Method("grpo", table=_table, limit=lambda t: 1.0 / np.sqrt(t * (1.0 - t)), fractional=_fractional)
