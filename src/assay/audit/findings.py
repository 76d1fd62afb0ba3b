"""What an audit finds: a case is one attempt as a detector sees it, a finding one thing seen in it.

`findings` runs every detector of `assay.audit.evidence` on a case; `cheat_score` says how sure the worst of them is.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from assay.ledger.browse import CHEATS as CHEAT_KINDS
from assay.ledger.browse import FLAGGED_FROM
from assay.nouns import Task, Trajectory
from assay.nouns.base import Noun

EVIDENCE_CHARS = 300
HARNESS, TASK, INTEGRITY, CONDUCT = "harness", "task", "integrity", "conduct"


def _short(text: str) -> str:
    """Return text that fits a line: what cannot be printed is escaped, what is too long is cut in the middle."""
    plain = "".join(c if c.isprintable() else (" " if c in "\n\t\r" else f"\\x{ord(c):02x}") for c in text).strip()
    half = EVIDENCE_CHARS // 2 - 3
    return plain if len(plain) <= EVIDENCE_CHARS else f"{plain[:half]} ... {plain[-half:]}"


class Finding(Noun):
    """One thing that was seen, and where.

    `kind` says what it bears on: "harness" (the grader, its process, its channel), "task" (the answer was got or
    written in, not worked out), "integrity" (the run, not one attempt) or "conduct" (how the agent worked; never a
    cheat). `step` counts from 0 in the trajectory, `line` from 1 in the part that `where` names: the step's action,
    its output, the patch, the plan, or "file:PATH". `confidence` is from 0 to 1.
    """

    attempt: str
    task_id: str
    kind: Literal["harness", "task", "integrity", "conduct"]
    mechanism: str
    step: int | None = None
    line: int | None = Field(default=None, ge=1)
    where: str = "action"
    evidence: Annotated[str, AfterValidator(_short)] = ""
    confidence: float = Field(ge=0.0, le=1.0)
    detector: str = ""


class Case(Noun):
    """What a detector sees of one attempt; whatever is not known is empty or None.

    `patch` is the unified diff of what was handed in; `before` and `after` are the same as whole files, where they
    are known. `status` and `value` are how the attempt ended and what a grader gave.
    """

    attempt: str
    task_id: str = ""
    task: Task | None = None
    trajectory: Trajectory | None = None
    patch: str = ""
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    status: str | None = None
    value: float | None = None
    arm: str = ""


def findings(case: Case) -> list[Finding]:
    """Return what the detectors saw in one attempt, the surest first within a step."""
    from assay.audit.running import look

    return look(case)


def cheat_score(found: Iterable[Finding]) -> float:
    """Return how sure it is that an attempt cheated: the highest confidence of its harness and task findings."""
    return max((finding.confidence for finding in found if finding.kind in CHEAT_KINDS), default=0.0)


def flagged(found: Iterable[Finding]) -> bool:
    """Whether an attempt is called a cheat: a harness or task finding of confidence `FLAGGED_FROM` or more."""
    return cheat_score(found) >= FLAGGED_FROM
