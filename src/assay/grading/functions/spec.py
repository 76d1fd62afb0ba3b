"""The specification of a `functions` check: read, checked, decoded, and kept while the task lives."""

import functools
import hashlib
import json
import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from assay.grading.functions.asserts import Expectation, Reduced, reduce_script
from assay.grading.functions.compare import CANONICAL, COMPARES, Rule, agrees
from assay.grading.spec_fields import BadSpec
from assay.grading.values import EncodingError, encode, read
from assay.nouns import Check, Task

_FIELDS = {
    "path", "entry", "cases", "canaries", "compare", "canonical", "tolerance", "relative", "timeout_s", "prelude",
    "setup", "inputs", "generators", "reference", "oracle_timeout_s", "script", "seed", "largest_kb", "call_timeout_s",
}  # fmt: skip
_RULE = {"compare", "canonical", "tolerance", "relative"}
_ENTRY = re.compile(r"[^\W\d]\w*(\(\))?(\.[^\W\d]\w*)*")
_KEPT = 1024  # specifications kept, the last used ones


@dataclass(frozen=True)
class Case:
    """One input and what it should give; for a canary, what it must not give.

    `given` is a list of arguments, or the text of a call over the candidate's own names. `encoded` is `expected` as
    `values.encode` has it and `size` the length of its JSON. Inputs of a low `rank` are asked first.
    """

    id: str
    given: list[Any] | str
    expected: Any
    encoded: Any
    size: int
    canary: bool
    rule: Rule
    rank: int = 0

    @functools.cached_property
    def passed(self) -> Check:
        """The check of a candidate that gives what is expected."""
        return Check(name=self.id, passed=True)


@dataclass(frozen=True)
class Generator:
    """Python text that defines generate(rng) -> list of arguments, and how many inputs to draw from it."""

    id: str
    source: str
    count: int


@dataclass(frozen=True)
class Reference:
    """Python text with the function that gives the expected values."""

    source: str
    entry: str


@dataclass(frozen=True)
class Script:
    """A test written as a program. `call` is its function that takes the candidate, "" when it calls the entry by name.

    `reduced` is what its asserts come to when each compares one call with something that needs no candidate.
    """

    source: str
    call: str
    reduced: Reduced | None


@dataclass(frozen=True)
class FunctionSpec:
    """A `functions` specification whose values are decoded; times in seconds."""

    task: str
    path: str
    entry: str
    cases: tuple[Case, ...]
    canaries: tuple[Case, ...]
    inputs: tuple[tuple[str, Any], ...]  # id and encoded arguments; `reference` gives their expected values
    generators: tuple[Generator, ...]
    reference: Reference
    script: Script | None
    rule: Rule
    prelude: str  # runs in the candidate's module before its source, and `setup` after it
    setup: str
    timeout_s: float
    call_timeout_s: float  # for one call, 0 for no limit of its own; it only ends a run sooner that would end anyway
    oracle_timeout_s: float
    largest_kb: int  # an input whose expected value is longer is left out; 0 makes it a fault of the task
    seed: str  # "" draws one for each grading
    digest: str  # equal digests mean equal specifications

    @functools.cached_property
    def wide(self) -> bool:
        """Whether results of other than the exact plain types may count, as they do for == and for bool()."""
        return bool(self.script) or any(rule.compare != "strict" or rule.canonical for rule in self._rules())

    def _rules(self) -> list[Rule]:
        return [self.rule, *(case.rule for case in self.cases)]

    @property
    def static(self) -> tuple[Expectation, ...] | None:
        """What a script expects, where that can be read without running it."""
        return self.script.reduced.static if self.script and self.script.reduced else None

    @property
    def asks_oracle(self) -> bool:
        """Whether some expected values must be computed in a sandbox of the oracle."""
        return bool(self.inputs or self.generators or self.script)


_read: OrderedDict[int, tuple[Task, FunctionSpec]] = OrderedDict()


def parse_spec(task: Task) -> FunctionSpec:
    """Return the specification of a task, read once while it is in use. Raises BadSpec when it cannot be used."""
    known = _read.get(id(task))
    if known is not None and known[0] is task:
        _read.move_to_end(id(task))
        return known[1]
    spec = _parse(task)
    _read[id(task)] = (task, spec)
    if len(_read) > _KEPT:
        _read.popitem(last=False)
    return spec


