"""Experiments: arms compared on the same tasks, declared in one file; they compose the rooms before.

Enters: an experiment file and a scale. Leaves: a run directory with the ledger, checkpoints and the report.
"""
