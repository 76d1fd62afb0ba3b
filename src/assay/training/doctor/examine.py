"""The registry of checks: every module of `checks/`, in order of name, asked what it needs before it is run."""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType

import assay.training.doctor.checks
from assay.errors import AssayError
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import MISSING, Patient


@functools.cache
def modules() -> tuple[ModuleType, ...]:
    """Return the modules of the checks.

    Each has `NEEDS`, which of a patient's parts it reads (see `Patient.has`), and `check(patient)`, which yields
    its findings, each under the name of the module or one that begins with it.
    """
    package = assay.training.doctor.checks
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return tuple(importlib.import_module(f"{package.__name__}.{name}") for name in names)


def examine(patient: Patient, tell: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """Run every check. `tell` is called with a check's name before it starts.

    A check whose parts are missing is skipped and says which; a part that cannot be read is a failure of the
    check that needs it, and its sentence the advice.
    """
    found: list[Finding] = []
    for module in modules():
        name = module.__name__.rpartition(".")[2]
        missing = [part for part in module.NEEDS if not patient.has(part)]
        if missing:
            why = "; ".join(MISSING[part] for part in missing)
            found.append(Finding(check=name, status=Status.SKIPPED, advice=f"Not looked at: {why}."))
            continue
        tell(name)
        found += _run(name, module.check(patient))
    return found


def _run(name: str, findings: Iterator[Finding]) -> list[Finding]:
    done: list[Finding] = []
    try:
        done.extend(findings)
    except AssayError as error:
        done.append(Finding(check=name, status=Status.FAIL, value="unreadable", advice=str(error)))
    if not done:
        done.append(Finding(check=name, status=Status.SKIPPED, advice="Not looked at: nothing that it reads is here."))
    return done
