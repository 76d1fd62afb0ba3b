"""Grading: what counts. One module a kind of check, one contract for all (docs/grading.md).

Enters: a task and the declared outputs of an attempt, as text. Leaves: a Verdict, whose value exists only
when our own machinery worked. A new kind is a new module with `async def check(task, outputs) -> Verdict`.
"""

from assay.grading.registry import grade, kinds

__all__ = ["grade", "kinds"]
