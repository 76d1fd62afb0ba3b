"""The specification of a `functions` check: read, checked, and decoded."""

import json
import math
from dataclasses import dataclass
from typing import Any

from assay.grading.values import EncodingError, decode, encode, same
from assay.nouns import Task

_FIELDS = {"path", "entry", "cases", "canaries", "tolerance", "timeout_s"}


class BadSpec(ValueError):
    """The task's own fault; the message names the task and the field."""


@dataclass(frozen=True)
class Case:
    """One input and what it should give; for a canary, what it must not give."""

    id: str
    args: tuple[Any, ...]
    expected: Any
    expected_bytes: int  # of its JSON
    canary: bool


@dataclass(frozen=True)
class FunctionSpec:
    """A `functions` specification whose values are decoded. `tolerance` as in `values.same`; time in seconds."""

    path: str
    entry: str
    cases: tuple[Case, ...]
    canaries: tuple[Case, ...]
    tolerance: float
    timeout_s: float


def parse_spec(task: Task) -> FunctionSpec:
    """Return the specification of a task. Raises BadSpec when it cannot be used."""
    data = task.grader.data
    if unknown := set(data) - _FIELDS:
        raise BadSpec(f"task {task.id}: grader.data: unknown field {sorted(unknown)[0]}")
    path, entry = data.get("path"), data.get("entry")
    if not isinstance(path, str) or path not in task.outputs:
        raise BadSpec(f"task {task.id}: grader.data.path: {path!r} is not a declared output")
    if not isinstance(entry, str) or not all(part.isidentifier() for part in entry.split(".")):
        raise BadSpec(f"task {task.id}: grader.data.entry: {entry!r} is not a name")
    tolerance, timeout_s = data.get("tolerance", 0.0), data.get("timeout_s", 5.0)
    for name, value, least in (("tolerance", tolerance, 0.0), ("timeout_s", timeout_s, 0.01)):
        if type(value) not in (int, float) or not math.isfinite(value) or value < least:
            raise BadSpec(f"task {task.id}: grader.data.{name}: {value!r} is not a number of at least {least}")
    cases = _cases(task, "cases")
    canaries = _cases(task, "canaries")
    if not cases:
        raise BadSpec(f"task {task.id}: grader.data.cases: there is none")
    _check_together(task, cases, canaries, float(tolerance))
    return FunctionSpec(path, entry, cases, canaries, float(tolerance), float(timeout_s))


def _cases(task: Task, field: str) -> tuple[Case, ...]:
    raw = task.grader.data.get(field, [])
    if not isinstance(raw, list):
        raise BadSpec(f"task {task.id}: grader.data.{field}: not a list")
    found = []
    for number, item in enumerate(raw):
        where = f"task {task.id}: grader.data.{field}[{number}]"
        if not isinstance(item, dict) or set(item) != {"id", "args", "expected"} or not isinstance(item["id"], str):
            raise BadSpec(f"{where}: it needs id (text), args and expected, and nothing else")
        try:
            args, expected = decode(item["args"]), decode(item["expected"])
        except (EncodingError, RecursionError) as error:
            raise BadSpec(f"{where}: {error}") from error
        if type(args) not in (list, tuple):
            raise BadSpec(f"{where}: args is not a list")
        found.append(Case(item["id"], tuple(args), expected, len(json.dumps(item["expected"])), field == "canaries"))
    return tuple(found)


def _check_together(task: Task, cases: tuple[Case, ...], canaries: tuple[Case, ...], tolerance: float) -> None:
    ids = [case.id for case in (*cases, *canaries)]
    for name in ids:
        if ids.count(name) > 1:
            raise BadSpec(f"task {task.id}: grader.data: two cases are called {name!r}")
    right = {repr(encode(list(case.args))): case.expected for case in cases}
    for canary in canaries:
        key = repr(encode(list(canary.args)))
        if key in right and same(canary.expected, right[key], tolerance):
            raise BadSpec(f"task {task.id}: grader.data: the canary {canary.id!r} expects the right value")
