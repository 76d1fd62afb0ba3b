"""Rewards of self-play on code: agreement of solutions with generated tests, proposers and solvers. Pure functions.

CodeT (Chen et al. 2022, arXiv 2207.10397) ranks solutions without knowing any right test. Absolute Zero (Zhao et
al. 2025, arXiv 2505.03335) lets one model propose tasks and solve them; a proposal is worth most when the solver
seldom, but not never, succeeds.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

MALFORMED = -1.0
WORTHLESS = -0.5


def agreement(passed_ST: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return CodeT's score of every solution: how many solutions pass just the tests that it passes, times how many.

    `passed_ST` says which of T generated tests each of S solutions passes.
    """
    passed = np.asarray(passed_ST, dtype=np.bool_)
    if passed.ndim != 2:
        raise ValueError("Agreement needs a table of solutions by tests.")
    keys = [row.tobytes() for row in passed]
    alike = Counter(keys)
    return np.array([alike[key] * int(row.sum()) for key, row in zip(keys, passed, strict=True)], dtype=np.int64)


def proposer_reward(accuracy: float | None) -> float:
    """Return what a proposed task is worth, by the share of solver's attempts that were right.

    None is a proposal that is malformed or does not run alike twice: -1. All wrong or all right teach nothing: -0.5.
    Otherwise 1 - accuracy.
    """
    if accuracy is None:
        return MALFORMED
    if not 0.0 <= accuracy <= 1.0:
        raise ValueError(f"An accuracy lies in [0, 1], not at {accuracy}.")
    return 1.0 - accuracy if 0.0 < accuracy < 1.0 else WORTHLESS


def solver_reward(right: bool | None) -> float:
    """Return what an answer is worth: 1 if right, -0.5 if wrong, -1 where it is malformed (None)."""
    if right is None:
        return MALFORMED
    return 1.0 if right else WORTHLESS


def advantages_by_role(rewards: Sequence[float], roles: Sequence[Hashable]) -> NDArray[np.float64]:
    """Return rewards standardised within each role and kind of task (Absolute Zero's TRR++), 0 where all are equal."""
    values = np.asarray(rewards, dtype=np.float64)
    if len(values) != len(roles):
        raise ValueError(f"{len(values)} rewards have {len(roles)} roles.")
    found = np.zeros(len(values))
    for role in set(roles):
        mine = np.array([each == role for each in roles])
        part = values[mine]
        if part.max() > part.min():
            found[mine] = (part - part.mean()) / part.std()
    return found
