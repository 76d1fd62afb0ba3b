"""Templates about numbers: arithmetic, limits, conditions and dates."""

import random
from collections.abc import Mapping
from typing import Any

from assay.tasks.drills.template import Template


def _years(rng: random.Random, consts: Mapping[str, Any]) -> tuple[int]:
    return (rng.choice([100 * rng.randint(15, 24), rng.randint(1500, 2100), 4 * rng.randint(380, 520)]),)


def _clock(rng: random.Random, consts: Mapping[str, Any]) -> tuple[int, int]:
    return (rng.randint(0, 23), rng.choice([0, rng.randint(1, 59), rng.randint(1, 59)]))


def _maybe_second(rng: random.Random, consts: Mapping[str, Any]) -> tuple[int, ...]:
    first = rng.randint(-3, 20)
    return (first,) if rng.random() < 0.6 else (first, rng.randint(-3, 20))


def _thousands(rng: random.Random, consts: Mapping[str, Any]) -> tuple[int]:
    return (rng.choice([rng.randint(0, 60), rng.randint(0, 999), consts.get("K", 0) + rng.randint(-1, 40)]),)


TEMPLATES = (
    Template("times_cap", "arithmetic", "int int", "K:2-12", '''
def F(A, B):
    """Return A times K, at most B."""
    V = A * K
    if V > B:
        return B
    return V
'''),
    Template("add_fee", "conditionals", "int", "K<L:2-20 M:5-30", '''
def F(A):
    """Return A plus L below M, else A plus K."""
    if A < M:
        return A + L
    return A + K
'''),
    Template("clamp", "limits", "int", "K:2-12 L:13-30", '''
def F(A):
    """Return A kept from K to L."""
    return max(K, min(A, L))
'''),
    Template("clamp_steps", "limits", "int", "K:2-12 L:13-30", '''
def F(A):
    """Return A, but K if less and L if more."""
    if A < K:
        return K
    if A > L:
        return L
    return A
'''),
    Template("discount", "conditionals", "nat nat", "K:2-9 L:10-30", '''
def F(A, B):
    """Return A times B, less K if B is L or more."""
    V = A * B
    if B >= L:
        V -= K
    return V
'''),
    Template("boxes", "arithmetic", "nat", "K:3-12", '''
def F(A):
    """Return how many boxes of K hold A things."""
    V = A // K
    if A % K > 0:
        V += 1
    return V
'''),
    Template("split_even", "arithmetic", "nat", "K:2-12", '''
def F(A):
    """Split A into K shares: the share, then what is left."""
    V = A // K
    W = A % K
    return V, W
'''),
    Template("distance", "limits", "int int", "K:2-9", '''
def F(A, B):
    """Return how far A is from B, at least K."""
    V = abs(A - B)
    return max(V, K)
'''),
    Template("near", "conditionals", "int int", "K:2-12", '''
def F(A, B):
    """Tell whether A and B are at most K apart."""
    return abs(A - B) <= K
'''),
    Template("multiple_above", "conditionals", "nat", "K:2-7 L:8-30", '''
def F(A):
    """Tell whether A is a multiple of K and above L."""
    return A % K == 0 and A > L
'''),
    Template("between", "conditionals", "int", "K:2-12 L:13-30", '''
def F(A):
    """Tell whether A is from K to L, both included."""
    return A >= K and A <= L
'''),
    Template("outside", "conditionals", "int", "K:2-12 L:13-30", '''
def F(A):
    """Tell whether A is below K or above L."""
    return A < K or A > L
'''),
    Template("compare", "conditionals", "int int", "", '''
def F(A, B):
    """Return 1 if A is above B, -1 if below, else 0."""
    if A > B:
        return 1
    if A < B:
        return -1
    return 0
'''),
    Template("grade", "conditionals", "int", "K:2-30 Q:label R:label", '''
def F(A):
    """Return Q below K, R from K up."""
    if A < K:
        return Q
    return R
'''),
    Template("margin", "arithmetic", "int int", "K:2-12", '''
def F(A, B):
    """Return K times the amount A is above B."""
    V = A - B
    return V * K
'''),
    Template("area_left", "arithmetic", "nat nat", "K:2-30", '''
def F(A, B):
    """Return A times B minus K, never below 0."""
    V = A * B - K
    return max(V, 0)
'''),
    Template("mean_two", "arithmetic", "int int", "K:2-12", '''
def F(A, B):
    """Return half of A plus B, rounded down, plus K."""
    V = (A + B) // 2
    return V + K
'''),
    Template("round_down", "arithmetic", "nat", "K:2-12", '''
def F(A):
    """Return the largest multiple of K not above A."""
    return A - A % K
'''),
    Template("default_rate", "defaults", "int int", "K:2-12", '''
def F(A, B=K):
    """Return A times B; B is K when not given."""
    return A * B
''', _maybe_second),
    Template("default_floor", "defaults", "int int", "K:2-12", '''
def F(A, B=K):
    """Return A, at least B; B is K when not given."""
    if A < B:
        return B
    return A
''', _maybe_second),
    Template("clock_add", "dates", "small nat", "K:8-24", '''
def F(A, B):
    """Return the hour B after A on a clock of K hours."""
    V = A + B
    return V % K
'''),
    Template("minutes", "dates", "int int", "K:2-9", '''
def F(A, B):
    """Return A hours and B minutes in minutes, plus K."""
    V = A * 60 + B
    return V + K
''', _clock),
    Template("open_hours", "dates", "int", "K:5-11 L:13-22", '''
def F(A):
    """Tell whether the shop is open at A: from K on, before L."""
    return K <= A < L
'''),
    Template("weeks_days", "dates", "nat", "K:3-12", '''
def F(A):
    """Turn A days into weeks of K days and days."""
    return A // K, A % K
'''),
    Template("only_one", "logic", "bool bool", "", '''
def F(A, B):
    """Tell whether A holds and B does not."""
    return A and not B
'''),
    Template("free_entry", "logic", "nat bool", "K:3-12", '''
def F(A, B):
    """Return 0 if B or A is below K, else A."""
    if B or A < K:
        return 0
    return A
'''),
    Template("flag_over", "logic", "int", "K:2-30", '''
def F(A):
    """Return True if A is over K, else False."""
    if A > K:
        return True
    return False
'''),
    Template("larger_twice", "limits", "int int", "K:2-9", '''
def F(A, B):
    """Return K times the larger of A and B."""
    V = max(A, B)
    return V * K
'''),
    Template("smaller_plus", "limits", "int int", "K:2-12", '''
def F(A, B):
    """Return the smaller of A and B, plus K."""
    V = min(A, B)
    return V + K
'''),
    # Held out.
    Template("leap_year", "dates", "int", "", '''
def F(A):
    """Tell if year A is leap: by 4, not by 100 unless by 400."""
    if A % 400 == 0:
        return True
    return A % 4 == 0 and A % 100 != 0
''', _years, held_out=True),
    Template("tax_band", "conditionals", "nat", "K:5-30 L:2-5", '''
def F(A):
    """Return 0 up to K, else what is above K, times L."""
    if A <= K:
        return 0
    return (A - K) * L
''', _thousands, held_out=True),
    Template("heat", "arithmetic", "int", "K:2-9 L:10-30", '''
def F(A):
    """Return A minus L, times K, halved and rounded down."""
    V = A - L
    return V * K // 2
''', held_out=True),
    Template("weekday", "dates", "small nat", "K:3-12", '''
def F(A, B):
    """Return the day of the week of K days B days before A."""
    V = A - B
    return V % K
''', held_out=True),
    Template("pick_side", "conditionals", "int int", "K:2-20", '''
def F(A, B):
    """Return A if A plus B is over K, else B."""
    if A + B > K:
        return A
    return B
''', held_out=True),
    Template("both_or_none", "logic", "int int", "K:5-20", '''
def F(A, B):
    """Tell whether both A and B are at least K."""
    return A >= K and B >= K
''', held_out=True),
)
