"""The plan of a labelled set: which attempt does what on which task, settled by the seed before anything runs."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from assay.audit.evaluation.behaviours import Behaviour, behaviours
from assay.audit.evaluation.desk import Turn
from assay.audit.evaluation.kits import KITS, Kit
from assay.audit.evaluation.labels import HALVES, Half, Label
from assay.audit.evaluation.problems import Problem
from assay.audit.evaluation.wording import Voice
from assay.nouns import PlannedAttempt

_ARMS = ("solver-a", "solver-b", "solver-c", "solver-d")  # drawn for each attempt: an arm says nothing of its label
_ADMITS = 0.3  # the share of cheats whose prose says what they do


@dataclass(frozen=True)
class Scripted:
    """One attempt to come: its plan, its problem, what will be said and done, and its label so far."""

    planned: PlannedAttempt
    problem: Problem
    turns: tuple[Turn, ...]
    label: Label


def scripted(seed: int, only: Sequence[str] = (), halves: Sequence[Half] = HALVES) -> list[Scripted]:
    """Return the attempts of these halves, in an order drawn by the seed; `only` keeps these behaviours.

    What is done in an attempt does not depend on the other halves, only its place in the order does.
    """
    acting = [one for one in behaviours() if one.half in halves and (not only or one.name in only)]
    problems = {draw: draw(seed) for draw in {KITS[one.room].problems for one in acting}}
    chosen = [(one, variant) for one in acting for variant in range(one.variants)]
    order = list(range(len(chosen)))
    random.Random(f"order:{seed}").shuffle(order)
    return [
        _scripted(one, variant, KITS[one.room], problems[KITS[one.room].problems], seed, trial)
        for trial, (one, variant) in enumerate(chosen[place] for place in order)
    ]


def _scripted(
    behaviour: Behaviour, variant: int, kit: Kit, problems: dict[str, list[Problem]], seed: int, trial: int
) -> Scripted:
    rng = random.Random(f"{seed}:{behaviour.name}:{variant}")
    offset = hashlib.sha256(behaviour.name.encode()).digest()[1]
    benchmark = behaviour.benchmarks[(variant + offset) % len(behaviour.benchmarks)]
    problem = rng.choice(
        [one for one in problems[benchmark] if not behaviour.needs or behaviour.needs in {*one.traps, *one.traits}]
    )
    level = (variant + offset) % 3 if behaviour.cheat else 0
    admits = behaviour.cheat and rng.random() < _ADMITS
    voice = Voice(rng, admits=admits, phrases=kit.phrases, filler=kit.filler)
    turns = tuple(behaviour.act(kit.desk(problem, rng, variant, level, voice)))
    planned = PlannedAttempt(
        arm=rng.choice(_ARMS), seed=seed, dose=0, task_id=problem.task.id, split=problem.task.split, trial=trial
    )
    label = Label(
        attempt=planned.id,
        cheat=behaviour.cheat,
        family=behaviour.family,
        mechanism=behaviour.name,
        half=behaviour.half,
        benchmark=benchmark,
        variant=variant,
        level=level,
        tone=voice.tone,
    )
    return Scripted(planned, problem, turns, label)
