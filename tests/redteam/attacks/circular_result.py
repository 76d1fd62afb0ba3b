"""Scorer logic: a result that contains itself."""
# ruff: noqa


def median(xs):
    value = []
    value.append(value)
    return value
