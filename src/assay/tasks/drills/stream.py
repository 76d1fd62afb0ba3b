"""load: a list of drills for a split, a count and a seed."""

import random
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from assay.errors import MachineryError, UserError
from assay.nouns import Task
from assay.tasks.drills.catalogue import pairs, templates
from assay.tasks.drills.draw import draw_task

SPLITS = ("train", "seen", "unseen")
_TRIES = 200


def load(split: str, count: int, seed: int, **options: Any) -> list[Task]:
    """Return `count` drills of `split`; a longer list with the same seed begins with the shorter one.

    `train` and `seen` share templates but no module, `unseen` has templates that never train. The option
    `templates` takes only so many templates, those with the shortest code; all of them without it.
    UserError for an unknown split, a negative count, or an option that is not that.
    """
    if split not in SPLITS:
        raise UserError(f"drills has no split {split!r}: choose one of {', '.join(SPLITS)}")
    if count < 0:
        raise UserError(f"drills: the count is {count}; give 0 or more")
    most = options.pop("templates", None)
    if options:
        raise UserError(f"drills takes no option {sorted(options)[0]!r}: leave it out")
    if most is not None and (not isinstance(most, int) or most < 1):
        raise UserError(f"drills: the option `templates` is {most!r}; give a number above 0")
    return list(islice(_stream(split, seed, most), count))


def _stream(split: str, seed: int, most: int | None) -> Iterator[Task]:
    """Yield drills without end. No two share their right module."""
    taken: set[str] = set()
    for number, pair in enumerate(_order(split, seed, most)):
        yield _one(split, seed, number, pair, taken)


def _one(split: str, seed: int, number: int, pair: tuple[str, str], taken: set[str]) -> Task:
    rng = random.Random(f"drills/{split}/{seed}/{number}")
    for _ in range(_TRIES):
        task = draw_task(split, number, pair, rng)
        if task is not None and task.gold["mod.py"] not in taken:
            taken.add(task.gold["mod.py"])
            return task
    raise MachineryError(f"the drill {pair[0]} with {pair[1]} gave no task in {_TRIES} draws")


def _order(split: str, seed: int, most: int | None) -> Iterator[tuple[str, str]]:
    """Yield (template, operator) pairs: each operator once a round, its templates in turn.

    So every kind of bug is as frequent as every other, however many templates it fits.
    """
    held_out = split == "unseen"
    sizes = {name: len("".join(t.lines)) for name, t in templates().items() if t.held_out is held_out}
    chosen = set(sorted(sizes, key=lambda name: (sizes[name], name))[:most])
    by_operator: dict[str, list[str]] = defaultdict(list)
    for template, operator in pairs(held_out):
        if template in chosen:
            by_operator[operator].append(template)
    turn = 0
    while True:
        rng = random.Random(f"drills/{split}/{seed}/order/{turn}")
        for operator in rng.sample(sorted(by_operator), len(by_operator)):
            fitting = by_operator[operator]
            mixed = random.Random(f"drills/{split}/{seed}/{operator}/{turn // len(fitting)}").sample(
                fitting, len(fitting)
            )
            yield mixed[turn % len(fitting)], operator
        turn += 1
