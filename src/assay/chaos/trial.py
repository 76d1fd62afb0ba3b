"""One disturbed run: drives with faults on one run's folder, then a restart without, and the laws after each."""

import random
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.chaos import laws, remains
from assay.chaos.drive import SEED, Drive, Note, drives
from assay.chaos.endpoint import Endpoint
from assay.chaos.fault import Fault
from assay.chaos.laws import Law
from assay.errors import MachineryError
from assay.nouns import Task
from assay.tasks.drills import load

TURNS = 3  # requests of the common attempt
_SPARE = 4
_A_DRIVE = 3


@dataclass(frozen=True)
class Bench:
    """What trials share: the endpoint, its tasks, and how each ends in an undisturbed run."""

    endpoint: Endpoint
    tasks: Sequence[Task]
    undisturbed: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """What came of one trial. `name` and `seed` repeat it; `laws` has what broke each, nothing where it held."""

    name: str
    seed: int
    notes: tuple[Note, ...]
    laws: Mapping[Law, tuple[str, ...]]
    exits: tuple[int, ...]
    wall_s: float
    skipped: str = ""

    @property
    def broken(self) -> list[Law]:
        """The laws that did not hold."""
        return [law for law, why in self.laws.items() if why]


def tasks_for(count: int) -> list[Task]:
    """Return the tasks of a disturbed run, those that `assay solve --tasks drills --limit COUNT` draws."""
    return list(load("train", count, SEED))


def count_for(drives_in_all: int) -> int:
    """Return how many tasks a run has, so that there is work left for the last of its drives."""
    return _SPARE + _A_DRIVE * drives_in_all


