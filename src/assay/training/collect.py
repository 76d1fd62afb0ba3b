"""Collect attempts: planned ones run with given weights, by the real agent in the real sandbox, into the ledger.

The decode engine runs in this process, the sandboxed commands beside it. Attempts that the ledger holds are left
alone, and the seed of each is a hash of what it is: a run that is killed goes on without losing or repeating one.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from transformers import PreTrainedModel

from assay.agents import ShellAgent, ShellConfig
from assay.errors import MachineryError
from assay.ledger import Ledger
from assay.models.engine import Engine
from assay.models.formats import ChatFormat
from assay.models.local import LocalModel
from assay.nouns import Attempt, PlannedAttempt, Task, Trajectory
from assay.rollout import run_attempts

Tried = tuple[Attempt, Trajectory]


def collect(
    name: str,
    model: PreTrainedModel,
    format: ChatFormat,
    planned: Sequence[PlannedAttempt],
    tasks: Mapping[str, Task],
    ledger: Ledger,
    *,
    temperature: float,
    max_new_tokens: int,
    slots: int = 32,
    agent: ShellConfig | None = None,
    tell: Callable[[int], None] = lambda done: None,
) -> list[Tried]:
    """Run what is not finished of `planned` and return all of them, in the order of the plan.

    `name` is what the trajectories record. The model is left in the mode, training or not, that it came in.
    """
    ledger.plan(planned)
    training = model.training
    if {each.id for each in planned} - ledger.finished():
        local = LocalModel(name, Engine(model, slots), format, temperature=temperature, max_new_tokens=max_new_tokens)
        asyncio.run(
            run_attempts(
                planned,
                tasks,
                ShellAgent(agent or ShellConfig()),
                lambda task: local.attempt(),
                ledger,
                concurrency=slots,
                tell=tell,
            )
        )
        model.train(training)
    return tried(planned, ledger)


def tried(planned: Sequence[PlannedAttempt], ledger: Ledger) -> list[Tried]:
    """Return planned attempts with their trajectories, in the order of the plan. All must be finished."""
    pairs: list[Tried] = []
    for each in planned:
        attempt, trajectory = ledger.attempt(each.id), ledger.trajectory(each.id)
        if attempt is None or trajectory is None:
            raise MachineryError(f"the ledger {ledger.path} lacks the attempt {each.id} or its trajectory")
        pairs.append((attempt, trajectory))
    return pairs
