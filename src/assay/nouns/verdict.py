"""Verdict: a value in [0, 1], whether it is valid and why, and the evidence."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from assay.nouns.base import Noun


def plain(text: str) -> str:
    """Escape what cannot be written as UTF-8, or would steer a terminal: a candidate has a say in this text."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


_Text = Annotated[str, AfterValidator(lambda text: text if text.isprintable() else plain(text))]


class Validity(StrEnum):
    """Whether the value of a verdict may be used as a score."""

    VALID = "valid"
    INVALID = "invalid"


class Reason(StrEnum):
    """Why a verdict is what it is."""

    PASSED = "passed"
    WRONG = "wrong"  # at least one case or test gave another result than expected
    MISSING_OUTPUT = "missing_output"  # a declared output is absent, not a plain file, or not text
    NO_ENTRY = "no_entry"  # the named function or module is not there
    CRASHED = "crashed"  # the candidate raised, exited or was killed by a limit other than time
    TIMEOUT = "timeout"  # the candidate ran past its wall clock
    MALFORMED = "malformed"  # what came over the channel is not what the protocol allows
    CHEATED = "cheated"  # a must-fail canary passed, or the channel was forged
    BAD_TASK = "bad_task"  # the task's own specification or oracle is broken: never the candidate's fault
    MACHINERY = "machinery"  # our sandbox or grader failed: never a score


_NEVER_A_SCORE = {Reason.BAD_TASK, Reason.MACHINERY}


class Check(Noun):
    """One named check of a verdict and what was seen."""

    name: _Text
    passed: bool
    evidence: _Text = ""


class Verdict(Noun):
    """What a grader found. An invalid verdict has value None and is never a score."""

    value: float | None = Field(ge=0.0, le=1.0)
    validity: Validity
    reason: Reason
    checks: tuple[Check, ...] = ()
    detail: _Text = ""

    @model_validator(mode="after")
    def _value_goes_with_validity(self) -> Self:
        if (self.validity is Validity.VALID) != (self.value is not None):
            raise ValueError("a valid verdict has a value and an invalid one has none")
        if (self.validity is Validity.INVALID) != (self.reason in _NEVER_A_SCORE):
            raise ValueError(f"reason {self.reason} does not go with validity {self.validity}")
        return self

    @classmethod
    def score(cls, value: float, reason: Reason, checks: tuple[Check, ...] = (), detail: str = "") -> "Verdict":
        """Return a valid verdict."""
        return cls(value=value, validity=Validity.VALID, reason=reason, checks=checks, detail=detail)

    @classmethod
    def invalid(cls, reason: Reason, detail: str) -> "Verdict":
        """Return an invalid verdict: `reason` is BAD_TASK or MACHINERY."""
        return cls(value=None, validity=Validity.INVALID, reason=reason, detail=detail)

    @property
    def solved(self) -> bool:
        """Whether the candidate passed everything."""
        return self.value == 1.0
