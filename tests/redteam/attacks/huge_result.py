"""Scorer logic: a result that fills the parent's memory."""
# ruff: noqa


def median(xs):
    return ["x" * 1000] * 100_000
