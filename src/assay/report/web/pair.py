"""Two attempts side by side, their steps aligned where they ran the same command."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from assay.ledger.browse import Row
from assay.report.web.attempt import Shown, ShownStep, show
from assay.report.web.runs import Run

_MOST_ALIGNED = 400


@dataclass(frozen=True)
class Turn:
    """A row of the page: a step of each, or of one alone; `same` says that both ran the same command."""

    left: ShownStep | None
    right: ShownStep | None
    same: bool

    @property
    def name(self) -> str:
        """The row's numbers for people."""
        numbers = [str(step.number) if step else "–" for step in (self.left, self.right)]
        return numbers[0] if numbers[0] == numbers[1] else " | ".join(numbers)


def aligned(left: tuple[ShownStep, ...], right: tuple[ShownStep, ...]) -> list[Turn]:
    """Return the steps of two attempts in rows: equal commands stand in one row, what lies between in order."""
    a, b = ([" ".join(step.plain.split()) or f"{side}{step.number}" for step in steps] for side, steps in
            (("\0l", left), ("\0r", right)))  # fmt: skip
    rows: list[Turn] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(
        None, a[:_MOST_ALIGNED], b[:_MOST_ALIGNED], autojunk=False
    ).get_opcodes():
        for one, other in zip_longest(left[i1:i2], right[j1:j2]):
            rows.append(Turn(one, other, kind == "equal"))
    return rows


def pair(run: Run, a: str, b: str) -> dict[str, Any]:
    """Return the context of two attempts side by side. Raises Missing where one is not planned."""
    return beside(show(run, a, full=False), show(run, b, full=False))


def beside(left: Shown, right: Shown) -> dict[str, Any]:
    """Return the context of two attempts side by side."""
    turns = aligned(left.steps, right.steps)
    return {
        "left": left,
        "right": right,
        "turns": turns,
        "other_task": left.row.task_id != right.row.task_id,
        "same": sum(turn.same for turn in turns),
    }


def counterpart(own: Row, others: tuple[Row, ...]) -> list[Row]:
    """Return the attempts at the same task that are best put beside one: another arm, seed and dose alike."""

    def far(row: Row) -> tuple[bool, bool, int, bool, int]:
        return (
            row.arm == own.arm,
            row.seed != own.seed,
            abs(row.dose - own.dose),
            row.trial != own.trial,
            row.position,
        )

    near = sorted((row for row in others if row.id != own.id and row.status is not None), key=far)
    first = {row.arm: row for row in reversed(near)}  # of each arm the nearest
    return sorted(near, key=lambda row: first[row.arm] is not row)
