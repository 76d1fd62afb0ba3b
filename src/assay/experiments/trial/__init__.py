"""Uplift trials: does a tool make people faster? Work items are drawn to conditions, times recorded, the effect read.

Enters: a list of work items, then what happens to each. Leaves: a register that only grows, and an analysis of it.
"""

from assay.experiments.trial.analysis import Analysis, analyse
from assay.experiments.trial.register import Item, Register
from assay.experiments.trial.rows import Row, rows_of_csv, rows_of_register

__all__ = ["Analysis", "Item", "Register", "Row", "analyse", "rows_of_csv", "rows_of_register"]