def _parse(task: Task) -> FunctionSpec:
    data = task.grader.data
    if unknown := set(data) - _FIELDS:
        raise BadSpec(f"task {task.id}: grader.data: unknown field {sorted(unknown)[0]}")
    path, entry = data.get("path"), data.get("entry")
    if not isinstance(path, str) or not task.declares(path):
        raise BadSpec(f"task {task.id}: grader.data.path: {path!r} is not a declared output")
    if not isinstance(entry, str) or not _ENTRY.fullmatch(entry):
        raise BadSpec(f"task {task.id}: grader.data.entry: {entry!r} is not a name")
    rule = _rule(data, Rule(), f"task {task.id}: grader.data")
    timeout_s = _number(data, "timeout_s", 5.0, 0.01, f"task {task.id}: grader.data")
    cases = _cases(task, "cases", rule)
    canaries = _cases(task, "canaries", rule)
    script = _script(task, entry)
    inputs, generators = _inputs(task), _generators(task)
    if not (cases or inputs or generators or script):
        raise BadSpec(f"task {task.id}: grader.data.cases: there is none, nor inputs, generators or a script")
    if script and (inputs or generators or cases or canaries):
        raise BadSpec(f"task {task.id}: grader.data.script: it stands alone, without cases, inputs or generators")
    _check_together(task, cases, canaries, [*(name for name, _ in inputs), *(made.id for made in generators)])
    reference = _reference(task, path, entry, needed=bool(inputs or generators or script))
    return FunctionSpec(
        task=task.id,
        path=path,
        entry=entry,
        cases=cases,
        canaries=canaries,
        inputs=inputs,
        generators=generators,
        reference=reference,
        script=script,
        rule=rule,
        call_timeout_s=_number(data, "call_timeout_s", 0.0, 0.0, f"task {task.id}: grader.data"),
        prelude=_text(data, "prelude", f"task {task.id}: grader.data"),
        setup=_text(data, "setup", f"task {task.id}: grader.data"),
        timeout_s=timeout_s,
        oracle_timeout_s=_number(data, "oracle_timeout_s", max(20.0, timeout_s), 0.1, f"task {task.id}: grader.data"),
        largest_kb=int(_number(data, "largest_kb", 0, 0, f"task {task.id}: grader.data")),
        seed=_text(data, "seed", f"task {task.id}: grader.data"),
        digest=_digest(task, reference),
    )


