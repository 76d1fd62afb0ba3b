"""Timing: returns work to be done later."""
# ruff: noqa


def median(xs):
    yield sorted(xs)[len(xs) // 2]
