"""Which attempts are shown step by step: chosen by a rule that looks at endings, never at how well they read.

While the ledger is read the shelf keeps a few attempts of every kind; ids are hashes, so the lowest ids are a
draw that nobody chose. `pick` then takes turns between arms, and between solved, failed and ended otherwise.
"""

from bisect import insort
from collections.abc import Callable
from itertools import chain, zip_longest

from assay.nouns import Attempt, Status, Trajectory

_KEPT = 10
_LONGEST = 40
# Three kinds take turns; in the last one, every other way to end.
_ENDS = (
    (Status.SOLVED,),
    (Status.FAILED,),
    tuple(status for status in Status if status not in (Status.SOLVED, Status.FAILED)),
)


def recovered(trajectory: Trajectory) -> bool:
    """Whether it went wrong on the way: a command failed, and a later one, unlike it, succeeded."""
    failed: set[str] = set()
    for step in trajectory.steps:
        if step.command is None:
            continue
        if step.returncode not in (0, None) or step.timed_out:
            failed.add(step.command)
        elif failed and step.command not in failed and step.returncode == 0:
            return True
    return False


class Shelf:
    """A bounded store of attempts, by (dose, arm, status, split)."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, str, Status, str], list[tuple[str, Attempt]]] = {}
        self._longest: dict[int, list[tuple[int, str, Attempt]]] = {}

    def offer(self, attempt: Attempt) -> None:
        """Keep the attempt if it is among the first of its kind."""
        plan, name = attempt.plan, attempt.plan.id
        kind = self._kinds.setdefault((plan.dose, plan.arm, attempt.status, plan.split), [])
        _keep(kind, (name, attempt), _KEPT)
        if attempt.status is Status.SOLVED:
            _keep(self._longest.setdefault(plan.dose, []), (-attempt.steps, name, attempt), _LONGEST)

    def pick(
        self,
        arms: tuple[str, ...],
        splits: tuple[str, ...],
        trace: Callable[[str], Trajectory | None],
        count: int = 10,
    ) -> list[tuple[Attempt, Trajectory]]:
        """Return up to `count` attempts with their traces, highest dose first.

        First a solved one that recovered from a failing command, if the longest solved ones of the highest dose
        hold one; then in turn each arm's next solved, next failed and next otherwise ended attempt, splits rotating.
        """
        picked: dict[str, tuple[Attempt, Trajectory]] = {}
        doses = sorted({key[0] for key in self._kinds}, reverse=True)
        for _, name, attempt in self._longest.get(doses[0], []) if doses else []:
            trajectory = trace(name)
            if trajectory is not None and recovered(trajectory):
                picked[name] = (attempt, trajectory)
                break
        for dose in doses:
            for name, attempt in self._turns(dose, arms, splits):
                if len(picked) >= count:
                    return list(picked.values())
                trajectory = None if name in picked else trace(name)
                if trajectory is not None:
                    picked[name] = (attempt, trajectory)
        return list(picked.values())

    def _turns(self, dose: int, arms: tuple[str, ...], splits: tuple[str, ...]) -> list[tuple[str, Attempt]]:
        queues = []
        for wanted in _ENDS:
            for number, arm in enumerate(arms):
                start = number % max(1, len(splits))  # each arm begins with another split
                turned = splits[start:] + splits[:start]
                by_status = [
                    _alternate([self._kinds.get((dose, arm, status, split), []) for split in turned])
                    for status in wanted
                ]
                queues.append(_alternate(by_status))
        return _alternate(queues)


def _keep(kept: list, entry: tuple, most: int) -> None:
    """Insert in order and drop what is beyond `most`. Entries differ before their attempt, which has no order."""
    if len(kept) < most or entry[:-1] < kept[-1][:-1]:
        insort(kept, entry, key=lambda item: item[:-1])
        del kept[most:]


def _alternate(queues: list[list[tuple[str, Attempt]]]) -> list[tuple[str, Attempt]]:
    """Take one of each queue in turn until all are empty."""
    return [item for item in chain.from_iterable(zip_longest(*queues)) if item is not None]
