"""Outcomes in a ledger of ours, or in a run's folder that holds one: an arm for each arm and dose of the plan."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from assay.ledger.browse import Row, flags
from assay.ledger.outcomes.arms import Arm, Score, arm
from assay.ledger.reading import LedgerReader
from assay.nouns import Status

WHAT = "a run's folder or its ledger.sqlite"
_NAME = "ledger.sqlite"


def holds(path: Path) -> bool:
    """Whether it is a ledger, or a folder with one."""
    return (path / _NAME).is_file() if path.is_dir() else path.suffix == ".sqlite"


def read(path: Path) -> list[Arm]:
    """Return the arms, `arm@dose` where the plan has several doses of one. What was planned and not done is invalid."""
    file = path / _NAME if path.is_dir() else path
    with LedgerReader(file) as reader:
        clusters, flagged = reader.repositories(), {attempt for attempt, _ in flags(file)}
        doses: dict[str, set[int]] = defaultdict(set)
        for cell in reader.coverage():
            doses[cell.arm].add(cell.dose)
        by_arm: dict[str, list[tuple[str, Score]]] = defaultdict(list)
        planned = open_ = 0
        for row in reader.rows():
            planned += 1
            open_ += row.status is None
            name = f"{row.arm}@{row.dose}" if len(doses[row.arm]) > 1 else row.arm
            by_arm[name].append((f"attempt {row.id}", score_of(row, clusters, flagged)))
    notes = (f"{open_} of {planned} planned attempts have no result yet and count as invalid",) if open_ else ()
    return [arm(name, str(file), scores, notes=notes, paired=True) for name, scores in by_arm.items()]


def score_of(row: Row, clusters: Mapping[str, str], flagged: Collection[str] = ()) -> Score:
    """Return the score of a row; `clusters` has tasks' repositories, `flagged` the attempts that an audit flags."""
    cheated = row.status == Status.CHEATED
    cluster = clusters.get(row.task_id, "")
    return Score(row.task_id, _value(row), str(row.seed), row.trial, cheated, cluster, row.id in flagged)


def _value(row: Row) -> float:
    """Return 1, 0 or the verdict's value; NaN for a failure of ours and for what is not finished."""
    if row.status is None or row.status == Status.MACHINERY:
        return float("nan")
    if row.value is not None and row.status != Status.CHEATED:
        return row.value
    return 1.0 if row.status == Status.SOLVED else 0.0
