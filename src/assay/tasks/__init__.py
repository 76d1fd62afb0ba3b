"""tasks: where tasks come from, and which are let in.

Enters: the name of a source, a split, a count and a seed. Leaves: Tasks that a grader can decide.
A new source is a new module or package here with `load(split, count, seed, **options) -> list[Task]`.
"""

import importlib
import pkgutil
from types import ModuleType

from assay.errors import UserError

__all__ = ["source", "sources"]


def sources() -> list[str]:
    """Return the names of the sources that are here: the packages of this room."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if info.ispkg)


def source(name: str) -> ModuleType:
    """Return the source called `name`, a module with `load(split, count, seed, **options)`."""
    if name not in sources():
        raise UserError(f"there is no task source {name!r}: choose one of {', '.join(sources())}")
    return importlib.import_module(f"{__name__}.{name}")
