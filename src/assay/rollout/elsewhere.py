"""Attempts in the workers of a cluster: what crosses to them, and how many share a worker.

A local model's checkpoint, a tokenizer and the tasks' environments go along as trees, once to each machine.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from assay.agents.mini import MiniAgent, MiniConfig
from assay.errors import UserError
from assay.executors import Job, Needs
from assay.executors.ray_cluster import RayExecutor
from assay.executors.slots import slot
from assay.ledger import Ledger
from assay.models.allowance import Central
from assay.models.chosen import OnThisMachine, Which, open_model
from assay.models.endpoint import Endpoint
from assay.nouns import PlannedAttempt, Task
from assay.rollout.budget import Budget
from assay.rollout.planned import Done, jobs_for, record_all
from assay.rollout.solving import Solving, solved
from assay.sandbox import trees
from assay.tasks.admission import trees_of

_WAITING_CPUS = 0.25  # of a core, for an attempt that waits for an endpoint most of its time


@dataclass(frozen=True)
class Solver:
    """The setting of attempts that run in another process: which model, and which agent; see `assay.executors`.

    `tree` is the key of the prepared tree that holds a local model's checkpoint or script, "" for an endpoint.
    """

    which: Which
    agent: MiniConfig
    name: str
    tokenizer: Path | None = None
    tree: str = ""
    allowance: Central | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Solving]:
        """Open the model where the attempts run. Raises UserError."""
        which, tokenizer = self.which, self.tokenizer
        if isinstance(which, OnThisMachine):
            folder = trees.tree(self.tree)
            which = replace(which, path=folder / which.path.name if which.kind == "scripted" else folder)
        elif tokenizer is not None:
            tokenizer = trees.tree(self.tree)
        async with open_model(which, tokenizer=tokenizer, allowance=self.allowance) as model:
            model.name = self.name
            yield Solving(MiniAgent(self.agent), model, partial(slot, "grading"), self.allowance)


def solver(which: Which, agent: MiniConfig, tokenizer: Path | None = None, allowance: Central | None = None) -> Solver:
    """Return the setting for this model, what it needs of this machine's files prepared as a tree."""
    carried = which.path if isinstance(which, OnThisMachine) else tokenizer
    if carried is None:
        return Solver(which, agent, which.name, allowance=allowance)
    hashes = which.hashes if isinstance(which, OnThisMachine) else {}
    return Solver(which, agent, which.name, tokenizer, trees.keep_contents("model", carried, hashes), allowance)


async def solve_on(
    executor: RayExecutor,
    planned: Iterable[PlannedAttempt],
    tasks: Mapping[str, Task],
    which: Which,
    agent: MiniConfig,
    ledger: Ledger,
    *,
    tokenizer: Path | None = None,
    workers: int | None = None,
    done: Done = lambda attempt, trajectory: None,
    budget: Budget | None = None,
) -> None:
    """Run in a cluster's workers what `solve_all` runs here; `workers` attempts at once, or what the cluster holds.

    A local model's attempts go to a worker in groups, since it samples them together. What `budget` allows is asked
    of this process before each request.
    """
    local = isinstance(which, OnThisMachine) and which.kind == "local"
    group = which.slots if isinstance(which, OnThisMachine) and local else 1
    gpus = 1.0 if isinstance(which, OnThisMachine) and (which.device or "").startswith("cuda") else 0.0
    if isinstance(which, OnThisMachine) and which.template is not None:
        raise UserError("--template does not go to other machines: put it into the checkpoint as chat_template.jinja")
    cpus = _WAITING_CPUS if isinstance(which, Endpoint) else 1.0
    async with AsyncExitStack() as stack:
        central = None
        if budget is not None and budget.allowance.limited:
            central = Central(await stack.enter_async_context(executor.serving(budget.allowance)))
        elif budget is not None:
            budget.from_replies = True
        setting = solver(which, agent, tokenizer, central)

        def job_of(some: Sequence[PlannedAttempt]) -> Job:
            pairs = [(each, tasks[each.task_id]) for each in some]
            keys = trees_of([task for _, task in pairs]) + ((setting.tree,) if setting.tree else ())
            needs = Needs(cpus, gpus, 0 if local else max(task.limits.memory_mb for _, task in pairs))
            return Job(solved, (pairs,), setting=setting, needs=needs, trees=keys)

        waiting = (each for each in planned if not ledger.has(each.id))
        at_once = None if workers is None else max(1, workers // group)
        jobs = jobs_for(waiting, job_of, each=group, budget=budget)
        await record_all(executor, jobs, ledger, at_once=at_once, done=done, budget=budget)
