"""The ledger: the append-only record of what was planned and what happened, one SQLite file a run.

Enters: plans, attempts, trajectories. Leaves: the same, read back; statistics and reports use nothing else.
"""

from assay.ledger.store import Ledger

__all__ = ["Ledger"]
