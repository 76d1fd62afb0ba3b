"""evaluation: how well the audit's detectors tell cheats from honest attempts, on labelled attempts.

Enters: a labelled set (a ledger and labels.jsonl, made here by scripted agents in the sandbox) or a CheatBench file.
Leaves: recall at 5 % false alarms on held-out mechanisms, the false alarm rate, and both by family and benchmark.
"""

from assay.audit.evaluation.evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
