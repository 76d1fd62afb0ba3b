"""A task and every attempt at it: what was asked, the files to start from, and who solved it at which dose."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from assay.ledger.browse import Row
from assay.nouns import Task
from assay.report.web import text
from assay.report.web.runs import Missing, Run

_MOST_ROWS = 600
_MOST_FILES = 12
_FILE_CHARS = 8_000


@dataclass(frozen=True)
class Cell:
    """The attempts of one arm at one dose."""

    rows: tuple[Row, ...]

    @property
    def solved(self) -> int:
        """How many were solved."""
        return sum(row.status == "solved" for row in self.rows)


def task_page(run: Run, task_id: str) -> dict[str, Any]:
    """Return the context of a task's page. Raises Missing where nothing in the run is about it."""
    with run.open() as reader:
        rows = reader.same_task(task_id, limit=_MOST_ROWS + 1)
        task = reader.task(task_id)
    if not rows and task is None:
        raise Missing(f"There is no task {task_id[:80]!r} in {run.name}: choose one from its attempts")
    held: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows[:_MOST_ROWS]:
        held[row.arm, row.dose].append(row)
    arms = list(dict.fromkeys(arm for arm, _ in held))
    doses = sorted({dose for _, dose in held})
    grid = [(arm, [Cell(tuple(held.get((arm, dose), ()))) for dose in doses]) for arm in arms]
    return {
        "id": rows[0].task_id if rows else task.id if task is not None else task_id,  # as the run says it
        "rows": rows[:_MOST_ROWS],
        "more": len(rows) > _MOST_ROWS,
        "doses": doses,
        "grid": grid,
        "task": _about(task) if task is not None else None,
    }


def _about(task: Task) -> dict[str, Any]:
    names = sorted(task.files)
    return {
        "source": task.source,
        "family": task.family,
        "split": task.split,
        "grader": task.grader.kind,
        "limits": task.limits,
        "instruction": text.block(task.instruction),
        "outputs": task.outputs,
        "files": [
            (text.line(name, 300), text.block(task.files[name], most=_FILE_CHARS)) for name in names[:_MOST_FILES]
        ],
        "more_files": max(0, len(names) - _MOST_FILES),
    }
