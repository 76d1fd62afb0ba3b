"""The sources: each module here reads one package; a new source is one new file."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.errors import UserError

Reader = Callable[[Path], Iterator[SourceText]]


def source_names() -> list[str]:
    """Return the names of all sources: the modules of this folder that are not helpers."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__) if not each.name.startswith("_"))


def load_source(name: str) -> Reader:
    """Return the `documents` function of the source with this name."""
    if name not in source_names():
        raise UserError(f"There is no corpus source {name}; use one of {', '.join(source_names())}.")
    reader: Reader = importlib.import_module(f"{__name__}.{name}").documents
    return reader
