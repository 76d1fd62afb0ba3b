"""Cases: the attempts of a run, a ledger, or files of other tools, read one at a time; what is broken is counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from assay.audit.findings import Case
from assay.errors import UserError
from assay.ledger.browse import AUDIT
from assay.ledger.exchange.entry import Account, Entry, value_of
from assay.ledger.reading import LedgerReader
from assay.nouns import Attempt, PlannedAttempt, Task, Trajectory

_LEDGERS = ("ledger.sqlite", "teacher.sqlite")
_BLOCK = 256  # attempts that are read at once


@dataclass(frozen=True)
class Record:
    """One planned attempt as it was read; `attempt` is None where it has no final row, `name` is what it is called."""

    name: str
    plan: PlannedAttempt
    attempt: Attempt | None
    trajectory: Trajectory | None
    task: Task | None = None

    def case(self) -> Case:
        """Return what a detector sees of it."""
        attempt, trajectory = self.attempt, self.trajectory
        return Case(
            attempt=self.name,
            task_id=self.plan.task_id,
            task=self.task,
            trajectory=trajectory,
            patch="" if trajectory is None else trajectory.diff,
            status=None if attempt is None else attempt.status.value,
            value=None if attempt is None else value_of(attempt),
            arm=self.plan.arm,
        )


@dataclass
class Source:
    """What is audited: a ledger (`ledger` names it), or files. `account` counts what could not be read."""

    path: Path
    ledger: Path | None
    format: str
    account: Account = field(default_factory=Account)

    @property
    def findings(self) -> Path:
        """Where the findings are written if nothing else is said: beside the ledger, or beside the files."""
        if self.ledger is not None:
            return self.ledger.with_name(AUDIT)
        return self.path.resolve().with_name(f"{self.path.resolve().name}.{AUDIT}")

    def ranges(self) -> list[tuple[int, int]]:
        """Return the positions of a ledger's plan in blocks, both ends in; one empty block for files."""
        if self.ledger is None:
            return [(0, 0)]
        with LedgerReader(self.ledger) as reader:
            last = reader.last_position()
        return [(first, min(first + _BLOCK - 1, last)) for first in range(1, last + 1, _BLOCK)]

    def records(self, first: int = 0, last: int = 0) -> Iterator[Record]:
        """Yield the attempts in a range of the plan, or all of the files. Those without a final row are left out."""
        if self.ledger is not None:
            yield from _of_ledger(self.ledger, first, last, self.account)
        else:
            for entry in self._entries():
                yield _of_entry(entry)

    def plan(self) -> Iterator[tuple[str, PlannedAttempt]]:
        """Yield the plan with the names of the attempts; of files it is what they hold."""
        if self.ledger is not None:
            with LedgerReader(self.ledger) as reader:
                for planned in reader.planned():
                    yield planned.id, planned

    def _entries(self) -> Iterator[Entry]:
        from assay.ledger.exchange.registry import named

        try:
            yield from named(self.format).read(self.path, self.account)
        except UserError as error:  # it stops in the middle of a file: what came before counts
            self.account.fault(self.path.name, error)
        except (OSError, ValueError, RecursionError) as error:
            self.account.fault(self.path.name, error)


def open_source(path: Path) -> Source:
    """Return what lies at `path`: a run's directory, a ledger, or files of a known format. Raises UserError."""
    if not path.exists():
        raise UserError(f"there is no {path}: name a run's directory, a ledger, or a file or folder of trajectories")
    if path.is_dir():
        for name in _LEDGERS:
            if (path / name).is_file():
                return Source(path, path / name, "ledger")
    elif _is_sqlite(path):
        return Source(path, path, "ledger")
    from assay.ledger.exchange.registry import detected

    return Source(path, None, detected(path).NAME)


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(16).startswith(b"SQLite format 3")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}): mend its permissions") from error


def _of_entry(entry: Entry) -> Record:
    name = entry.plan.id if entry.ours else entry.where
    return Record(name, entry.plan, entry.attempt, entry.trajectory)


def _of_ledger(path: Path, first: int, last: int, account: Account) -> Iterator[Record]:
    """Yield the recorded attempts of a range; where one of them is damaged, the others singly."""
    with LedgerReader(path) as reader:
        task = lru_cache(maxsize=256)(reader.task)
        try:
            found = list(reader.recorded(first, last))
        except UserError:
            found = []
            for position in range(first, last + 1):
                try:
                    found += reader.recorded(position, position)
                except UserError as error:
                    account.fault(f"position {position}", error)
        for _, attempt, trajectory in found:
            try:
                kept = task(attempt.plan.task_id)
            except UserError as error:
                account.fault(f"task {attempt.plan.task_id}", error)
                kept = None
            yield Record(attempt.plan.id, attempt.plan, attempt, trajectory, kept)
