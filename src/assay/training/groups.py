"""Groups: the attempts at one task with their rewards, and the weight that a method gives each of them.

An attempt that our machinery failed has no reward. It leaves its group, which becomes smaller: never a zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay.errors import MachineryError
from assay.nouns import Attempt, Status
from assay.training.objectives import Method

Reward = Literal["solved", "value"]


def reward_of(attempt: Attempt, kind: Reward) -> float | None:
    """Return the reward of an attempt: 1 where it solved its task, or the value of its verdict; None if invalid.

    What was not submitted, or changed nothing, has no verdict and gets 0, and so does a cheat.
    """
    if attempt.status is Status.MACHINERY:
        return None
    if attempt.status is Status.CHEATED or attempt.verdict is None:
        return 0.0
    if kind == "solved":
        return float(attempt.status is Status.SOLVED)
    return attempt.verdict.value


@dataclass(frozen=True)
class Weighed:
    """The weights of many groups: `weights` has one entry an attempt, None where it left its group."""

    weights: list[list[float | None]]
    groups: int
    groups_without_variance: int
    groups_too_small: int
    invalid: int
    reward_mean: float | None  # over valid attempts

    @property
    def told(self) -> dict[str, int | float | None]:
        """What of it is logged."""
        return {
            "groups": self.groups,
            "groups_without_variance": self.groups_without_variance,
            "groups_too_small": self.groups_too_small,
            "invalid": self.invalid,
            "reward_mean": self.reward_mean,
        }


def weigh(method: Method, groups: Sequence[Sequence[float | None]]) -> Weighed:
    """Return Z of every attempt of every group, by the valid rewards of its own group.

    A group without variance has two valid rewards or more, all equal. One is too small when it has fewer than the
    method needs (none at all for any method). Raises MachineryError for a reward that is not a number in [0, 1],
    or that the method does not define.
    """
    weights: list[list[float | None]] = []
    still = small = invalid = 0
    valid: list[float] = []
    for number, rewards in enumerate(groups):
        kept = [reward for reward in rewards if reward is not None]
        invalid += len(rewards) - len(kept)
        small += len(kept) < method.smallest
        still += len(kept) >= 2 and min(kept) == max(kept)
        try:
            found = iter(method.weights(kept) if kept else ())
        except ValueError as error:
            raise MachineryError(f"group {number} cannot be weighed: {error}") from error
        weights.append([None if reward is None else float(next(found)) for reward in rewards])
        valid += kept
    mean = sum(valid) / len(valid) if valid else None
    return Weighed(weights, len(groups), still, small, invalid, mean)
