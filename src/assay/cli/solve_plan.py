"""What `assay solve` will do, decided before it does any of it: which tasks, which agent, which plan."""

from pathlib import Path
from typing import Any

from assay.agents.mini import MiniConfig, read_config
from assay.corpus.fetch import sha256_file
from assay.errors import UserError
from assay.ledger import Ledger
from assay.models.chosen import OnThisMachine, Which
from assay.nouns import PlannedAttempt, Status, Task
from assay.rollout.artefacts import latest
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
    base = MiniConfig() if path is None else read_config(path)
    return base.model_copy(update={name: value for name, value in given.items() if value is not None})


def tasks_of(tasks: str, split: str, limit: int | None, seed: int, instances: str, mirrors: Path | None) -> Chosen:
    """Return the tasks that are meant. Raises UserError, also for an instance that is not among them."""
    wanted = [word.strip() for word in instances.split(",") if word.strip()]
    options = {"instances": ",".join(wanted)} if wanted else {}
    if mirrors is not None:
        options["mirrors"] = str(mirrors)
    found = chosen(tasks, split=split, count=None if wanted else limit, seed=seed, options=options)
    if not wanted:
        return found
    known = {task.id for task in found.tasks} | {task_id for task_id, _ in found.broken}
    if missing := [word for word in wanted if word not in known]:
        raise UserError(f"{tasks} has no instance {missing[0]!r}: mend --instances")
    kept = [task for task in found.tasks if task.id in wanted]
    return Chosen(kept[:limit], [(task_id, why) for task_id, why in found.broken if task_id in wanted])


def planned_of(
    ledger: Ledger,
    tasks: list[Task],
    model: Which,
    agent: MiniConfig,
    seed: int,
    retry_machinery: bool,
) -> list[PlannedAttempt]:
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
    if before is None and ledger.planned():
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
    trials = {task.id: 0 for task in tasks}
    for plan in ledger.planned():
        if plan.task_id in trials:
            trials[plan.task_id] = max(trials[plan.task_id], plan.trial)
    if retry_machinery:
        for task_id, attempt in latest(ledger.attempts()).items():
            if attempt.status is Status.MACHINERY and attempt.plan.trial == trials.get(task_id):
                trials[task_id] += 1
    planned = [
        PlannedAttempt(arm=model.name, seed=seed, dose=0, task_id=task.id, split=task.split, trial=trials[task.id])
        for task in tasks
    ]
    ledger.plan(planned)
    return planned
