from decimal import Decimal
from fractions import Fraction


def median(xs):
    s = sorted(xs)
    n = len(s)
    if n % 2:
        return Decimal(s[n // 2])
    return (Fraction(s[n // 2 - 1]) + Fraction(s[n // 2])) / 2
