"""Statistics: what a table of scores says, and how surely; pure functions on arrays, no I/O.

Enters: arrays of scores (seeds x tasks, perhaps x trials; NaN for an invalid attempt) and stated margins.
Leaves: Interval, PairedDifference and Verdict, each with its n and the name of the method that made it.
"""

from assay.statistics.decisions import Verdict, decide, holm, smallest_detectable_difference
from assay.statistics.differences import paired_difference
from assay.statistics.intervals import Interval, PairedDifference
from assay.statistics.means import mean_interval
from assay.statistics.passk import pass_at_k
from assay.statistics.proportions import jeffreys, tango, wilson

__all__ = [
    "Interval",
    "PairedDifference",
    "Verdict",
    "decide",
    "holm",
    "jeffreys",
    "mean_interval",
    "paired_difference",
    "pass_at_k",
    "smallest_detectable_difference",
    "tango",
    "wilson",
]
