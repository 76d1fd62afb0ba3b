"""Many disturbed runs, by name or at random, and the report on all of them."""

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.chaos.answers import Answers
from assay.chaos.drive import drives
from assay.chaos.endpoint import serving
from assay.chaos.fault import Fault
from assay.chaos.registry import fault_names, find_fault
from assay.chaos.trial import Outcome, count_for, run_trial, tasks_for, undisturbed

TOGETHER = 4  # faults that share a run at most


@dataclass(frozen=True)
class Report:
    """What came of all runs."""

    outcomes: tuple[Outcome, ...]

    @property
    def injected(self) -> int:
        """How many faults were injected; one that came too late is none."""
        return sum(each["injected"] for each in self.faults.values())

    @property
    def broken(self) -> int:
        """In how many runs a law broke."""
        return sum(bool(outcome.broken) for outcome in self.outcomes)

    @property
    def faults(self) -> dict[str, dict[str, Any]]:
        """By fault: in how many runs it was injected, which laws broke there, and why it was skipped."""
        found: dict[str, dict[str, Any]] = {}
        for outcome in self.outcomes:
            for name in outcome.name.split("+"):
                about = found.setdefault(name, {"injected": 0, "broken": []})
                if outcome.skipped:
                    about["skipped"] = outcome.skipped
                about["broken"] = sorted({*about["broken"], *outcome.broken})
                about["injected"] += any(note.fault == name for note in outcome.notes)
        return dict(sorted(found.items()))

    @property
    def total(self) -> dict[str, Any]:
        """The line that ends `--json`."""
        return {"injected": self.injected, "broken": self.broken, "faults": self.faults}


Plan = tuple[tuple[str, ...], int]  # the faults of one run, in their order, and the seed of what they draw


def named(words: Sequence[str], seed: int) -> list[Plan]:
    """Return the runs that words ask for: NAME, or NAME+NAME for faults that share a run. Raises UserError."""
    plans = [(tuple(word.split("+")), seed) for word in words]
    for names, _ in plans:
        for name in names:
            find_fault(name)
    return plans


def drawn(count: int, seed: int, together: int = TOGETHER) -> list[Plan]:
    """Draw runs with `count` faults in all, up to `together` in each, no fault twice in one."""
    draw = random.Random(seed)
    known = [
        name for name in fault_names() if not ((fault := find_fault(name)).long or fault.cluster or fault.lacking())
    ]
    plans: list[Plan] = []
    while count > 0:
        names = draw.sample(known, min(count, draw.randint(1, together), len(known)))
        plans.append((tuple(names), draw.randrange(1 << 16)))
        count -= len(names)
    return plans


def campaign(
    plans: Sequence[Plan],
    *,
    folder: Path | None = None,
    keep: bool = False,
    done: Callable[[Outcome], None] = lambda outcome: None,
) -> Report:
    """Run all, calling `done` with each outcome. `folder` is where the runs lie; with `keep` those where a law broke
    stay there. Raises MachineryError when the harness itself fails."""
    armed: list[tuple[list[Fault], int]] = [([find_fault(name) for name in names], seed) for names, seed in plans]
    most = max((len(drives(faults)) for faults, _ in armed), default=1)
    tasks = tasks_for(count_for(most))
    place = folder or Path(tempfile.gettempdir())
    outcomes = []
    with serving(Answers(tasks)) as endpoint:
        bench = undisturbed(endpoint, tasks, place)
        for faults, seed in armed:
            outcomes.append(run_trial(faults, seed, bench, place, keep=keep))
            done(outcomes[-1])
    return Report(tuple(outcomes))
