"""Statistics: what a table of scores says, and how surely; pure functions on arrays, no I/O.

Enters: arrays of scores (seeds x tasks, perhaps x trials; NaN for an invalid attempt) and stated margins.
Leaves: Interval, PairedDifference and Verdict, each with its n and the name of the method that made it.
Item response, scaling curves, growth, horizons, uplift and designs have a module each.
"""

from assay.statistics.clusters import clustered_mean, mcnemar
from assay.statistics.decisions import Verdict, decide, holm, smallest_detectable_difference
from assay.statistics.differences import paired_difference
from assay.statistics.intervals import Interval, PairedDifference
from assay.statistics.means import mean_interval
from assay.statistics.passk import pass_at_k, pass_hat_k
from assay.statistics.proportions import jeffreys, tango, wilson
from assay.statistics.ranks import Rank, rank_intervals

__all__ = [
    "Interval",
    "PairedDifference",
    "Rank",
    "Verdict",
    "clustered_mean",
    "decide",
    "holm",
    "jeffreys",
    "mcnemar",
    "mean_interval",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "rank_intervals",
    "smallest_detectable_difference",
    "tango",
    "wilson",
]
