"""Rollout: many attempts at once, each ending in exactly one status in the ledger.

Enters: planned attempts, tasks, an agent, a model. Leaves: rows in the ledger, those already there left alone.
"""

from assay.rollout.attempts import run_attempts

__all__ = ["run_attempts"]
