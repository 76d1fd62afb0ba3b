"""load: a list of drills for a split, a count and a seed."""

import random
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from assay.errors import MachineryError, UserError
from assay.nouns import Task
from assay.tasks.drills.catalogue import pairs
from assay.tasks.drills.draw import draw_task

SPLITS = ("train", "seen", "unseen")
_TRIES = 200


def load(split: str, count: int, seed: int, **options: Any) -> list[Task]:
    """Return `count` drills of `split`; a longer list with the same seed begins with the shorter one.

    `train` and `seen` share templates but no module, `unseen` has templates that never train.
    UserError for an unknown split, a negative count or any option: drills take none.
    """
    if split not in SPLITS:
        raise UserError(f"drills has no split {split!r}: choose one of {', '.join(SPLITS)}")
    if count < 0:
        raise UserError(f"drills: the count is {count}; give 0 or more")
    if options:
        raise UserError(f"drills takes no option {sorted(options)[0]!r}: leave it out")
    return list(islice(_stream(split, seed), count))


def _stream(split: str, seed: int) -> Iterator[Task]:
    """Yield drills without end. No two share their right module."""
    taken: set[str] = set()
    for number, pair in enumerate(_order(split, seed)):
        yield _one(split, seed, number, pair, taken)


def _one(split: str, seed: int, number: int, pair: tuple[str, str], taken: set[str]) -> Task:
    rng = random.Random(f"drills/{split}/{seed}/{number}")
    for _ in range(_TRIES):
        task = draw_task(split, number, pair, rng)
        if task is not None and task.gold["mod.py"] not in taken:
            taken.add(task.gold["mod.py"])
            return task
    raise MachineryError(f"the drill {pair[0]} with {pair[1]} gave no task in {_TRIES} draws")


def _order(split: str, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (template, operator) pairs: each once a round, and each template spread evenly over the round."""
    by_template: dict[str, list[str]] = defaultdict(list)
    for template, operator in pairs(split == "unseen"):
        by_template[template].append(operator)
    turn = 0
    while True:
        rng = random.Random(f"drills/{split}/{seed}/order/{turn}")
        spread: list[tuple[float, str, str]] = []
        for template, operators in by_template.items():
            mixed = rng.sample(operators, len(operators))
            start = rng.random()
            spread += [((start + n) / len(mixed), template, name) for n, name in enumerate(mixed)]
        yield from ((template, operator) for _, template, operator in sorted(spread))
        turn += 1
