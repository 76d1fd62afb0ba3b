"""drills: procedural bug-fixing tasks, small enough for a model of two million parameters.

Enters: a split (train, seen, unseen), a count, a seed. Leaves: a list of Tasks, the same for the same call.
How to add a template: docs/tasks.md.
"""

from assay.tasks.drills.stream import SPLITS, load

__all__ = ["SPLITS", "load"]
