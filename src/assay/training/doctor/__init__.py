"""The doctor: looks at a run, a training set or a checkpoint and says in words what is wrong with it.

Enters: a directory. Leaves: one finding or more a check, each with a status, what was measured, and advice.
A check is one module in `checks/`, found there; it changes nothing and sends nothing anywhere.
"""

from assay.training.doctor.examine import examine
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

__all__ = ["Finding", "Patient", "Status", "examine"]
