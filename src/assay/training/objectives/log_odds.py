"""`log_odds`: h(t) = log(t / (1-t)), so b_s - a_s = 1 / (q (1-q)) at q = (s+1)/(M+1), inside of 0 and 1.

At q = s/(M-1) the weights would be infinite for s = 0 and M-1. It gives the greatest weight of all the methods
to tasks that are nearly never or nearly always solved. An example of a method that is made from its h.
"""

from assay.training.objectives.method import Method
from assay.training.objectives.transforms import Array, from_derivative


def _slope(t: Array) -> Array:
    return 1.0 / (t * (1.0 - t))


def method(argument: str) -> Method:
    """Return the method; it takes no argument."""
    if argument:
        raise ValueError(f"log_odds takes no argument, not {argument!r}.")
    return Method("log_odds", table=lambda size: from_derivative(_slope, size, how="inside"), limit=_slope, smallest=2)
