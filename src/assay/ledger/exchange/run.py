"""A ledger to be written in another format: its entries in the order of the plan, and names for their groups."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from assay.errors import UserError
from assay.ledger.exchange.entry import Entry
from assay.ledger.exchange.mini import file_name
from assay.ledger.reading import LedgerReader
from assay.nouns import Attempt, PlannedAttempt, Trajectory

_NAME = "ledger.sqlite"
UNFINISHED = "planned attempts without a result"
SILENT = "attempts without a trajectory"


@dataclass
class Written:
    """What was written: how many attempts and files, and how many had no place in the format, and why."""

    attempts: int = 0
    files: int = 0
    left: Counter[str] = field(default_factory=Counter)


class Run:
    """A ledger opened for reading; `arms` are the only ones wanted where there are any."""

    def __init__(self, path: Path, arms: Sequence[str] = ()) -> None:
        """Open a run's folder or its ledger. Raises UserError where there is none, or it lacks one of the arms."""
        ledger = path / _NAME if os.path.isdir(path) else path
        if not os.path.isfile(ledger):
            raise UserError(f"there is no run in {path} (it holds no {_NAME}): name a run's folder or its ledger")
        self.ledger, self.name = ledger, (ledger.resolve().parent.name or "run")
        self.reader = LedgerReader(ledger)
        self._arms = frozenset(arms)
        known = {cell.arm for cell in self.reader.coverage()}
        if missing := sorted(self._arms - known):
            raise UserError(f"{path} has no arm {missing[0]!r}: it has {', '.join(sorted(known))}")
        self._tokenizers = self.reader.tokenizers()

    def planned(self) -> Iterator[PlannedAttempt]:
        """Yield the plan in its order."""
        return (plan for plan in self.reader.planned() if not self._arms or plan.arm in self._arms)

    def entries(self) -> Iterator[Entry]:
        """Yield every planned attempt in the order of the plan, with its result and trajectory where there are any."""
        recorded = self.reader.recorded(0, self.reader.last_position())
        found = next(recorded, None)
        for plan in self.reader.planned():
            mine = found if found is not None and found[1].plan == plan else None
            if mine is not None:
                found = next(recorded, None)
            if self._arms and plan.arm not in self._arms:
                continue
            attempt, trajectory = (mine[1], mine[2]) if mine is not None else (None, None)
            tokenizer = self._tokenizers.get(plan.arm, "")
            yield Entry(self.name, plan, attempt, trajectory, ours=True, tokenizer=tokenizer)

    def told(self, written: Written) -> Iterator[tuple[Entry, Attempt, Trajectory]]:
        """Yield the entries of which there is a trajectory, with it; the others are counted in `written.left`."""
        for entry in self.entries():
            if entry.attempt is None or entry.trajectory is None:
                written.left[UNFINISHED if entry.attempt is None else SILENT] += 1
            else:
                yield entry, entry.attempt, entry.trajectory

    @cached_property
    def _varying(self) -> tuple[str, ...]:
        seen: dict[str, set[object]] = {name: set() for name in ("arm", "seed", "dose", "split", "trial")}
        for plan in self.planned():
            for name, values in seen.items():
                values.add(getattr(plan, name))
        return tuple(name for name, values in seen.items() if len(values) > 1)

    def label(self, plan: PlannedAttempt, *, trials: bool) -> str:
        """Return a name for the group of an attempt, from what differs in the run; "" where nothing does.

        A group is an arm, seed, dose and split; with `trials` also a trial, so that a task is in it once.
        """
        words = []
        for name in self._varying:
            value = getattr(plan, name)
            if name in ("arm", "split"):
                words.append(file_name(str(value)))
            elif name != "trial" or trials:
                words.append(f"{name}{value}")
        return "-".join(words)


def fresh(out: Path) -> None:
    """Raise UserError where something is written already at `out`."""
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} holds something already: name another folder with --out")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} exists already: name another file with --out")


def unwritable(path: Path, error: OSError) -> UserError:
    """Return the sentence for a place that cannot be written."""
    return UserError(f"{path} cannot be written ({error.strerror or error}): free space or name another with --out")
