"""The numbers of a run for its page: the plan's cells and their intervals, read in pages and kept while they hold."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from assay.errors import UserError
from assay.ledger.browse import Row
from assay.ledger.reading import LedgerReader
from assay.nouns import Status
from assay.report.measures import Measures, measure
from assay.report.record import NOT_PLANNED, NOT_RECORDED, STATUSES, Cell, InstanceSet, Record, ordered
from assay.report.shelf import Shelf
from assay.report.web.runs import Run

_PAGE = 5_000
_NUMBER = {status.value: number for number, status in enumerate(STATUSES)}
_FACTS = ("experiment", "machine", "solve", "identity")
_MOST_CELLS = 400  # arms x doses x splits beyond which no interval is drawn: they would take minutes


@dataclass(frozen=True)
class Measured:
    """A run's record and measures, when they were made and what that took in seconds; no measures for a huge plan."""

    record: Record
    measures: Measures | None
    stamp: tuple[int, ...]
    made: float
    took: float


class Kept:
    """Measures of several runs, each made once for a state of its ledger, and not oftener than a tenth of the time."""

    def __init__(self) -> None:
        self._found: dict[str, Measured] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, run: Run) -> Measured:
        """Return the measures of a run; they may be some seconds old while it is at work."""
        with self._lock:
            lock = self._locks.setdefault(run.slug, threading.Lock())
        with lock:
            old = self._found.get(run.slug)
            stamp = run.stamp()
            fresh = old is not None and (old.stamp == stamp or time.time() - old.made < 10 * old.took)
            if old is None or not fresh:
                old = self._found[run.slug] = _measured(run, stamp)
            return old


def _measured(run: Run, stamp: tuple[int, ...]) -> Measured:
    began = time.time()
    with run.open() as reader:
        record = record_of(reader)
    measures = measure(record) if 0 < len(record.cells) <= _MOST_CELLS else None
    return Measured(record, measures, stamp, time.time(), time.time() - began)


def record_of(reader: LedgerReader) -> Record:
    """Return what the ledger holds, without its traces. Raises UserError where its rows contradict its plan."""
    facts: dict[str, Any] = {name: reader.fact(name) for name in _FACTS}
    experiment = facts["experiment"] if isinstance(facts["experiment"], dict) else {}
    held = list(_thin(reader.rows()))
    arms = ordered([a.get("name") for a in experiment.get("arms") or () if isinstance(a, dict)], [r[0] for r in held])
    splits = tuple(dict.fromkeys(r[4] for r in held))
    seeds = tuple(sorted({r[1] for r in held}))
    doses = tuple(sorted({r[2] for r in held}))
    trials = {trial: n for n, trial in enumerate(sorted({r[5] for r in held}))}
    tasks_of: dict[str, dict[str, int]] = {split: {} for split in splits}
    for _, _, _, task, split, *_ in held:
        tasks_of[split].setdefault(task, len(tasks_of[split]))
    place = {seed: n for n, seed in enumerate(seeds)}
    cells: dict[tuple[str, int, str], Cell] = {}
    for arm, seed, dose, task, split, trial, status in held:
        key = (arm, dose, split)
        if key not in cells:
            shape = (len(seeds), len(tasks_of[split]), len(trials))
            cells[key] = Cell(np.full(shape, NOT_PLANNED, np.int8), np.zeros(shape, np.bool_))
        if status is not None and status not in _NUMBER:
            raise UserError(f"The ledger holds the status {status!r}: it was written by another version; update assay")
        number = NOT_RECORDED if status is None else _NUMBER[status]
        cells[key].status_STK[place[seed], tasks_of[split][task], trials[trial]] = number
    sets = {split: InstanceSet(split, tuple(tasks), 0, "") for split, tasks in tasks_of.items()}
    known = {name: fact for name, fact in facts.items() if fact is not None}
    return Record(known, arms, doses, splits, seeds, sets, cells, Shelf())


def _thin(every: Iterator[Row]) -> Iterator[tuple[str, int, int, str, str, int, str | None]]:
    names: dict[str, str] = {}  # one string for each name, however many rows have it
    while part := list(islice(every, _PAGE)):
        for row in part:
            arm, task, split = (names.setdefault(word, word) for word in (row.arm, row.task_id, row.split))
            yield arm, row.seed, row.dose, task, split, row.trial, row.status


def status_words() -> tuple[str, ...]:
    """Return the statuses in the order that tables show them."""
    return tuple(status.value for status in Status)
