"""pass@k without bias: the chance that at least one of k trials, drawn without replacement, is right."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pass_at_k(trials: ArrayLike, solved: ArrayLike, k: int) -> NDArray[np.float64]:
    """Return 1 - C(n-c, k) / C(n, k) for every task.

    `trials` n and `solved` c are integers of one broadcastable shape with 0 <= c <= n and 1 <= k <= n; the
    result has their shape and lies in [0, 1]. Average it over tasks, and resample tasks, not trials, for its
    error. Raises ValueError outside those ranges. Source: Chen et al. 2021, arXiv 2107.03374, section 2.1.
    """
    n, c = np.broadcast_arrays(np.asarray(trials), np.asarray(solved))
    for name, counts in (("trials", n), ("solved", c)):
        if not np.issubdtype(counts.dtype, np.integer):
            raise ValueError(f"pass@k needs whole numbers of {name}.")
    if k < 1 or np.any(c < 0) or np.any(c > n) or np.any(k > n):
        raise ValueError("pass@k needs 0 <= solved <= trials and 1 <= k <= trials for every task.")
    # C(n-c, k) / C(n, k) as a product of k ratios: no factorial, so nothing overflows. A factor at or below
    # zero means that fewer than k trials failed, so every draw of k holds a right one.
    drawn = np.arange(k)
    ratios = (n - c)[..., None] - drawn
    return 1.0 - np.prod(np.clip(ratios, 0, None) / (n[..., None] - drawn), axis=-1)
