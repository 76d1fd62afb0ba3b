"""Outcomes in a ledger of ours, or in a run's folder that holds one: an arm for each arm and dose of the plan."""

from collections import defaultdict
from pathlib import Path

from assay.ledger.outcomes.arms import Arm, Score, arm
from assay.ledger.reading import LedgerReader
from assay.nouns import Attempt, Status

WHAT = "a run's folder or its ledger.sqlite"
_NAME = "ledger.sqlite"


def holds(path: Path) -> bool:
    """Whether it is a ledger, or a folder with one."""
    return (path / _NAME).is_file() if path.is_dir() else path.suffix == ".sqlite"


def read(path: Path) -> list[Arm]:
    """Return the arms, `arm@dose` where the plan has several doses of one. What was planned and not done is invalid."""
    file = path / _NAME if path.is_dir() else path
    reader = LedgerReader(file)
    try:
        repositories = reader.repositories()
        planned = list(reader.planned())
        done = {attempt.plan.id: attempt for _, attempt, _ in reader.recorded(1, reader.last_position())}
    finally:
        reader.close()
    doses: dict[str, set[int]] = defaultdict(set)
    for plan in planned:
        doses[plan.arm].add(plan.dose)
    by_arm: dict[str, list[tuple[str, Score]]] = defaultdict(list)
    for plan in planned:
        name = f"{plan.arm}@{plan.dose}" if len(doses[plan.arm]) > 1 else plan.arm
        attempt = done.get(plan.id)
        cheated = attempt is not None and attempt.status is Status.CHEATED
        cluster = repositories.get(plan.task_id, "")
        score = Score(plan.task_id, _value(attempt), str(plan.seed), plan.trial, cheated, cluster)
        by_arm[name].append((f"attempt {plan.id}", score))
    open_ = len(planned) - len(done)
    notes = (f"{open_} of {len(planned)} planned attempts have no result yet and count as invalid",) if open_ else ()
    return [arm(name, str(file), scores, notes=notes, paired=True) for name, scores in by_arm.items()]


def _value(attempt: Attempt | None) -> float:
    """Return 1, 0 or the verdict's value; NaN for a failure of ours and for what is not finished."""
    if attempt is None or attempt.status is Status.MACHINERY:
        return float("nan")
    if attempt.verdict is not None and attempt.verdict.value is not None and attempt.status is not Status.CHEATED:
        return attempt.verdict.value
    return 1.0 if attempt.status is Status.SOLVED else 0.0
