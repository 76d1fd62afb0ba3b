"""In which order a passing candidate meets its tests again: as they are, and with a wrong expected value.

A candidate that forges its outcome in some runs only, by chance, must forge whenever the tests are as they are and
never when they are not, and cannot see which it is. It passes with the probability p ** (1 + repeats) *
(1 - p) ** canaries when it forges with the probability p, in each run by itself; `luck` is that at its best p.
"""

import random

QUICK_S = 4.0  # a script that takes no longer, on a machine that may be busy
_CANARIES = {True: 8, False: 3}  # that a candidate must fail, by whether the script is quick
_REPEATS = {True: 3, False: 2}


def turns(wall_s: float, changes: int, rng: random.Random) -> list[bool]:
    """Return the runs to come: True for the tests as they are, False for a canary, in an order drawn by chance.

    `wall_s` is what a run takes, `changes` how many canaries there are. Where there is none, nothing is repeated: a
    candidate that forges would pass as it passed before.
    """
    quick = wall_s < QUICK_S
    canaries = min(_CANARIES[quick], changes)
    found = [True] * min(_REPEATS[quick], canaries) + [False] * canaries
    rng.shuffle(found)
    return found


def luck(repeats: int, canaries: int) -> float:
    """Return the most probability with which a candidate can pass that forges by chance; 1 where there is no canary."""
    forged = 1 + repeats
    p = forged / (forged + canaries)
    return float(p**forged * (1 - p) ** canaries)
