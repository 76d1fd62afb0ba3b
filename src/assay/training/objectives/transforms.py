"""Weights for groups of 0/1 rewards, and the transform h of the pass rate that they ascend. Pure functions.

M attempts at one task get rewards R_i in {0, 1}; S_i counts the others that succeeded. A method is a table
(a_s, b_s) for s = 0 .. M-1 and weighs attempt i by

    Z_i = (1 - R_i) a_{S_i} + R_i b_{S_i}.

With p the chance of success, the mean of (1/M) sum_i Z_i grad log pi(y_i) is grad h_M(p), where

    h_M(t)  = (1/M) sum_s (b_s - a_s) I_t(s+1, M-s)                   (I: regularised incomplete beta function)
    h_M'(t) = sum_s (b_s - a_s) C(M-1, s) t^s (1-t)^(M-1-s)           (Bernstein form)

Only b_s - a_s matters for h: a number c_s taken from both a_s and b_s is independent of attempt i and changes
nothing but the variance (`centred`). Source: Davis and Recht, "What is the objective of reasoning with
reinforcement learning?", arXiv 2510.13651.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc
from scipy.stats import binom

Array = NDArray[np.float64]
MOST_SOLVED = 32  # the Bernstein basis of a higher degree cannot be solved for in 64-bit floats

__all__ = ["Table", "bernstein", "centred", "from_derivative", "group_weights", "surrogate"]


@dataclass(frozen=True)
class Table:
    """Weights of a group of M: `wrong_M[s]` is a_s and `right_M[s]` is b_s, with s other successes."""

    wrong_M: Array
    right_M: Array

    def __post_init__(self) -> None:
        if self.wrong_M.shape != self.right_M.shape or self.wrong_M.ndim != 1 or self.size < 1:
            raise ValueError("A table has two columns of one length, the size of the group.")
        if not (np.isfinite(self.wrong_M).all() and np.isfinite(self.right_M).all()):
            raise ValueError("A weight of the table is not finite.")

    @property
    def size(self) -> int:
        """M, the number of attempts in the group."""
        return len(self.right_M)

    @property
    def difference_M(self) -> Array:
        """b_s - a_s, the Bernstein coefficients of h'."""
        return self.right_M - self.wrong_M


def bernstein(table: Table, t: float | Array) -> Array:
    """Return h_M'(t) for t in [0, 1], in the shape of `t`."""
    others = np.arange(table.size)
    chances = binom.pmf(others, table.size - 1, np.asarray(t, dtype=np.float64)[..., None])
    return np.asarray(chances @ table.difference_M)


def surrogate(table: Table, t: float | Array) -> Array:
    """Return h_M(t), with h_M(0) = 0, for t in [0, 1], in the shape of `t`."""
    others = np.arange(table.size)
    steps = betainc(others + 1, table.size - others, np.asarray(t, dtype=np.float64)[..., None])
    return np.asarray(steps @ table.difference_M / table.size)


def group_weights(table: Table, rewards: Sequence[float]) -> Array:
    """Return Z_i for a group of 0/1 rewards, as many as the table is for. Raises ValueError for others."""
    rewards_M = np.asarray(rewards, dtype=np.float64)
    if rewards_M.shape != (table.size,):
        raise ValueError(f"A table for {table.size} attempts does not weigh {len(rewards)}.")
    if not np.isin(rewards_M, (0.0, 1.0)).all():
        raise ValueError("The transform h is defined for rewards 0 and 1 only.")
    right_M = rewards_M == 1.0
    others_M = int(right_M.sum()) - right_M
    return np.where(right_M, table.right_M[others_M], table.wrong_M[others_M])


def centred(table: Table) -> Table:
    """Return the table of the same h with (1 - q) a_s + q b_s = 0, where q = s / (M-1) is the others' pass rate.

    So an attempt is compared with the others at the same task, as RLOO does with REINFORCE. The variance falls as a
    rule, not by a theorem: for `rejection`, whose weights add up to M already, it can rise a little. A group of one
    has no others: its difference goes to b_0.
    """
    if table.size == 1:
        return table
    others_M = np.arange(table.size) / (table.size - 1)
    return Table(-table.difference_M * others_M, table.difference_M * (1.0 - others_M))


def from_derivative(slope: Callable[[Array], Array], size: int, *, how: str = "sampled") -> Table:
    """Return a centred table for a group of `size` that ascends the h whose derivative is `slope`.

    `slope` takes and returns arrays over t in [0, 1]. `how` it becomes Bernstein coefficients b_s - a_s:
      sampled  h'(s / (M-1)): h_M' is the Bernstein polynomial of h' and tends to it as M grows;
      inside   h'((s+1) / (M+1)): the same limit, for an h' that has no value at 0 or 1, as log t or log-odds;
      solved   the coefficients of h' itself, which must be a polynomial of degree M-1 or less, M at most 32.
    Raises ValueError where `slope` is not finite, or is no such polynomial.
    """
    if size < 1:
        raise ValueError("A group has at least one attempt.")
    others = np.arange(size)
    if how == "sampled":
        places = others / (size - 1) if size > 1 else np.array([0.5])
    elif how == "inside":
        places = (others + 1) / (size + 1)
    elif how == "solved":
        places = 0.5 - 0.5 * np.cos(np.pi * (2 * others + 1) / (2 * size))
    else:
        raise ValueError(f"There is no way {how!r} to take h': choose sampled, inside or solved.")
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.broadcast_to(np.asarray(slope(places), dtype=np.float64), (size,))
    if not np.isfinite(values).all():
        raise ValueError("The derivative of h is not finite where it is sampled: take how='inside'.")
    difference = _solve(slope, places, values) if how == "solved" else values
    return centred(Table(np.zeros(size), np.array(difference)))


def _solve(slope: Callable[[Array], Array], places: Array, values: Array) -> Array:
    """Return the Bernstein coefficients that go through `values`; check them at other places."""
    size = len(places)
    if size > MOST_SOLVED:
        raise ValueError(f"A group of {size} is too large to be solved for: take how='sampled'.")
    difference = np.linalg.solve(binom.pmf(np.arange(size), size - 1, places[:, None]), values)
    elsewhere = np.linspace(0.0, 1.0, 2 * size + 3)[1:-1]
    found = bernstein(Table(np.zeros(size), difference), elsewhere)
    wanted = np.asarray(slope(elsewhere), dtype=np.float64)
    if not np.allclose(found, wanted, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(values).max()))):
        raise ValueError(f"The derivative of h is no polynomial of degree {size - 1}: take how='sampled'.")
    return difference