@dataclass
class _Trial:
    bench: Bench
    faults: Sequence[Fault]
    draw: random.Random
    place: Path
    tasks: int
    told: list[tuple[str, int, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    own: dict[str, frozenset[str]] = field(default_factory=dict)
    found: dict[Law, list[str]] = field(default_factory=lambda: {law: [] for law in Law})

    def break_(self, law: Law, why: list[str], when: str) -> None:
        self.found[law] += [f"{when}: {each}" for each in why]

    def act(self) -> None:
        """Make all drives."""
        dealt = drives(self.faults)
        for number, faults in enumerate(dealt):
            self._disturbed(number, faults)
        self._restart(len(dealt))

    def _drive(self, number: int, faults: Sequence[Fault]) -> Drive:
        rows = laws.rows_of(self.place / "run" / "ledger.sqlite")
        left = max(1, self.tasks - len({row.task_id for row in rows}))
        self.bench.endpoint.begin()
        drive = Drive(self.place, self.bench.endpoint, self.tasks, TURNS * left, faults=list(faults))
        drive.open = [task.id for task in self.bench.tasks[: self.tasks] if task.id not in {r.task_id for r in rows}]
        return drive

    def _ended(self, drive: Drive, number: int) -> int:
        """Run it; check what holds after every drive."""
        before = laws.rows_of(drive.ledger)
        status = drive.drive(number)
        output, said = drive.said(number)
        self.notes += drive.notes
        self.exits.append(status)
        self.pids |= drive.seen
        self.told += laws.told_by(output)
        after = laws.rows_of(drive.ledger)
        when = "after the restart" if not drive.faults else f"after drive {number + 1}"
        exits = frozenset({0}).union(*(fault.exits for fault in drive.faults))
        if any(row.status == "machinery" for row in after):
            exits |= {laws.MACHINERY_EXIT}
        self.break_(Law.PLAIN_WORDS, laws.plain_words(status, exits, said), when)
        self.break_(Law.PLAIN_WORDS, [drive.hung] if drive.hung else [], when)
        self.break_(Law.ONE_STATUS, laws.kept(before, after), when)
        may: frozenset[str] = frozenset().union(*(fault.may for fault in drive.faults))
        new = sorted({*after} - {*before})
        self.break_(Law.NO_FALSE_SCORE, laws.no_false_score(new, self.bench.undisturbed, may, drive.own), when)
        self.break_(Law.NOTHING_LEFT, drive.left + remains.mounts(self.place), when)
        if drive.broken or drive.endpoint.broken:
            raise MachineryError("; ".join([*drive.broken, *drive.endpoint.broken]))
        return status

    def _disturbed(self, number: int, faults: Sequence[Fault]) -> None:
        drive = self._drive(number, faults)
        with drive.stack:
            for fault in faults:
                fault.arm(drive, self.draw)
            self.own |= drive.own
            status = self._ended(drive, number)
        when = f"after drive {number + 1}"
        self.break_(Law.LEDGER_WHOLE, laws.ledger_whole(drive.ledger, whole=False), when)
        if status >= 0 and not any(fault.cluster for fault in faults):  # what is killed leaves it to the next one
            self.break_(Law.NOTHING_LEFT, self._files(drive), when)

    def _restart(self, number: int) -> None:
        drive = self._drive(number, ())
        drive.words.append("--retry-machinery")
        status = self._ended(drive, number)
        rows, when = laws.rows_of(drive.ledger), "after the restart"
        self.break_(Law.ONE_STATUS, laws.one_status(rows, laws.planned_of(drive.ledger), self.told, whole=True), when)
        wanted = {task.id: self.bench.undisturbed[task.id] for task in self.bench.tasks[: self.tasks]}
        self.break_(Law.FINISHES, laws.finishes(status, rows, wanted, self.own), when)
        self.break_(Law.LEDGER_WHOLE, laws.ledger_whole(drive.ledger, whole=True), when)
        self.break_(Law.NOTHING_LEFT, self._files(drive), when)

    def _files(self, drive: Drive) -> list[str]:
        return remains.files(drive.temporary) + remains.unfinished(drive.run) + remains.groups(self.pids)


def undisturbed(endpoint: Endpoint, tasks: Sequence[Task], folder: Path) -> Bench:
    """Run all tasks once without a fault; the statuses of that run are what is right."""
    place = Path(tempfile.mkdtemp(prefix="assay-chaos-", dir=folder))
    try:
        endpoint.begin()
        drive = Drive(place, endpoint, len(tasks), TURNS * len(tasks))
        status = drive.drive(0)
        rows = laws.rows_of(drive.ledger)
        left = drive.left + remains.mounts(place) + remains.files(drive.temporary) + remains.groups(drive.seen)
        if status or len(rows) != len(tasks) or left or endpoint.broken:
            why = "; ".join([*left, *endpoint.broken, *drive.said(0)[1].strip().splitlines()[-1:]])
            raise MachineryError(f"the run without faults ended with {status} and {len(rows)} rows: {why}")
        return Bench(endpoint, tasks, {row.task_id: row.status for row in rows})
    finally:
        shutil.rmtree(place)


def run_trial(faults: Sequence[Fault], seed: int, bench: Bench, folder: Path, *, keep: bool = False) -> Outcome:
    """Make one disturbed run in a folder of its own; `keep` leaves that behind where a law broke."""
    name = "+".join(fault.name for fault in faults)
    began = time.monotonic()
    if lack := next(filter(None, (fault.lacking() for fault in faults)), ""):
        return Outcome(name, seed, (), {}, (), 0.0, lack)
    place = Path(tempfile.mkdtemp(prefix="assay-chaos-", dir=folder))
    tasks = min(len(bench.tasks), count_for(len(drives(faults))))
    trial = _Trial(bench, faults, random.Random(f"{name}:{seed}"), place, tasks)
    try:
        trial.act()
    finally:
        if not (keep and any(trial.found.values())):
            shutil.rmtree(place)
    found = {law: tuple(why) for law, why in trial.found.items()}
    return Outcome(name, seed, tuple(trial.notes), found, tuple(trial.exits), round(time.monotonic() - began, 2))
