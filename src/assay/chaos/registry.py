"""Finds faults by their names: the subclasses of `Fault` in the modules of `assay.chaos.faults`."""

import functools
import importlib
import pkgutil

import assay.chaos.faults as package
from assay.chaos.fault import Fault
from assay.errors import UserError


@functools.cache
def _known() -> dict[str, type[Fault]]:
    found: dict[str, type[Fault]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, Fault) and "name" in vars(each):
                found[each.name] = each
    return dict(sorted(found.items()))


def fault_names() -> tuple[str, ...]:
    """Return the names of all faults, sorted."""
    return tuple(_known())


def find_fault(name: str) -> Fault:
    """Return the fault of this name. Raises UserError where there is none."""
    if name not in _known():
        raise UserError(f"there is no fault {name!r}: choose of {', '.join(fault_names())}")
    return _known()[name]()
