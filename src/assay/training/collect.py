"""Collect attempts: planned ones run with given weights, by the real agent in the real sandbox, into the ledger.

The decode engine runs in this process, the sandboxed commands beside it; or both in the workers of a cluster.
Attempts that the ledger holds are left alone, and the seed of each is a hash of what it is: a run that is killed goes
on without losing or repeating one.
"""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import PreTrainedModel

from assay.agents import ShellAgent, ShellConfig
from assay.errors import MachineryError
from assay.executors import Job, Needs, open_executor
from assay.executors.chosen import LOCAL
from assay.ledger import Ledger
from assay.models.engine import Engine
from assay.models.formats import ChatFormat
from assay.models.local import LocalModel
from assay.nouns import Attempt, PlannedAttempt, Task, Trajectory
from assay.nouns.base import digest
from assay.rollout import run_attempts
from assay.rollout.checkpoint import Checkpoint, attempted
from assay.rollout.planned import jobs_for, record_all
from assay.sandbox import trees
from assay.tasks.admission import trees_of

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
    executor: str = LOCAL,
) -> list[Tried]:
    """Run what is not finished of `planned` and return all of them, in the order of the plan.

    `name` is what the trajectories record. The model is left in the mode, training or not, that it came in. Where
    `executor` names a cluster, its workers sample: the weights as they are go to each node once.
    """
    ledger.plan(planned)
    training = model.training
    waiting = [each for each in planned if not ledger.has(each.id)]
    config = agent or ShellConfig()
    if waiting and executor == LOCAL:
        local = LocalModel(name, Engine(model, slots), format, temperature=temperature, max_new_tokens=max_new_tokens)
        asyncio.run(
            run_attempts(
                waiting,
                tasks,
                ShellAgent(config),
                lambda task: local.attempt(),
                ledger,
                concurrency=slots,
                tell=tell,
            )
        )
        model.train(training)
    elif waiting:
        with written(model, format, ledger) as tree:
            parameter = next(model.parameters())
            checkpoint = Checkpoint(
                tree,
                name,
                0,
                temperature,
                max_new_tokens,
                slots=slots,
                device=parameter.device.type,
                dtype=str(parameter.dtype).removeprefix("torch."),
                passing=True,
            )
            asyncio.run(_elsewhere(executor, checkpoint, config, waiting, tasks, ledger, tell))
    return tried(planned, ledger)


async def _elsewhere(
    executor: str,
    checkpoint: Checkpoint,
    agent: ShellConfig,
    waiting: Sequence[PlannedAttempt],
    tasks: Mapping[str, Task],
    ledger: Ledger,
    tell: Callable[[int], None],
) -> None:
    def job_of(some: Sequence[PlannedAttempt]) -> Job:
        pairs = [(each, tasks[each.task_id]) for each in some]
        keys = (*trees_of([task for _, task in pairs]), checkpoint.tree)
        needs = Needs(gpus=1.0 if checkpoint.device == "cuda" else 0.0)
        return Job(attempted, (agent, pairs), setting=checkpoint, needs=needs, trees=keys)

    async with open_executor(executor) as there:
        each = max(1, min(checkpoint.slots, -(-len(waiting) // there.count)))  # every worker gets some
        await record_all(there, jobs_for(waiting, job_of, each=each), ledger, done=lambda attempt, trajectory: tell(1))


@contextmanager
def written(model: PreTrainedModel, format: ChatFormat, ledger: Ledger) -> Iterator[str]:
    """Give the weights as they are as a prepared tree, which is gone after the block; adapters are added to a copy."""
    run = digest([socket.gethostname(), str(ledger.path.resolve())])[:12]
    with tempfile.TemporaryDirectory(prefix="weights-", dir=ledger.path.parent) as name:
        folder = Path(name)
        plain: Any = deepcopy(model).merge_and_unload() if isinstance(model, PeftModel) else model
        plain.save_pretrained(folder)
        format.save(folder)
        key = trees.keep_contents(f"round-{run}", folder)
        try:
            yield key
        finally:
            trees.forget(key)


def tried(planned: Sequence[PlannedAttempt], ledger: Ledger) -> list[Tried]:
    """Return planned attempts with their trajectories, in the order of the plan. All must be finished."""
    pairs: list[Tried] = []
    for each in planned:
        attempt, trajectory = ledger.attempt(each.id), ledger.trajectory(each.id)
        if attempt is None or trajectory is None:
            raise MachineryError(f"the ledger {ledger.path} lacks the attempt {each.id} or its trajectory")
        pairs.append((attempt, trajectory))
    return pairs
