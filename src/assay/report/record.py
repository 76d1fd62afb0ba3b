"""What the ledger holds, in one pass: the plan's axes, a small table for each cell, the facts, a shelf."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.ledger import Ledger
from assay.nouns import Status
from assay.nouns.base import digest
from assay.report.shelf import Shelf

STATUSES = tuple(Status)
_NUMBER = {status: number for number, status in enumerate(STATUSES)}
_SOLVED, _MACHINERY, _CHEATED = (_NUMBER[s] for s in (Status.SOLVED, Status.MACHINERY, Status.CHEATED))
NOT_RECORDED = -1
NOT_PLANNED = -2


@dataclass(frozen=True)
class Cell:
    """The attempts of one arm at one dose on one split: seeds x tasks x trials of the whole run.

    `status_STK` holds the number of a status, or NOT_RECORDED, or NOT_PLANNED.
    """

    status_STK: NDArray[np.int8]
    test_only_STK: NDArray[np.bool_]

    @property
    def planned(self) -> int:
        """How many attempts were planned."""
        return int((self.status_STK != NOT_PLANNED).sum())

    @property
    def missing(self) -> int:
        """How many planned attempts have no row yet."""
        return int((self.status_STK == NOT_RECORDED).sum())

    @property
    def valid(self) -> int:
        """How many attempts have a score: recorded, and not failed by our machinery."""
        return int(self._valid().sum())

    def _valid(self) -> NDArray[np.bool_]:
        return (self.status_STK >= 0) & (self.status_STK != _MACHINERY)

    def count(self, status: Status) -> int:
        """How many attempts ended with `status`."""
        return int((self.status_STK == _NUMBER[status]).sum())

    def scores(self, cheat: float = 0.0) -> NDArray[np.float64]:
        """Return scores_STK: 1 solved, 0 not, NaN where there is none; a cheat scores `cheat` (may be NaN)."""
        scores = np.where(self._valid(), (self.status_STK == _SOLVED).astype(float), np.nan)
        return np.where(self.status_STK == _CHEATED, cheat, scores)

    def marks(self, hit_STK: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return 1 where `hit_STK`, 0 where not, NaN where the attempt has no score."""
        return np.where(self._valid(), hit_STK.astype(float), np.nan)

    def is_status(self, status: Status) -> NDArray[np.bool_]:
        """Return where attempts ended with `status`."""
        return self.status_STK == _NUMBER[status]


@dataclass(frozen=True)
class InstanceSet:
    """The tasks of one split as the plan lists them: how many, of how many families, and the hash of them all."""

    split: str
    tasks: tuple[str, ...]
    families: int
    hash: str


@dataclass(frozen=True)
class Record:
    """All that the report is made from. Arms, doses, splits and seeds are in the order that is shown."""

    facts: Mapping[str, Any]
    arms: tuple[str, ...]
    doses: tuple[int, ...]
    splits: tuple[str, ...]
    seeds: tuple[int, ...]
    sets: Mapping[str, InstanceSet]
    cells: Mapping[tuple[str, int, str], Cell]
    shelf: Shelf

    def fact(self, name: str) -> dict[str, Any]:
        """Return the named fact, or an empty one where it was not recorded."""
        value = self.facts.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def experiment(self) -> dict[str, Any]:
        """The fact `experiment`."""
        return self.fact("experiment")

    @property
    def top(self) -> int | None:
        """The largest dose, or None where nothing is planned."""
        return max(self.doses, default=None)

    @property
    def margin(self) -> float | None:
        """The margin of equivalence in score points, stated with the experiment."""
        margin = self.experiment.get("margin")
        return float(margin) if isinstance(margin, int | float) and 0 < margin < 1 else None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of arms (a, b) whose difference a - b the experiment asks for."""
        known = set(self.arms)
        listed = (tuple(pair) for pair in self.experiment.get("pairs") or ())
        return tuple((p[0], p[1]) for p in listed if len(p) == 2 and set(p) <= known)

    def statuses(self) -> Counter[Status]:
        """Count the attempts of the whole run by status."""
        return Counter({s: sum(cell.count(s) for cell in self.cells.values()) for s in STATUSES})

    @property
    def planned(self) -> int:
        """How many attempts the whole run plans."""
        return sum(cell.planned for cell in self.cells.values())

    @property
    def missing(self) -> int:
        """How many of them have no row yet."""
        return sum(cell.missing for cell in self.cells.values())


def ordered(named: list[Any], seen: list[Any]) -> tuple[Any, ...]:
    """What the experiment names in its order, then what only the plan has, in its order."""
    known = dict.fromkeys(seen)
    return tuple(dict.fromkeys([each for each in named if each in known] + list(known)))


def read(ledger: Ledger) -> Record:
    """Read the ledger once, attempt by attempt."""
    facts = ledger.facts()
    experiment = facts.get("experiment") or {}
    plan = ledger.planned()
    arms = ordered([arm["name"] for arm in experiment.get("arms") or ()], [p.arm for p in plan])
    splits = tuple(dict.fromkeys(p.split for p in plan))  # the plan's order: facts forget that of their names
    seeds = tuple(sorted({p.seed for p in plan}))
    doses = tuple(sorted({p.dose for p in plan}))
    trials = max((p.trial for p in plan), default=0) + 1

    tasks_of: dict[str, dict[str, int]] = {split: {} for split in splits}
    for p in plan:
        tasks_of[p.split].setdefault(p.task_id, len(tasks_of[p.split]))
    row = {seed: index for index, seed in enumerate(seeds)}
    cells: dict[tuple[str, int, str], Cell] = {}
    for p in plan:
        key = (p.arm, p.dose, p.split)
        if key not in cells:
            shape = (len(seeds), len(tasks_of[p.split]), trials)
            cells[key] = Cell(np.full(shape, NOT_PLANNED, np.int8), np.zeros(shape, np.bool_))
        cells[key].status_STK[row[p.seed], tasks_of[p.split][p.task_id], p.trial] = NOT_RECORDED

    shelf = Shelf()
    for attempt in ledger.attempts():
        p = attempt.plan
        place = (row[p.seed], tasks_of[p.split][p.task_id], p.trial)
        cell = cells[p.arm, p.dose, p.split]
        cell.status_STK[place] = _NUMBER[attempt.status]
        cell.test_only_STK[place] = attempt.test_only
        shelf.offer(attempt)
    return Record(facts, arms, doses, splits, seeds, _sets(ledger, tasks_of), cells, shelf)


def _sets(ledger: Ledger, tasks_of: Mapping[str, Mapping[str, int]]) -> dict[str, InstanceSet]:
    known = {task.id: (task.digest, task.source, task.family) for task in ledger.tasks()}
    sets = {}
    for split, tasks in tasks_of.items():
        held = [known[task] for task in tasks if task in known]
        # Without the tasks themselves (an imported ledger) their names are what there is to hash.
        identity = digest(sorted(known[task][0] if task in known else task for task in tasks))
        sets[split] = InstanceSet(split, tuple(tasks), len({entry[1:] for entry in held}), identity)
    return sets
