"""Finds the module of a format by its name, or by what a file or folder holds."""

import importlib
import os
import pkgutil
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Protocol, cast

from assay.errors import UserError
from assay.ledger.exchange import formats
from assay.ledger.exchange.entry import Account, Entry
from assay.ledger.exchange.run import Run, Written
from assay.ledger.exchange.sniff import files, shut


class Format(Protocol):
    """A format of others: what it is called, and both ways."""

    NAME: str
    WHAT: str
    RANK: int

    def holds(self, path: Path) -> bool:
        """Whether a file or folder looks like it; what is asked first has the lower RANK."""

    def read(self, path: Path, account: Account) -> Iterator[Entry]:
        """Yield the attempts, one at a time. What cannot be read is counted in `account` and the rest goes on."""

    def write(self, run: Run, out: Path) -> Written:
        """Write the run to a place where nothing is yet. Raises UserError where it cannot be."""


@cache
def known() -> dict[str, Format]:
    """Return the formats by name, in the order in which they are asked."""
    found = [
        cast(Format, importlib.import_module(f"{formats.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(formats.__path__)
    ]
    return {each.NAME: each for each in sorted(found, key=lambda each: (each.RANK, each.NAME))}


def named(word: str) -> Format:
    """Return a format by its name. Raises UserError."""
    found = known().get(word)
    if found is None:
        raise UserError(f"there is no format {word!r}: there are {', '.join(sorted(known()))}")
    return found


def detected(path: Path) -> Format:
    """Return the format of a file or folder. Raises UserError where it is none of the known ones."""
    for each in known().values():
        if each.holds(path):
            return each
    closed = (
        f"{file} cannot be read: mend its permissions" for file in files(path, "*") if not os.access(file, os.R_OK)
    )
    if why := next(chain(map(str, shut(path)), closed), ""):
        raise UserError(f"{path} is of no format that is known, as far as it can be read: {why}")
    every = "; ".join(f"{each.NAME}: {each.WHAT}" for each in known().values())
    raise UserError(f"{path} is of no format that is known ({every}): name one with --from")
