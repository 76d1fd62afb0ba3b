"""Executors: where jobs run, in this process, in worker processes beside it, or on a Ray cluster.

Enters: jobs, each an async generator function with its arguments. Leaves: what they yield, as it comes, to the driver,
which alone writes the ledger. A job that is tried again may give a result twice: who records, records by plan id.
"""

from assay.executors.base import Arrived, Asking, Executor, Job, Jobs, Lost, Made, Needs, Over, Setting, arrived
from assay.executors.chosen import open_executor
from assay.executors.local import InProcess
from assay.executors.processes import Processes
from assay.executors.telling import Returned, telling

__all__ = [
    "Arrived",
    "Asking",
    "Executor",
    "InProcess",
    "Job",
    "Jobs",
    "Lost",
    "Made",
    "Needs",
    "Over",
    "Processes",
    "Returned",
    "Setting",
    "arrived",
    "open_executor",
    "telling",
]