def _digest(task: Task, reference: Reference) -> str:
    text = json.dumps([task.grader.data, reference.source, reference.entry], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _number(data: dict[str, Any], name: str, default: float, least: float, where: str) -> float:
    value = data.get(name, default)
    if type(value) not in (int, float) or not math.isfinite(value) or value < least:
        raise BadSpec(f"{where}.{name}: {value!r} is not a number of at least {least}")
    return float(value)


def _text(data: dict[str, Any], name: str, where: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise BadSpec(f"{where}.{name}: it is not text")
    return value


def _rule(data: dict[str, Any], default: Rule, where: str) -> Rule:
    if not _RULE & set(data):
        return default
    compare, canonical = data.get("compare", default.compare), data.get("canonical", default.canonical)
    for name, value, allowed in (("compare", compare, COMPARES), ("canonical", canonical, CANONICAL)):
        if value not in allowed:
            raise BadSpec(f"{where}.{name}: {value!r} is none of {', '.join(filter(None, allowed))}")
    if "relative" in data and compare == "strict" and not canonical:
        raise BadSpec(f"{where}.relative: it goes with compare python")
    relative = None if data.get("relative", default.relative) is None else _number(data, "relative", 0.0, 0.0, where)
    return Rule(compare, canonical, _number(data, "tolerance", default.tolerance, 0.0, where), relative)


def make_case(name: str, given: Any, expected: Any, rule: Rule, canary: bool = False) -> Case:
    """Return a case with its expected value encoded. Raises EncodingError."""
    encoded = encode(expected)
    # Small inputs first, those within a factor of 16 in any order: a wrong answer to a small one may spare the large.
    rank = _weight(given).bit_length() // 4
    return Case(name, given, expected, encoded, len(json.dumps(encoded)), canary, rule, rank)


def _weight(given: Any) -> int:
    """Return how large an input is: what its numbers and the lengths of its texts and containers come to."""
    if isinstance(given, int):
        return abs(given)
    if isinstance(given, float):
        return int(min(abs(given), 1e18)) if given == given else 0
    if isinstance(given, dict):
        return len(given) + sum(_weight(key) + _weight(value) for key, value in given.items())
    if isinstance(given, list | tuple | set):
        return len(given) + sum(map(_weight, given))
    return len(given) if isinstance(given, str | bytes) else 0


def _cases(task: Task, field: str, rule: Rule) -> tuple[Case, ...]:
    raw = task.grader.data.get(field, [])
    if not isinstance(raw, list):
        raise BadSpec(f"task {task.id}: grader.data.{field}: not a list")
    found = []
    for number, item in enumerate(raw):
        where = f"task {task.id}: grader.data.{field}[{number}]"
        plain = isinstance(item, dict) and isinstance(item.get("id"), str) and "expected" in item
        if not plain or ("args" in item) == ("call" in item) or set(item) - _RULE - {"id", "args", "call", "expected"}:
            raise BadSpec(f"{where}: it needs id (text), args or call, and expected, and nothing else")
        try:
            expected = read(item["expected"])
            given = item["call"] if "call" in item else read(item["args"])
            case = make_case(item["id"], given, expected, _rule(item, rule, where), field == "canaries")
        except (EncodingError, RecursionError) as error:
            raise BadSpec(f"{where}: {error}") from error
        if type(given) not in ((str,) if "call" in item else (list, tuple)):
            raise BadSpec(f"{where}: {'call is not text' if 'call' in item else 'args is not a list'}")
        found.append(case)
    return tuple(found)


def _inputs(task: Task) -> tuple[tuple[str, Any], ...]:
    raw = task.grader.data.get("inputs", [])
    if not isinstance(raw, list):
        raise BadSpec(f"task {task.id}: grader.data.inputs: not a list")
    found = []
    for number, item in enumerate(raw):
        if type(item) is dict and set(item) == {"id", "args"} and isinstance(item["id"], str):
            name, args = item["id"], item["args"]
        else:
            name, args = f"input-{number}", item
        if type(args) not in (list, tuple):
            raise BadSpec(f"task {task.id}: grader.data.inputs[{number}]: it is no list of arguments, nor id and args")
        found.append((name, args))
    return tuple(found)


def _generators(task: Task) -> tuple[Generator, ...]:
    raw = task.grader.data.get("generators", [])
    if not isinstance(raw, list):
        raise BadSpec(f"task {task.id}: grader.data.generators: not a list")
    found = []
    for number, item in enumerate(raw):
        where = f"task {task.id}: grader.data.generators[{number}]"
        if not isinstance(item, dict) or set(item) - {"id", "source", "count"} or not isinstance(item.get("id"), str):
            raise BadSpec(f"{where}: it needs id (text), source and count, and nothing else")
        count = item.get("count", 1)
        if type(count) is not int or not 1 <= count <= 100_000:
            raise BadSpec(f"{where}.count: {count!r} is not a whole number from 1 to 100,000")
        source = _source(item, where)
        found.append(Generator(item["id"], source, count))
    return tuple(found)


def _source(item: dict[str, Any], where: str) -> str:
    source = item.get("source")
    if not isinstance(source, str):
        raise BadSpec(f"{where}.source: it is not text")
    return source


def _reference(task: Task, path: str, entry: str, *, needed: bool) -> Reference:
    item = task.grader.data.get("reference")
    where = f"task {task.id}: grader.data.reference"
    if item is None:
        if needed and path not in task.gold:
            raise BadSpec(f"{where}: there is none, and the task's gold has no {path}")
        return Reference(task.gold.get(path, "").removeprefix("\ufeff"), entry)
    if not isinstance(item, dict) or set(item) - {"source", "entry"}:
        raise BadSpec(f"{where}: it needs source and, where it differs, entry")
    name = item.get("entry", entry)
    if not isinstance(name, str) or not _ENTRY.fullmatch(name):
        raise BadSpec(f"{where}.entry: {name!r} is not a name")
    return Reference(_source(item, where), name)


def _script(task: Task, entry: str) -> Script | None:
    item = task.grader.data.get("script")
    if item is None:
        return None
    where = f"task {task.id}: grader.data.script"
    if not isinstance(item, dict) or set(item) - {"source", "call"}:
        raise BadSpec(f"{where}: it needs source and, where a function takes the candidate, call")
    source, call = _source(item, where), _text(item, "call", where)
    if not call and not entry.isidentifier():
        raise BadSpec(f"{where}.call: a script that calls by name needs an entry that is one name, not {entry}")
    try:
        reduced = reduce_script(source, call, entry)
    except SyntaxError as error:
        raise BadSpec(f"{where}.source: line {error.lineno}: {error.msg}") from error
    return Script(source, call, reduced)


def _check_together(task: Task, cases: tuple[Case, ...], canaries: tuple[Case, ...], others: list[str]) -> None:
    ids = [*(case.id for case in (*cases, *canaries)), *others]
    if len(set(ids)) < len(ids):
        name = next(name for name in ids if ids.count(name) > 1)
        raise BadSpec(f"task {task.id}: grader.data: two cases are called {name!r}")
    wanted: dict[str, list[Case]] = {}
    for case in cases:
        wanted.setdefault(_input(case), []).append(case)
    for canary in canaries:
        if any(agrees(case.encoded, canary.expected, canary.rule) for case in wanted.get(_input(canary), [])):
            raise BadSpec(f"task {task.id}: grader.data.canaries: {canary.id!r} expects what is right")


def _input(case: Case) -> str:
    return case.given if isinstance(case.given, str) else json.dumps(encode(list(case.given)))
