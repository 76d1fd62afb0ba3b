"""pass@k and pass^k without bias: the chance that one, or that all, of k trials drawn without replacement are right."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pass_at_k(trials: ArrayLike, solved: ArrayLike, k: int) -> NDArray[np.float64]:
    """Return 1 - C(n-c, k) / C(n, k) for every task.

    `trials` n and `solved` c are integers of one broadcastable shape with 0 <= c <= n and 1 <= k <= n; the
    result has their shape and lies in [0, 1]. Average it over tasks, and resample tasks, not trials, for its
    error. Raises ValueError outside those ranges. Source: Chen et al. 2021, arXiv 2107.03374, section 2.1.
    """
    n, c = _counts(trials, solved, k)
    return 1.0 - _all_among(n - c, n, k)


def pass_hat_k(trials: ArrayLike, solved: ArrayLike, k: int) -> NDArray[np.float64]:
    """Return C(c, k) / C(n, k) for every task: the chance that k trials in a row would all be right, "pass^k".

    Arguments, ranges and errors as for `pass_at_k`. Source: Yao et al. 2024 (tau-bench), arXiv 2406.12045.
    """
    n, c = _counts(trials, solved, k)
    return _all_among(c, n, k)


def _counts(trials: ArrayLike, solved: ArrayLike, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n, c = np.broadcast_arrays(np.asarray(trials), np.asarray(solved))
    for name, counts in (("trials", n), ("solved", c)):
        if not np.issubdtype(counts.dtype, np.integer):
            raise ValueError(f"pass@k needs whole numbers of {name}.")
    if k < 1 or np.any(c < 0) or np.any(c > n) or np.any(k > n):
        raise ValueError("pass@k needs 0 <= solved <= trials and 1 <= k <= trials for every task.")
    return n, c


def _all_among(marked: NDArray[np.int64], n: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Return C(marked, k) / C(n, k), the chance that k drawn of n are all among the marked."""
    # As a product of k ratios: no factorial, so nothing overflows. A factor at or below zero means that fewer than k
    # are marked.
    drawn = np.arange(k)
    return np.prod(np.clip(marked[..., None] - drawn, 0, None) / (n[..., None] - drawn), axis=-1)
