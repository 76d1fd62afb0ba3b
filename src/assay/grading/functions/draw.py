"""The cases of one grading: the listed ones, and those whose values a reference, a generator or a script gives.

What depends on no random number is asked of the oracle once while this process lives; what does is drawn anew, with a
secret seed, for each grading. One run of the oracle may draw for a few gradings to come: each draw is used once.
"""

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from assay.grading.functions.asserts import EXPECT, Reduced
from assay.grading.functions.canaries import canaries_for
from assay.grading.functions.compare import Rule
from assay.grading.functions.oracle import OracleError, Place, ask
from assay.grading.functions.spec import Case, FunctionSpec, make_case
from assay.grading.functions.stock import fresh, one_at_a_time
from assay.grading.runs import laid_out
from assay.grading.spec_fields import BadSpec
from assay.grading.values import EncodingError, decode, read
from assay.nouns import Task

_KEPT = 1024  # tasks whose answers of the oracle are kept, the last used ones


@dataclass(frozen=True)
class Drawn:
    """The cases of one grading, canaries among them. `seed` gives the same ones again, "" where none was drawn.

    `reference_s` is what the reference took for all its values, 0 where it gave none. `left_out` names the inputs
    whose results are too long to compare.
    """

    cases: tuple[Case, ...]
    seed: str = ""
    reference_s: float = 0.0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recorded:
    """A script that must be played: the calls that the reference gets in it, as text, and the sizes of its answers.

    `changes`: it changes its arguments, so what a call makes of them counts as part of its answer.
    """

    said: str
    calls: tuple[str, ...]
    sizes: tuple[int, ...]
    changes: bool
    seed: str


@dataclass(frozen=True)
class _Kept:
    """What is known of a task: its answer or fault when it is always the same, None when it must be asked each time."""

    answer: Any


_known: OrderedDict[str, _Kept] = OrderedDict()


async def draw(task: Task, spec: FunctionSpec) -> Drawn | Recorded:
    """Return the cases of one grading, or the record of a script that must be played with the candidate's answers.

    Raises BadSpec when the task's own code fails, MachineryError when ours does.
    """
    if not spec.asks_oracle:
        return Drawn((*spec.cases, *spec.canaries))
    if spec.static is not None:
        return await _once(spec, lambda: _static(spec))
    if spec.generators:
        return await fresh(spec, lambda count: _values(task, spec, _seeds(spec, count)))
    kept = await _once(spec, lambda: _asked(task, spec))
    return kept if kept is not None else await fresh(spec, lambda count: _again(task, spec, count))


async def _once(spec: FunctionSpec, make: Callable[[], Awaitable[tuple[Any, bool]]]) -> Any:
    """Return what `make` gives, kept when it says that it is always the same, and None for what is known not to be.

    Other gradings wait for the first.
    """
    if spec.digest not in _known:
        async with one_at_a_time(spec.digest):
            if spec.digest not in _known:
                return await _first(spec, make)
    _known.move_to_end(spec.digest)
    answer = _known[spec.digest].answer
    if isinstance(answer, BadSpec):
        raise answer
    return answer


async def _first(spec: FunctionSpec, make: Callable[[], Awaitable[tuple[Any, bool]]]) -> Any:
    try:
        answer, same = await make()
    except BadSpec as error:
        if not (isinstance(error.__cause__, OracleError) and error.__cause__.late):
            _keep(spec, error)
        raise
    _keep(spec, answer if same else None)
    return answer


def _keep(spec: FunctionSpec, answer: Any) -> None:
    _known[spec.digest] = _Kept(answer)
    if len(_known) > _KEPT:
        _known.popitem(last=False)


async def _static(spec: FunctionSpec) -> tuple[Drawn, bool]:
    static = spec.static or ()
    found = [
        _case(spec, f"assert-{number}", item.given, item.expected, item.rule) for number, item in enumerate(static)
    ]
    return Drawn((*found, *canaries_for(found, spec.digest))), True


def _case(spec: FunctionSpec, name: str, given: Any, expected: Any, rule: Rule) -> Case:
    try:
        return make_case(name, given, expected, rule)
    except EncodingError as error:
        raise BadSpec(f"task {spec.task}: grader.data: what {name} expects is {error}") from error


def place(task: Task, spec: FunctionSpec) -> Place:
    """Return where this task's oracle runs."""
    return Place(task.limits, spec.oracle_timeout_s, laid_out(task, {**task.files, **task.gold}))


def request(spec: FunctionSpec, mode: str, **more: Any) -> dict[str, Any]:
    """Return what the oracle is told."""
    script = spec.script
    return {
        "mode": mode,
        "path": spec.path,
        "source": spec.reference.source,
        "entry": spec.reference.entry,
        "prelude": spec.prelude,
        "setup": spec.setup,
        "script": script.source if script else "",
        "call": script.call if script else "",
        **more,
    }


def _seeds(spec: FunctionSpec, count: int) -> list[str]:
    """Return secret seeds, one for each of the next `count` gradings, or the one that the specification gives."""
    return [spec.seed or secrets.token_hex(8) for _ in range(count)]


async def _asked(task: Task, spec: FunctionSpec) -> tuple[Drawn | Recorded, bool]:
    """Return the cases of the first grading, and whether every other one has the same.

    A script is run twice with one seed and once with another, to see whether it repeats itself.
    """
    if spec.script is None:
        return (await _values(task, spec, [""]))[0], True
    if spec.seed:
        return (await _again(task, spec, 1))[0], False
    one, other = _seeds(spec, 2)
    same, found = await _scripted(task, spec, [one, one, other], check=True)
    return found[0], same


