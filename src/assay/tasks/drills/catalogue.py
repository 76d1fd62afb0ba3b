"""The catalogue: every template, and for each the mutations that really change what it returns."""

import functools
import importlib
import pkgutil
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import assay.tasks.drills as package
from assay.errors import MachineryError
from assay.tasks.drills import run
from assay.tasks.drills.inputs import draw_inputs
from assay.tasks.drills.mutations import mutations
from assay.tasks.drills.template import Filling, Template, fill

INPUTS = 30  # how many inputs are drawn for one task
_PROBES = 4  # draws in which a mutation is tried
_SHOWN = 2  # of these, how many it must change to be kept
_BROKEN = {"NameError", "UnboundLocalError"}  # a mutant that no one would have written

_SLIPS = (
    (r"\b(break|continue)$", "pass"),
    (r"^(\s+return|.* =) (\w+|\w+\(\w+\))$", r"\1 \2 + 1"),
    (r"return (True|False)$", "return None"),
    (r"if (\w+):$", r"if \1 == 1:"),
    (r'"[^"]*"', '"-"'),
)


@dataclass(frozen=True)
class Mutation:
    """One change of a template: line `place` (from 0) becomes `changed`, by `operator`."""

    operator: str
    place: int
    changed: str


@dataclass(frozen=True)
class Probe:
    """A filled template with inputs and what the right function returns for them."""

    filling: Filling
    gold: tuple[str, ...]
    inputs: list[tuple[Any, ...]]
    expected: list[Any]

    @property
    def name(self) -> str:
        """The function's name."""
        return self.filling.names["F"]

    def text(self) -> str:
        """Return the right module."""
        return "\n".join(self.gold) + "\n"

    def changed(self, place: int, line: str) -> str:
        """Return the module with template line `line` filled in at `place`."""
        lines = list(self.gold)
        lines[place] = self.filling.apply(line)
        return "\n".join(lines) + "\n"


def fill_and_run(template: Template, rng: random.Random) -> Probe:
    """Draw names, constants and inputs for `template`, and run its right function on them."""
    return with_inputs(template, fill(template, rng), rng)


def with_inputs(template: Template, filling: Filling, rng: random.Random) -> Probe:
    """Draw inputs for a filled template and run its right function on them. MachineryError if it raises."""
    gold = tuple(filling.apply(line) for line in template.lines)
    function = run.build("\n".join(gold), filling.names["F"])
    inputs: dict[str, tuple[Any, ...]] = {}
    for _ in range(INPUTS):
        arguments = draw_inputs(template, filling.consts, rng)
        inputs.setdefault(repr(arguments), arguments)
    expected = [run.call(function, arguments, may_loop=False) for arguments in inputs.values()]
    if any(isinstance(outcome, run.Raised) for outcome in expected):
        raise MachineryError(f"the drill template {template.name} raises on one of its own inputs")
    return Probe(filling, gold, list(inputs.values()), expected)


def outcomes(source: str, name: str, inputs: list[tuple[Any, ...]]) -> list[Any] | None:
    """Return what `source` gives for each input; None when it does not compile, hangs or is not worth having."""
    try:
        function = run.build(source, name)
    except (SyntaxError, NameError, TypeError):
        return None
    # A for loop ends by itself unless the list it walks grows.
    may_loop = "while " in source or ".append(" in source or ".insert(" in source
    results = []
    for arguments in inputs:
        try:
            result = run.call(function, arguments, may_loop)
        except run.Endless:
            return None
        if isinstance(result, run.Raised) and result.kind in _BROKEN:
            return None
        results.append(result)
    return results


@functools.cache
def templates() -> dict[str, Template]:
    """Return every template by name, from all modules of this package called templates_*."""
    found: dict[str, Template] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        if module.startswith("templates_"):
            for template in importlib.import_module(f"{package.__name__}.{module}").TEMPLATES:
                if template.name in found:
                    raise MachineryError(f"two drill templates are called {template.name}")
                found[template.name] = template
    return found


@functools.cache
def line_changes(line: str, scope: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return (operator, changed line) for one line of a template; of a `def` only its default may change."""
    changes = mutations(line, scope)
    if line.startswith("def"):
        allowed = {"off_by_one", "changed_constant", "default_value"}
        return tuple((name, changed) for name, changed in changes if name in allowed and "=" in line)
    return tuple(changes)


@functools.cache
def slips(line: str) -> tuple[str, ...]:
    """Return further lines for a mis-repair to try, for bugs so short that no operator gives another."""
    found = [
        line[: match.start()] + str(int(match[0]) + more) + line[match.end() :]
        for match in re.finditer(r"(?<![\w@])\d+", line)
        for more in (1, 2)
    ]
    return (*found, *(re.sub(pattern, new, line) for pattern, new in _SLIPS))


def scope_of(template: Template) -> frozenset[str]:
    """Return the holes that the code of a template (not its docstring) uses, F left out."""
    lines = template.lines
    return frozenset(re.findall(r"\b([A-Z])\b", "\n".join([lines[0], *lines[2:]]))) - {"F"}


def _candidates(template: Template) -> Iterator[Mutation]:
    scope = scope_of(template)
    taken: set[tuple[int, str]] = set()
    for place, line in enumerate(template.lines):
        if line.lstrip().startswith('"""'):
            continue
        for name, changed in line_changes(line, scope):
            # The first operator that makes a line owns it, so that names say what was done.
            if (place, changed) not in taken:
                taken.add((place, changed))
                yield Mutation(name, place, changed)


@functools.cache
def live_mutations(name: str) -> dict[str, tuple[Mutation, ...]]:
    """Return, by operator, the mutations of a template that change its results in a fixed set of probes."""
    template = templates()[name]
    rng = random.Random(f"drills/probe/{name}")
    probes = [fill_and_run(template, rng) for _ in range(_PROBES)]
    kept: dict[str, list[Mutation]] = defaultdict(list)
    for mutation in _candidates(template):
        if sum(_shows(probe, mutation) for probe in probes) >= _SHOWN:
            kept[mutation.operator].append(mutation)
    return {operator: tuple(found) for operator, found in kept.items()}


def _shows(probe: Probe, mutation: Mutation) -> bool:
    results = outcomes(probe.changed(mutation.place, mutation.changed), probe.name, probe.inputs)
    return results is not None and results != probe.expected


@functools.cache
def pairs(held_out: bool) -> tuple[tuple[str, str], ...]:
    """Return every (template, operator) that can be drawn, of the trained or of the held-out templates."""
    return tuple(
        (name, operator)
        for name, template in templates().items()
        if template.held_out is held_out
        for operator in live_mutations(name)
    )
