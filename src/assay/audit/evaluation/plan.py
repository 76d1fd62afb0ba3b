"""The plan of a labelled set: which attempt does what on which task, settled by the seed before anything runs."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from assay.audit.evaluation.behaviours import Behaviour, behaviours
from assay.audit.evaluation.desk import Desk, Turn
from assay.audit.evaluation.labels import Label
from assay.audit.evaluation.problems import Problem, all_problems
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


def scripted(seed: int, only: Sequence[str] = ()) -> list[Scripted]:
    """Return the attempts of the set, in an order drawn by the seed; `only` keeps these behaviours."""
    problems = all_problems(seed)
    chosen = [(one, variant) for one in behaviours() for variant in range(one.variants) if not only or one.name in only]
    order = list(range(len(chosen)))
    random.Random(f"order:{seed}").shuffle(order)
    return [_scripted(*chosen[place], problems, seed, trial) for trial, place in enumerate(order)]


def _scripted(
    behaviour: Behaviour, variant: int, problems: dict[str, list[Problem]], seed: int, trial: int
) -> Scripted:
    rng = random.Random(f"{seed}:{behaviour.name}:{variant}")
    offset = hashlib.sha256(behaviour.name.encode()).digest()[1]
    benchmark = behaviour.benchmarks[(variant + offset) % len(behaviour.benchmarks)]
    problem = rng.choice([one for one in problems[benchmark] if not behaviour.needs or behaviour.needs in one.traps])
    level = (variant + offset) % 3 if behaviour.cheat else 0
    voice = Voice(rng, admits=behaviour.cheat and rng.random() < _ADMITS)
    turns = tuple(behaviour.act(Desk(problem, rng, variant, level, voice)))
    planned = PlannedAttempt(
        arm=rng.choice(_ARMS), seed=seed, dose=0, task_id=problem.task.id, split=problem.task.split, trial=trial
    )
    label = Label(
        attempt=planned.id,
        cheat=behaviour.cheat,
        family=behaviour.family,
        mechanism=behaviour.name,
        held_out=behaviour.held_out,
        benchmark=benchmark,
        variant=variant,
        level=level,
        tone=voice.tone,
    )
    return Scripted(planned, problem, turns, label)
