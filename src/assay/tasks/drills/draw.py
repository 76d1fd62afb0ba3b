"""Drawing one drill: fill a template, seed one bug, choose cases that show it, write the task."""

import hashlib
import random
from dataclasses import dataclass
from typing import Any

from assay.grading.values import encode
from assay.nouns import GraderSpec, Limits, Task
from assay.tasks.drills.catalogue import (
    Mutation,
    Probe,
    line_changes,
    live_mutations,
    outcomes,
    scope_of,
    slips,
    templates,
    with_inputs,
)
from assay.tasks.drills.issue import issue_text, shown_call, test_script
from assay.tasks.drills.run import Raised
from assay.tasks.drills.template import Template, fill

LIMITS = Limits(steps=7, wall_s=60.0, command_s=5.0, output_chars=1200, memory_mb=512)
_HIDDEN = 10
_FEWEST_HIDDEN = 8
_LONGEST_CALL = 44  # characters of the call that the issue tells
_LONGEST_VALUE = 28
_TRAIN_SHARE = 8  # of 10: modules whose hash falls there are for training, the rest for `seen`


@dataclass(frozen=True)
class _Cases:
    visible: list[int]
    hidden: list[int]


def draw_task(split: str, number: int, pair: tuple[str, str], rng: random.Random) -> Task | None:
    """Return one task for (template, operator), or None when this draw does not do; then draw again."""
    template = templates()[pair[0]]
    filling = fill(template, rng)
    if not _belongs(split, "\n".join(map(filling.apply, template.lines))):
        return None
    probe = with_inputs(template, filling, rng)
    mutation = rng.choice(live_mutations(template.name)[pair[1]])
    broken = probe.changed(mutation.place, mutation.changed)
    found = outcomes(broken, probe.name, probe.inputs)
    if found is None:
        return None
    cases = _choose(probe, found, rng)
    if cases is None:
        return None
    wrong = _wrong_lines(template, mutation, probe, [probe.inputs[n] for n in cases.visible], rng)
    if not wrong:
        return None
    first = cases.visible[0]
    return Task(
        id=f"drills/{split}/{number:05d}",
        source="drills",
        split=split,
        family=template.family,
        instruction=issue_text(probe.name, probe.inputs[first], found[first], probe.expected[first], rng),
        files={
            "mod.py": broken,
            "test_mod.py": test_script(
                probe.name, [(probe.inputs[n], probe.expected[n]) for n in cases.visible]
            ),
        },
        outputs=("mod.py",),
        gold={"mod.py": probe.text()},
        grader=_grader(probe, cases.hidden, rng),
        limits=LIMITS,
        metadata={
            "template": template.name,
            "operator": mutation.operator,
            "line": mutation.place + 1,
            "before": filling.apply(mutation.changed),
            "after": probe.gold[mutation.place],
            "wrong": wrong,
        },
    )


def _belongs(split: str, gold: str) -> bool:
    """Whether this module may be drawn for `split`: train and seen part all modules by hash."""
    if split == "unseen":
        return True
    bucket = int.from_bytes(hashlib.sha256(gold.encode()).digest()[:4]) % 10
    return (bucket < _TRAIN_SHARE) is (split == "train")


