"""Which tasks an iteration of sampling takes, and which attempts are planned at them: functions of number and seed."""

import random
from collections.abc import Callable, Sequence

from assay.nouns import PlannedAttempt, Task
from assay.training.online_config import OnlineConfig

Say = Callable[[str], None]


def tasks_of(number: int, tasks: Sequence[Task], online: OnlineConfig, seed: int) -> list[Task]:
    """Return the `groups` tasks of iteration `number`: the next of the list, shuffled anew where it is read again."""
    found: list[Task] = []
    for place in range(number * online.groups, (number + 1) * online.groups):
        reading, index = divmod(place, len(tasks))
        order = list(range(len(tasks)))
        if reading:
            random.Random(f"{seed}:{reading}").shuffle(order)
        found.append(tasks[order[index]])
    return found


def plan_of(name: str, number: int, tasks: Sequence[Task], online: OnlineConfig, seed: int) -> list[PlannedAttempt]:
    """Return the attempts of an iteration, `group` for each task; `dose` counts the attempts sampled before it.

    A task that comes twice in one iteration (a list shorter than `groups`) gets further trials.
    """
    trials: dict[str, int] = {}
    planned: list[PlannedAttempt] = []
    for task in tasks:
        first = trials.get(task.id, 0)
        trials[task.id] = first + online.group
        planned += [
            PlannedAttempt(
                arm=name,
                seed=seed,
                dose=number * online.groups * online.group,
                task_id=task.id,
                split=task.split,
                trial=trial,
            )
            for trial in range(first, first + online.group)
        ]
    return planned
