"""What a method of policy gradient is: a table of weights for every size of group, and what it ascends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.training.objectives.transforms import Array, Table, centred, group_weights


@dataclass(frozen=True)
class Method:
    """How the attempts at one task are weighed by their rewards.

    `table` gives the (a_s, b_s) of a group of M, for M of `smallest` or more; `limit` is h'(t) as M grows, for
    those who compare. `fractional` weighs rewards in [0, 1] that are not all 0 or 1; without it such rewards are
    refused, because the method is defined by counts of successes. A method without a table weighs nothing: it is
    `supervised` and learns from a training set, or it samples, verifies and trains in `rounds`.
    """

    name: str
    table: Callable[[int], Table] | None = None
    limit: Callable[[Array], Array] | None = None
    fractional: Callable[[Array], Array] | None = None
    smallest: int = 1
    supervised: bool = False
    rounds: bool = False

    def weights(self, rewards: Sequence[float]) -> Array:
        """Return Z_i for the valid rewards of one group. Zeros where the group is smaller than `smallest`.

        Raises ValueError for rewards outside [0, 1] (NaN is one), and for fractions that the method does not
        define.
        """
        if self.table is None:
            raise ValueError(f"The objective {self.name} weighs no groups.")
        rewards_M = np.asarray(rewards, dtype=np.float64)
        if not ((rewards_M >= 0.0) & (rewards_M <= 1.0)).all():
            raise ValueError(f"A reward lies in [0, 1], not {list(rewards)}; an invalid one leaves its group first.")
        if len(rewards_M) < self.smallest:
            return np.zeros(len(rewards_M))
        if np.isin(rewards_M, (0.0, 1.0)).all():
            return group_weights(self.table(len(rewards_M)), rewards)
        if self.fractional is None:
            raise ValueError(
                f"The objective {self.name} is defined for rewards 0 and 1 only: take the reward `solved`, or one of "
                "reinforce, rloo, dr_grpo and grpo."
            )
        return self.fractional(rewards_M)

    def with_baseline(self) -> "Method":
        """Return the method of the same h whose weights are compared with the others' pass rate (`centred`)."""
        table = self.table
        if table is None:
            raise ValueError(f"The objective {self.name} has no weights to centre.")
        return replace(self, name=f"{self.name}+baseline", table=lambda size: centred(table(size)), fractional=None)
