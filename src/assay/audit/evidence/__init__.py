"""Evidence: one family of cheats a module, each with a function `detect(view)`; found here by their presence.

Enters: a View of one attempt. Leaves: Findings, each with the step and the line.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable

from assay.audit.findings import Finding
from assay.audit.views import View

Detector = Callable[[View], Iterable[Finding]]


@functools.cache
def detectors() -> dict[str, Detector]:
    """Return the detectors by name: every module of this package, unless its name starts with an underscore."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    return {name: importlib.import_module(f"{__name__}.{name}").detect for name in names}
