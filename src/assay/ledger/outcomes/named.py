"""Finds the reader of a file by what it holds, and the arms that a word names."""

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from assay.errors import UserError
from assay.ledger.exchange.sniff import unreadable
from assay.ledger.outcomes import formats
from assay.ledger.outcomes.arms import Arm
from assay.ledger.outcomes.formats import predicted


class _Reader(Protocol):
    WHAT: str

    def holds(self, path: Path) -> bool: ...

    def read(self, path: Path) -> list[Arm]: ...


def _readers() -> list[_Reader]:
    """Return the modules of `formats`, in the order of their names."""
    found = pkgutil.iter_modules(formats.__path__)
    return [cast(_Reader, importlib.import_module(f"{formats.__name__}.{module.name}")) for module in found]


def read_arms(word: str) -> list[Arm]:
    """Return the arms of `PATH`, of `NAME=PATH` under that name, or the one arm that `PATH:ARM` names.

    `PREDS+RESULTS` is the arm of SWE-bench's predictions with the results of their evaluation.
    Raises UserError where there is no such file, it cannot be read, no reader knows it, or it has no such arm.
    """
    try:
        return _arms(word)
    except OSError as error:
        raise unreadable(Path(error.filename or word), error) from error


def _arms(word: str) -> list[Arm]:
    name, equals, rest = word.partition("=")
    if not equals or "/" in name or Path(word).exists():
        name, rest = "", word
    path, wanted = Path(rest), ""
    joined = _joined(rest) if not path.exists() else None
    if joined is not None:
        return [joined.named(name) if name else joined]
    if not path.exists() and ":" in rest:
        before, _, wanted = rest.rpartition(":")
        path = Path(before)
    if not path.exists():
        raise UserError(f"there is no {path}: name a run, a log, a report or a table of outcomes")
    every = _read(path)
    known = ", ".join(arm.name for arm in every)
    arms = [arm for arm in every if wanted in ("", arm.name)]
    if not arms:
        raise UserError(f"{path} has no arm {wanted!r}: it has {known}")
    if name and len(arms) > 1:
        raise UserError(f"{path} has several arms ({known}), so {name!r} names none: add :ARM to the path")
    return [arm.named(name) for arm in arms] if name else arms


def _joined(word: str) -> Arm | None:
    """Return the arm of `PREDS+RESULTS`, where the parts of the word about some "+" are two files that are there."""
    for place in (number for number, letter in enumerate(word) if letter == "+"):
        preds, results = Path(word[:place]), Path(word[place + 1 :])
        if word[place + 1 :] and preds.is_file() and results.exists():
            return predicted.join(preds, _read(results), results)
    return None


def _read(path: Path) -> list[Arm]:
    readers = _readers()
    for reader in readers:
        if reader.holds(path):
            return reader.read(path)
    known = "; ".join(reader.WHAT for reader in readers)
    raise UserError(f"{path} is nothing whose outcomes can be read: what can be is {known}")
