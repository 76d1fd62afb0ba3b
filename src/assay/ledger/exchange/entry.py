"""What a source says of one attempt, the account of what could not be read, and how an outcome becomes a status."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.ledger.exchange.aside import restored
from assay.nouns import Attempt, Exit, PlannedAttempt, Reason, Status, Trajectory, Verdict

SPLIT = "imported"  # of attempts whose source knows no splits
UNGRADED = "ungraded: the source holds no verdict"
_SHOWN = 20
_ENDED = {
    Exit.STEP_LIMIT: Status.LIMIT,
    Exit.TIME_LIMIT: Status.TIMEOUT,
    Exit.CONTEXT: Status.CONTEXT,
    Exit.FORMAT: Status.FORMAT,
    Exit.REFUSED: Status.REFUSED,
}


@dataclass(frozen=True)
class Entry:
    """One planned attempt and what the source holds of it.

    `attempt` is None where it was planned and has no result. `ours` says that the plan is one that assay wrote, and
    stays as it is; else `trial` counts the attempts at a task in the order of the source where `counted` is true.
    `tokenizer` is the hash of the tokenizer that the sampled ids are of.
    """

    where: str
    plan: PlannedAttempt
    attempt: Attempt | None = None
    trajectory: Trajectory | None = None
    ours: bool = False
    counted: bool = True
    tokenizer: str = ""
    flags: tuple[str, ...] = ()


@dataclass
class Account:
    """What was read and what was not: counts, and the first sentences."""

    read: int = 0
    broken: int = 0
    faults: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def fault(self, where: str, why: object) -> None:
        """Count something that cannot be read, and keep its sentence while there are few."""
        self.broken += 1
        if len(self.faults) < _SHOWN:
            words = " ".join(str(why).split())[:300].encode("utf-8", "replace").decode()
            self.faults.append(words if words.startswith(where) else f"{where}: {words}")

    def note(self, what: str, count: int = 1) -> None:
        """Count something that was read with a loss, or that a reader of the numbers should know."""
        if count:
            self.notes[what] += count


def as_written(
    where: str, beside: Mapping[str, Any], found: Trajectory | None, what: str, account: Account
) -> Entry | None:
    """Return the attempt as assay wrote it, from the table `beside` and from what the format itself holds.

    None where assay wrote none, and where the two no longer fit each other: then it is read as another's, and counted
    among the changed `what` ("samples").
    """
    if not beside:
        return None
    try:
        attempt, trajectory = restored(beside, found)
    except ValueError:
        account.note(f"{what} changed since assay wrote them, read as another's")
        return None
    tokenizer = str(beside.get("tokenizer_sha256") or "")
    return Entry(where, attempt.plan, attempt, trajectory, ours=True, tokenizer=tokenizer)


def planned(arm: str, task_id: str, *, trial: int = 0, split: str = SPLIT) -> PlannedAttempt:
    """Return the plan of an attempt that somebody else made; what is not known of it has the seed and dose 0."""
    return PlannedAttempt(arm=arm or "unknown", seed=0, dose=0, task_id=task_id, split=split, trial=trial)


def ended(
    plan: PlannedAttempt,
    trajectory: Trajectory | None,
    *,
    value: float | None,
    exit: Exit = Exit.SUBMITTED,
    broken: str = "",
    cheated: bool = False,
    empty: bool = False,
    detail: str = "",
    wall_s: float = 0.0,
) -> Attempt:
    """Return the final row of an attempt that somebody else made and graded.

    `broken` says what of the machinery failed: no score, whatever `value` is. An attempt that was submitted and that
    nobody graded (`value` None) has no score either; one that ended before it submitted, or with an empty patch, needs
    no grader to be a failure. `value` lies in [0, 1].
    """
    steps = () if trajectory is None else trajectory.steps
    verdict: Verdict | None = None
    if broken or exit is Exit.MACHINERY:
        status, detail = Status.MACHINERY, broken or detail or "the source names no cause"
    elif cheated:
        status, verdict = Status.CHEATED, Verdict.score(value or 0.0, Reason.CHEATED, detail=detail)
    elif value is not None:
        status = Status.SOLVED if value == 1.0 else _ENDED.get(exit, Status.EMPTY if empty else Status.FAILED)
        verdict = Verdict.score(value, Reason.PASSED if value == 1.0 else Reason.WRONG, detail=detail)
    elif exit in _ENDED:
        status = _ENDED[exit]
    elif empty:
        status = Status.EMPTY
    else:
        status, detail = Status.MACHINERY, detail or UNGRADED
        verdict = Verdict.invalid(Reason.MACHINERY, detail)
    return Attempt(
        plan=plan,
        status=status,
        verdict=verdict,
        steps=len(steps),
        sampled_tokens=sum(step.reply.sampled_tokens or len(step.reply.token_ids or ()) for step in steps),
        wall_s=wall_s,
        detail=detail,
    )


def value_of(attempt: Attempt) -> float | None:
    """Return what an attempt counts: its verdict's value, 0 where it ended without one, None for no valid score."""
    if attempt.status is Status.MACHINERY or (attempt.verdict is not None and attempt.verdict.value is None):
        return None
    if attempt.status is Status.CHEATED:
        return 0.0
    if attempt.verdict is not None:
        return attempt.verdict.value
    return 1.0 if attempt.status is Status.SOLVED else 0.0
