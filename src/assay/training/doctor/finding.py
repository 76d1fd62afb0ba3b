"""What a check found: its status, what was measured, and what is wrong and what to do about it, in words."""

import math
from enum import StrEnum
from typing import Any

from pydantic import field_validator

from assay.nouns.base import Noun


class Status(StrEnum):
    """How a check ended. `skipped` says that it could not look, never that all is well."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Finding(Noun):
    """One finding. `value` is what was measured, anything JSON holds; numbers that are not finite become words."""

    check: str
    status: Status
    value: Any = None
    advice: str = ""

    @field_validator("value")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return _finite(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
