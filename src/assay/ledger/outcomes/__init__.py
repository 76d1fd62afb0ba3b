"""Outcomes of anybody's runs as arms that can be compared: one module a format, found by what a file holds.

Enters: `PATH`, `NAME=PATH` or `PATH:ARM`. Leaves: arms, each a list of scores by task, seed and trial.
"""

from assay.ledger.outcomes.arms import Arm, Score
from assay.ledger.outcomes.named import read_arms

__all__ = ["Arm", "Score", "read_arms"]
