"""The results of this room: an interval, and a paired difference with all that is decided from it."""

import math
from dataclasses import dataclass

NOTHING = float("nan")


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    `n` counts the observations in the estimate (attempts, or pairs of attempts); `invalid` those left out of
    it because they have no valid score. `method` names what made the interval, chosen automatically or not.
    With nothing to estimate from, `n` is 0 and the three numbers are NaN.
    """

    estimate: float
    low: float
    high: float
    n: int
    method: str
    invalid: int = 0
    level: float = 0.95

    @property
    def known(self) -> bool:
        """Whether there was anything to estimate."""
        return not math.isnan(self.estimate)

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.known and (self.low > 0.0 or self.high < 0.0)

    def inside(self, margin: float) -> bool:
        """Whether the whole interval lies strictly between -margin and +margin."""
        return self.known and -margin < self.low and self.high < margin


def nothing(method: str, invalid: int = 0, level: float = 0.95) -> Interval:
    """Return the interval of an estimate that has no observation."""
    return Interval(NOTHING, NOTHING, NOTHING, 0, method, invalid, level)


@dataclass(frozen=True)
class PairedDifference:
    """The difference a - b of two systems on the same tasks, in score points (1.0 is the whole scale).

    `interval` is at the asked level, `inner` at the level that two one-sided tests need (90 % for a 5 % test).
    `p` is two-sided for no difference; `standard_error` is the method's own. `tasks` counts the tasks that both
    systems have a valid score on, `seeds` the runs of a and of b, `matched` whether those runs are pairs.
    """

    interval: Interval
    inner: Interval
    p: float
    standard_error: float
    tasks: int
    seeds: tuple[int, int]
    matched: bool