async def _again(task: Task, spec: FunctionSpec, count: int) -> Sequence[Drawn | Recorded]:
    return (await _scripted(task, spec, _seeds(spec, count), check=False))[1]


async def _scripted(
    task: Task, spec: FunctionSpec, seeds: list[str], *, check: bool
) -> tuple[bool, Sequence[Drawn | Recorded]]:
    """Run a script with each seed, or with three to `check` it, and return what it comes to; with them only the last.

    The first answer says whether random numbers change nothing, as far as that was seen.
    """
    reduced = spec.script.reduced if spec.script else None
    if reduced is None:
        return await _recorded(task, spec, seeds, check)
    try:
        return await _expected(task, spec, reduced, seeds, check)
    except BadSpec:
        # It may check what a call does to its arguments, and then it must be played.
        return await _recorded(task, spec, seeds, check)


async def _values(task: Task, spec: FunctionSpec, seeds: list[str]) -> list[Drawn]:
    """Return the listed cases and those of `inputs` and `generators`, with the reference's values, for each seed."""
    where = f"task {spec.task}: grader.data"
    try:
        inputs = [(name, read(args)) for name, args in spec.inputs]
        answer = await ask(
            place(task, spec),
            request(
                spec,
                "draw",
                inputs=inputs,
                generators=[(made.id, made.source, made.count) for made in spec.generators],
                seeds=seeds,
                wide=spec.rule.compare != "strict",
                largest=spec.largest_kb << 10,
            ),
        )
    except (OracleError, EncodingError) as error:
        raise BadSpec(f"{where}: {'generators' if spec.generators else 'inputs'}: {error}") from error
    asked = dict(inputs)
    try:
        return [_drawn(spec, asked, one, seed) for one, seed in zip(answer, seeds, strict=True)]
    except (EncodingError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, BadSpec):
            raise
        raise BadSpec(f"{where}: the oracle's answer cannot be read: {error}") from error


def _drawn(spec: FunctionSpec, asked: dict[str, Any], answer: Any, seed: str) -> Drawn:
    found, left_out = [], []
    took_s, values = answer
    for name, args, value, *long in values:
        if long:
            left_out.append(str(name))
            continue
        given = asked[name] if args is None else decode(args)
        found.append(make_case(name, given, _plain(value, spec.rule), spec.rule))
    if not found and not spec.cases:
        raise BadSpec(f"task {spec.task}: grader.data: every result of the reference is too long to compare")
    cases = (*spec.cases, *spec.canaries, *found, *canaries_for(found, seed or spec.digest))
    return Drawn(cases, seed, float(took_s), tuple(left_out))


def _plain(data: Any, rule: Rule) -> Any:
    """Return what the reference gave as a plain value: an iterator counts as a list where its items are compared."""
    if rule.compare == "truth" and type(data) is dict and set(data) <= {"o", "g"}:
        return data.get("o", True)
    if rule.canonical and type(data) is dict and set(data) == {"g"}:
        return decode(data["g"])
    return decode(data)


async def _expected(
    task: Task, spec: FunctionSpec, reduced: Reduced, seeds: list[str], check: bool
) -> tuple[bool, list[Drawn]]:
    """Run a script that says what it expects, and return its expectations as cases."""
    where = f"task {spec.task}: grader.data.script"
    try:
        told = request(spec, "expect", seeds=seeds, check=check, expect=EXPECT)
        same, answers = await ask(place(task, spec), {**told, "script": reduced.source})
        used = seeds[-len(answers) :]
        return bool(same), [
            _expectations(spec, reduced, answer, "" if same else seed, seed)
            for answer, seed in zip(answers, used, strict=True)
        ]
    except OracleError as error:
        raise BadSpec(f"{where}: {error}") from error
    except (EncodingError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, BadSpec):
            raise
        raise BadSpec(f"{where}: the oracle's answer cannot be read: {error}") from error


def _expectations(spec: FunctionSpec, reduced: Reduced, answer: Any, seed: str, salt: str) -> Drawn:
    found = []
    for number, (rule, (args, kwargs), value) in enumerate(answer):
        given: Any = decode(args)
        if names := decode(kwargs):
            words = [*(repr(arg) for arg in given), *(f"{name}={item!r}" for name, item in names.items())]
            given = f"{spec.entry}({', '.join(words)})"
        expected = _plain(value, reduced.rules[rule])
        if reduced.rules[rule].relative is not None and type(expected) is int:
            expected = float(expected)
        found.append(_case(spec, f"assert-{number}", given, expected, reduced.rules[rule]))
    return Drawn((*found, *canaries_for(found, salt)), seed)


async def _recorded(task: Task, spec: FunctionSpec, seeds: list[str], check: bool) -> tuple[bool, list[Recorded]]:
    """Play the script with the reference, and return the calls it makes."""
    where = f"task {spec.task}: grader.data.script"
    try:
        same, answers = await ask(place(task, spec), request(spec, "replay", seeds=seeds, check=check, answers=""))
        used = seeds[-len(answers) :]
        found = [
            Recorded(str(said), tuple(map(str, calls)), tuple(map(int, sizes)), bool(changes), seed)
            for (said, calls, sizes, changes), seed in zip(answers, used, strict=True)
        ]
    except OracleError as error:
        raise BadSpec(f"{where}: {error}") from error
    except (ValueError, TypeError) as error:
        raise BadSpec(f"{where}: the oracle's answer cannot be read: {error}") from error
    for recorded in found:
        if recorded.said != "passed":
            raise BadSpec(f"{where}: the reference itself {recorded.said}")
        if not recorded.calls:
            raise BadSpec(f"{where}: it never calls the candidate")
    return bool(same), found
