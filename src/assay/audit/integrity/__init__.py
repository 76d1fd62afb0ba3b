"""Integrity: the run as a whole. One question a module, each with `check(run)`; found here by their presence.

Enters: the tally of a run, its tasks and its facts. Leaves: Findings of the kind "integrity", on the run or its arms.
"""

import importlib
import pkgutil
from collections.abc import Iterator

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun

__all__ = ["AuditedRun", "checked"]


def checked(run: AuditedRun) -> Iterator[Finding]:
    """Yield what every check found."""
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")):
        yield from importlib.import_module(f"{__name__}.{module}").check(run)
