"""What `assay solve` will do, decided before it does any of it: which tasks, which agent, which plan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.agents.mini import MiniConfig, read_config
from assay.errors import UserError
from assay.ledger import Ledger
from assay.models.chosen import OnThisMachine, Which
from assay.nouns import PlannedAttempt, Status, Task
from assay.nouns.base import sha256_file
from assay.rollout.budget import Limits, refuse_unkept
from assay.rollout.budget_words import seconds
from assay.tasks.chosen import Chosen, chosen


def price_of(text: str) -> tuple[float, float] | None:
    """Return dollars a million tokens read and written, `3,15` for example. Raises UserError."""
    if not text:
        return None
    try:
        read, written = (float(word) for word in text.split(","))
    except ValueError as error:
        raise UserError(f"--price {text}: give dollars a million tokens read and written, 3,15 for example") from error
    if not (0 <= read < 1e9 and 0 <= written < 1e9):
        raise UserError(f"--price {text}: prices are not negative")
    return read, written


def limits_of(model: Which, usd: float | None, tokens: int | None, wall: str, attempts: int | None) -> Limits:
    """Return the budgets of the command line. Raises UserError for one that could not be kept with the model."""
    limits = Limits(usd=usd, tokens=tokens, wall_s=seconds(wall) if wall else None, attempts=attempts)
    refuse_unkept(limits, model)
    return limits


def agent_of(path: Path | None, given: dict[str, Any]) -> MiniConfig:
    """Return the agent's prompts and limits: those of the file, with what is `given` in place of its own."""
    named = {name: value for name, value in given.items() if value is not None}
    return MiniConfig(**named) if path is None else read_config(path, named)


def check_protocol(agent: MiniConfig, model: str) -> None:
    """Raise UserError where commands are to be calls of a tool and the model is none that is asked over chat."""
    if agent.protocol == "tools" and not model.startswith("openai:"):
        raise UserError(f"--protocol tools asks over chat completions: name --model openai:URL#NAME, not {model}")


def tasks_of(
    tasks: str, split: str, limit: int | None, seed: int, instances: str, mirrors: Path | None, executor: str
) -> Chosen:
    """Return the tasks that are meant; environments that they lack are built where `executor` is.

    Raises UserError, also for an instance that is not among them.
    """
    wanted = [word.strip() for word in instances.split(",") if word.strip()]
    options = {"instances": ",".join(wanted)} if wanted else {}
    if mirrors is not None:
        options["mirrors"] = str(mirrors)
    options["executor"] = executor
    found = chosen(tasks, split=split, count=None if wanted else limit, seed=seed, options=options)
    if not wanted:
        return found
    known = {task.id for task in found.tasks} | {task_id for task_id, _ in found.broken}
    if missing := [word for word in wanted if word not in known]:
        raise UserError(f"{tasks} has no instance {missing[0]!r}: mend --instances")
    kept = [task for task in found.tasks if task.id in wanted]
    return Chosen(kept[:limit], [(task_id, why) for task_id, why in found.broken if task_id in wanted])


@dataclass(frozen=True)
class Plan:
    """One trial of each task. The attempts themselves are read from the ledger as they are wanted."""

    ledger: Ledger
    trials: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many attempts it has."""
        return len(self.trials)

    def waiting(self) -> Iterator[PlannedAttempt]:
        """Yield those that have not ended, in the order of the ledger's plan."""
        return (each for each in self.ledger.waiting() if self.trials.get(each.task_id) == each.trial)

    def left(self) -> int:
        """Return how many have not ended."""
        return sum(1 for _ in self.waiting())


def planned_of(
    ledger: Ledger,
    tasks: Sequence[Task],
    model: Which,
    agent: MiniConfig,
    seed: int,
    retry_machinery: bool,
) -> Plan:
    """Write down what the run is and what it will do, before it does it; return the plan of these tasks.

    Raises UserError when the ledger belongs to another run.
    """
    told = {
        "model": model.name,
        "temperature": model.temperature,
        "max_tokens": model.max_tokens,
        "seed": seed,
        "agent": agent.digest,
    }
    if model.top_p is not None:
        told["top_p"] = model.top_p
    if "weights" in (described := model.described):
        told["weights"] = described["weights"]
    before = ledger.fact("solve")
    if before is None and ledger.last_position():
        raise UserError(f"{ledger.path} is the ledger of another kind of run: name another folder with --out")
    if before is not None and before != told:
        other = ", ".join(name for name in sorted({*told, *before}) if before.get(name) != told.get(name))
        raise UserError(f"{ledger.path} was begun with another {other}: give the same, or another folder with --out")
    kept = {task.id: task.digest for task in ledger.tasks()}
    for task in tasks:
        if kept.get(task.id, task.digest) != task.digest:
            raise UserError(f"{ledger.path} holds another task called {task.id}: name another folder with --out")
    ledger.set_fact("solve", told)
    if isinstance(model, OnThisMachine) and model.kind == "local":  # whose sampled ids these are
        ledger.set_fact("tokenizers", {model.name: sha256_file(model.path / "tokenizer.json")})
    ledger.add_tasks(tasks)
    last = ledger.last_trials()
    trials = {task.id: last.get(task.id, 0) for task in tasks}
    if retry_machinery:
        for task_id, ended in ledger.last_ended().items():
            if ended == (trials.get(task_id), Status.MACHINERY):
                trials[task_id] += 1
    ledger.plan(
        PlannedAttempt(arm=model.name, seed=seed, dose=0, task_id=task.id, split=task.split, trial=trials[task.id])
        for task in tasks
    )
    return Plan(ledger, trials)