def _choose(probe: Probe, found: list[Any], rng: random.Random) -> _Cases | None:
    """Choose the visible cases (the first shows the bug) and the hidden ones (at least one shows it)."""
    shows = [found[n] != want for n, want in enumerate(probe.expected)]
    sizes = [
        len(shown_call(probe.name, inputs)) + len(repr(want))
        for inputs, want in zip(probe.inputs, probe.expected, strict=True)
    ]
    killers = sorted((n for n, shown in enumerate(shows) if shown), key=lambda n: sizes[n])
    others = sorted((n for n, shown in enumerate(shows) if not shown), key=lambda n: sizes[n])
    if not killers or not _short(probe, found, killers[0]):
        return None
    first = killers[rng.randrange(min(3, len(killers)))]
    if not _short(probe, found, first):
        first = killers[0]
    # The second visible case is short too, and one that still works where there is one.
    second = next((n for n in [*others, *killers] if n != first), None)
    visible = [first] if second is None else [first, second]
    fresh = [n for n in killers if n not in visible]
    # A boundary of one argument has a single input that shows the bug: then it decides as well.
    deciding = fresh[:] if fresh else [first]
    rng.shuffle(deciding)
    deciding = deciding[: _HIDDEN // 2]
    rest = [n for n in [*killers, *others] if n not in visible and n not in deciding]
    rng.shuffle(rest)
    hidden = deciding + rest[: _HIDDEN - len(deciding)]
    if len(hidden) < _FEWEST_HIDDEN:  # few inputs exist, two bools for one: then all of them decide
        hidden += [n for n in visible if n not in hidden]
    rng.shuffle(hidden)
    return _Cases(visible, hidden)


def _short(probe: Probe, found: list[Any], n: int) -> bool:
    got = found[n].kind if isinstance(found[n], Raised) else repr(found[n])
    call = shown_call(probe.name, probe.inputs[n])
    return len(call) <= _LONGEST_CALL and max(len(got), len(repr(probe.expected[n]))) <= _LONGEST_VALUE


def _wrong_lines(
    template: Template,
    mutation: Mutation,
    probe: Probe,
    visible: list[tuple[Any, ...]],
    rng: random.Random,
) -> list[str]:
    """Return up to two other lines at the bug's place that still fail the visible test."""
    scope = scope_of(template)
    right = template.lines[mutation.place]
    nearby = [line for _, line in line_changes(mutation.changed, scope) + line_changes(right, scope)]
    nearby += slips(mutation.changed)
    options = [line for line in dict.fromkeys(nearby) if line not in (right, mutation.changed)]
    rng.shuffle(options)
    expected = [probe.expected[probe.inputs.index(arguments)] for arguments in visible]
    wrong: list[str] = []
    taken = {probe.gold[mutation.place], probe.filling.apply(mutation.changed)}
    for option in options[:10]:
        line = probe.filling.apply(option)
        if line in taken:
            continue
        results = outcomes(probe.changed(mutation.place, option), probe.name, visible)
        if results is not None and results != expected:
            taken.add(line)
            wrong.append(line)
            if len(wrong) == 2:
                break
    return wrong


def _grader(probe: Probe, hidden: list[int], rng: random.Random) -> GraderSpec:
    """Return the oracle: the hidden cases, and two canaries whose expected value is wrong."""
    cases = [_case(f"c{n}", probe, place, probe.expected[place]) for n, place in enumerate(hidden)]
    canaries = [
        _case(f"c{len(hidden) + n}", probe, place, spoiled(probe.expected[place], rng))
        for n, place in enumerate(rng.sample(hidden, 2))
    ]
    data = {
        "path": "mod.py",
        "entry": probe.name,
        "cases": cases,
        "canaries": canaries,
        "tolerance": 0.0,
        "timeout_s": 5.0,
    }
    return GraderSpec(kind="functions", data=data)


def _case(name: str, probe: Probe, place: int, expected: Any) -> dict[str, Any]:
    return {"id": name, "args": encode(probe.inputs[place]), "expected": encode(expected)}


def spoiled(value: Any, rng: random.Random) -> Any:
    """Return a wrong value that no bug is likely to give: a candidate that returns it is called a cheat.

    It has the type of `value`, except for a bool: there each value is one that a bug gives.
    """
    if isinstance(value, int):
        return rng.randrange(10**8, 10**9)
    if isinstance(value, str):
        return value + "".join(rng.choices("bcdfghjklmnpqrstvwxz", k=8))
    if isinstance(value, tuple):
        return (spoiled(value[0], rng), *value[1:])
    if isinstance(value, list):
        return [*value, rng.randrange(10**8, 10**9)]
    if isinstance(value, dict):
        return {**value, "zzz": rng.randrange(10**8, 10**9)}
    raise TypeError(f"a drill returned {value!r}, which has no canary")
