"""An arm: the scores of one system, whatever tool ran it, as a table of seeds x tasks x trials."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.errors import UserError


@dataclass(frozen=True)
class Score:
    """One planned attempt. `value` is in [0, 1], NaN where it has no valid score; `cluster` names its repository.

    `cheated` says that a grader caught it, `flagged` that an audit holds it for a cheat.
    """

    task: str
    value: float
    seed: str = ""
    trial: int = 0
    cheated: bool = False
    cluster: str = ""
    flagged: bool = False

    @property
    def valid(self) -> bool:
        """Whether it counts."""
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Arm:
    """Scores of one system. `source` is the file, `notes` what a reader of its numbers should know of the reading.

    `paired` says that seeds of the same name are pairs with those of other arms of the same source.
    """

    name: str
    source: str
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = ()
    paired: bool = False

    @property
    def tasks(self) -> set[str]:
        """The tasks that were planned."""
        return {score.task for score in self.scores}

    @property
    def seeds(self) -> list[str]:
        """The names of the seeds, sorted."""
        return sorted({score.seed for score in self.scores})

    @property
    def cheats(self) -> int:
        """How many attempts are known to have cheated."""
        return sum(score.cheated for score in self.scores)

    def table(self, tasks: Sequence[str], *, cheats: str = "fail") -> NDArray[np.float64]:
        """Return scores_STK for `tasks`: seeds sorted, trials in their order, NaN where there is none.

        `cheats` counts a known cheat as 0 ("fail"), leaves it out ("drop"), or as 1 ("pass").
        """
        counted = {"fail": 0.0, "drop": math.nan, "pass": 1.0}[cheats]
        place = {task: number for number, task in enumerate(tasks)}
        trials = sorted({score.trial for score in self.scores})
        row, column = {s: n for n, s in enumerate(self.seeds)}, {t: n for n, t in enumerate(trials)}
        table_STK = np.full((len(row), len(place), len(column)), np.nan)
        for score in self.scores:
            if score.task in place:
                value = counted if score.cheated else score.value
                table_STK[row[score.seed], place[score.task], column[score.trial]] = value
        return table_STK

    def audited(self) -> "Arm":
        """Return the arm with those that the audit flags counted as known cheats."""
        return replace(self, scores=tuple(replace(s, cheated=s.cheated or s.flagged) for s in self.scores))

    def named(self, name: str) -> "Arm":
        """Return the arm under another name."""
        return replace(self, name=name)


def arm(name: str, source: str, scores: Iterable[tuple[str, Score]], **about: object) -> Arm:
    """Return an arm from (place, score) pairs. Raises UserError for none, and for two of one attempt, naming the place.

    `place` says where in the source a score stands ("line 7").
    """
    seen: dict[tuple[str, str, int], str] = {}
    kept = []
    for place, score in scores:
        key = (score.task, score.seed, score.trial)
        if key in seen:
            what = f"task {score.task}, trial {score.trial}" + (f", seed {score.seed}" if score.seed else "")
            raise UserError(f"{source}: {place} is a second outcome for {what} (the first is {seen[key]}): keep one")
        if score.valid and not 0 <= score.value <= 1:
            raise UserError(f"{source}: {place} has the outcome {score.value:g}: an outcome lies in [0, 1]")
        seen[key] = place
        kept.append(score)
    if not kept:
        raise UserError(f"{source} holds no outcome: name a finished run, or a table with rows")
    return Arm(name, source, tuple(kept), **about)  # type: ignore[arg-type]
