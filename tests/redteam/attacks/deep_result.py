"""Scorer logic: a result nested ten thousand deep."""
# ruff: noqa


def median(xs):
    value = []
    for _ in range(10_000):
        value = [value]
    return value
