"""An honest program that takes the upper middle of an even number."""
# ruff: noqa


def median(xs):
    return sorted(xs)[len(xs) // 2]
