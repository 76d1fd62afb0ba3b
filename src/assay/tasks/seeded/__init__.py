"""seeded: bugs seeded into functions of real packages, decided by the packages' own tests. No model trains on it.

Enters: the split "test", a count, a seed. Leaves: Tasks, the same for the same call, and their read-only trees in
the cache. The pinned source distributions are downloaded with pip the first time. How it is made: docs/tasks.md.
"""

from assay.tasks.seeded.load import SPLITS, load

__all__ = ["SPLITS", "load"]
