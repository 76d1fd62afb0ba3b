"""Attempt: one planned try of (task, agent, model, seed), with exactly one final status."""

from enum import StrEnum

from assay.nouns.base import Noun, digest
from assay.nouns.verdict import Verdict


class Status(StrEnum):
    """The closed list of how an attempt ends."""

    SOLVED = "solved"
    FAILED = "failed"
    EMPTY = "empty"  # it submitted with no declared output changed
    TIMEOUT = "timeout"  # its commands used up the time of the attempt before it submitted
    LIMIT = "limit"  # out of steps before it submitted
    FORMAT = "format"  # too many replies in a row without one fenced block
    CONTEXT = "context"  # the conversation outgrew the model before it submitted
    REFUSED = "refused"
    CHEATED = "cheated"
    MACHINERY = "machinery"  # ours, never a score


class PlannedAttempt(Noun):
    """One line of the plan. `dose` counts the trajectories trained on; 0 is the untrained floor."""

    arm: str
    seed: int
    dose: int
    task_id: str
    split: str
    trial: int = 0

    @property
    def id(self) -> str:
        """A stable name: equal plans give equal ids."""
        return digest(self.model_dump(mode="json"))[:20]


class Attempt(Noun):
    """A planned attempt with its end. `verdict` is None when there was nothing to grade."""

    plan: PlannedAttempt
    status: Status
    verdict: Verdict | None = None
    steps: int = 0
    sampled_tokens: int = 0
    wall_s: float = 0.0
    test_only: bool = False  # it changed or made files, but no declared output
    detail: str = ""
