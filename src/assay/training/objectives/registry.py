"""Finds an objective by its name: the modules of this package that define `method`."""

import functools
import importlib
import pkgutil

import assay.training.objectives as package
from assay.errors import UserError
from assay.training.objectives.method import Method

BASELINE = "+baseline"


@functools.cache
def objective_names() -> tuple[str, ...]:
    """Return the names of all objectives."""
    found = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return tuple(name for name in found if hasattr(importlib.import_module(f"{package.__name__}.{name}"), "method"))


def find_method(word: str) -> Method:
    """Return the method that `word` names: NAME or NAME:ARGUMENT, with `+baseline` for weights that are centred.

    Raises UserError for a name or an argument that there is not.
    """
    plain = word.removesuffix(BASELINE)
    name, _, argument = plain.partition(":")
    if name not in objective_names():
        raise UserError(f"There is no objective {name!r}: choose one of {', '.join(objective_names())}.")
    try:
        method: Method = importlib.import_module(f"{package.__name__}.{name}").method(argument)
        return method.with_baseline() if word.endswith(BASELINE) else method
    except ValueError as error:
        raise UserError(f"The objective {word!r} is wrong: {error}") from error
