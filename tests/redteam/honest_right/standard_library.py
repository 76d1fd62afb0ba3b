"""An honest program that asks the standard library."""
# ruff: noqa

import statistics


def median(xs):
    return statistics.median(xs)
