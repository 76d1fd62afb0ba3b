"""audit: which graders are weak, who cheated, what leaked, and how an agent went about its work.

Enters: tasks, or what a ledger holds. Leaves: numbers with intervals, findings, and the evidence for each.
"""

from assay.audit.findings import Case, Finding, cheat_score, findings, flagged

__all__ = ["Case", "Finding", "cheat_score", "findings", "flagged"]
