"""Environment: which Python, which test runner and which system an attempt's outputs say that it ran in."""

import re
from collections.abc import Iterable

from assay.nouns import Step

_LONGEST = 20_000  # characters of one output that are looked at
_SAYS = {
    "python": re.compile(
        r"^Python (\d+\.\d+\.\d+)\S*\s*$|^platform \w+ -- Python (\d+\.\d+\.\d+)", re.MULTILINE
    ),
    "pytest": re.compile(r"^(?:platform .*, )?pytest[- ](\d+\.\d+(?:\.\d+)?)\b", re.MULTILINE),
    "system": re.compile(r"^PRETTY_NAME=\"?([^\"\n]+)", re.MULTILINE),
    "node": re.compile(r"^(v\d+\.\d+\.\d+)\s*$", re.MULTILINE),
    "gcc": re.compile(r"^gcc \([^)]*\) (\d+\.\d+\.\d+)", re.MULTILINE),
    "libraries": re.compile(r"(/\S*/lib/python\d+\.\d+/)(?!site-packages/\S*\.dist-info)\S+\.py\", line \d+"),
}  # fmt: skip


def seen_in(steps: Iterable[Step]) -> dict[str, str]:
    """Return what the outputs say of the environment, by name; what they say in two ways is left out."""
    found: dict[str, set[str]] = {}
    for step in steps:
        text = step.observation[:_LONGEST]
        for name, pattern in _SAYS.items():
            for match in pattern.finditer(text):
                found.setdefault(name, set()).add(next(part for part in match.groups() if part))
    return {name: values.pop() for name, values in sorted(found.items()) if len(values) == 1}
