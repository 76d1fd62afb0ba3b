"""Seed: one line of seeds.jsonl, from which a task is built."""

import functools
from pathlib import Path

from assay.nouns.base import Noun

PLACE = Path(__file__).with_name("seeds.jsonl")


class Seed(Noun):
    """A bug in a function, and the tests of the package that decide.

    Line `line` (from 1) of the function's text is `cure` in the original and `bug` in the task, indentation apart.
    `tests` are the ids that must pass, `visible` the failing one that the agent may run, `message` what it says.
    `wrong` are the canaries: (place in `tests`, number of the constant, wrong value).
    """

    package: str
    module: str
    function: str
    operator: str
    line: int
    bug: str
    cure: str
    visible: str
    message: str
    tests: tuple[str, ...]
    wrong: tuple[tuple[int, int, int | float | str], ...]


@functools.cache
def seeds() -> tuple[Seed, ...]:
    """Return the checked-in seeds in the order of the file."""
    return tuple(Seed.model_validate_json(line) for line in PLACE.read_text(encoding="utf-8").splitlines())
