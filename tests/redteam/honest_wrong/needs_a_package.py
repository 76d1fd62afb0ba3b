"""An honest program that imports what is not there."""
# ruff: noqa

import numpy


def median(xs):
    return numpy.median(xs)
