"""Intervals in closed form for one proportion and for the difference of two paired proportions."""

import math

from scipy.optimize import brentq
from scipy.stats import beta, norm

from assay.statistics.intervals import Interval


def _quantile(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"A level lies between 0 and 1, not at {level}.")
    return float(norm.ppf(0.5 + level / 2.0))


def _check(successes: float, n: float) -> None:
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(f"A proportion needs 0 <= successes <= n and n > 0, not {successes} of {n}.")


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return Wilson's score interval for `successes` of `n` independent trials.

    Source: Wilson 1927, JASA 22, 209-212. Its mean coverage is close to the level; near 0 and 1 it can dip
    below. Raises ValueError unless 0 <= successes <= n and n > 0.
    """
    _check(successes, n)
    z = _quantile(level)
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(p, low, high, round(n), "Wilson", level=level)


def jeffreys(successes: float, n: float, level: float = 0.95) -> Interval:
    """Return the equal-tailed posterior interval under Jeffreys' prior Beta(1/2, 1/2).

    `successes` and `n` may be fractions, which is how effective sample sizes enter. With no success the lower
    end is 0, with nothing but successes the upper end is 1. Sources: Brown, Cai and DasGupta 2001, Statistical
    Science 16, 101-133; for the use under about 300 tasks arXiv 2503.01747. Coverage averages the level over
    p and swings by a few points around it. Raises ValueError unless 0 <= successes <= n and n > 0.
    """
    _check(successes, n)
    tail = (1 - level) / 2
    _quantile(level)
    low = 0.0 if successes == 0 else float(beta.ppf(tail, successes + 0.5, n - successes + 0.5))
    high = 1.0 if successes == n else float(beta.ppf(1 - tail, successes + 0.5, n - successes + 0.5))
    return Interval(successes / n, low, high, round(n), "Jeffreys", level=level)


def tango(only_a: float, only_b: float, n: float, level: float = 0.95) -> Interval:
    """Return Tango's score interval for the difference of two proportions on the same `n` cases.

    `only_a` cases were solved by a alone, `only_b` by b alone; the estimate is (only_a - only_b) / n. The interval does
    not collapse when no case differs: it is then +-z^2 / (n + z^2). Where few cases differ (2 of 40) it covers 99 %:
    such counts are too coarse for 95. Counts may be fractions (effective sample sizes). Source: Tango 1998, Statistics
    in Medicine 17, 891-908. Raises ValueError on negative counts or more differing cases than n.
    """
    if not (n > 0 and only_a >= 0 and only_b >= 0 and only_a + only_b <= n * (1 + 1e-9)):
        raise ValueError(f"Paired counts need only_a + only_b <= n, not {only_a} + {only_b} of {n}.")
    z = _quantile(level)
    estimate = (only_a - only_b) / n

    def score(difference: float) -> float:
        # The rate of "b alone" that is most likely given the difference (a quadratic's larger root).
        linear = -only_a - only_b + (2 * n - only_a + only_b) * difference
        constant = -only_b * difference * (1 - difference)
        root = (math.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
        variance = n * (2 * root + difference * (1 - difference))
        distance = only_a - only_b - n * difference
        if abs(distance) < 1e-12 * n:
            return 0.0
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    edge = 1 - 1e-12
    low, high = -1.0, 1.0
    if estimate > -edge and score(-edge) > z:
        low = float(brentq(lambda d: score(d) - z, -edge, min(estimate, edge), xtol=1e-12))
    if estimate < edge and score(edge) < -z:
        high = float(brentq(lambda d: score(d) + z, max(estimate, -edge), edge, xtol=1e-12))
    return Interval(estimate, low, high, round(n), "Tango score", level=level)
