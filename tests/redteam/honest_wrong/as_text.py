"""An honest program that returns text."""
# ruff: noqa

import statistics


def median(xs):
    return str(statistics.median(xs))
