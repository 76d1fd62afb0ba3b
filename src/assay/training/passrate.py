"""The pass rate on a few tasks, measured during training with the weights as they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.agents import ShellConfig
from assay.errors import UserError
from assay.ledger import Ledger
from assay.nouns import PlannedAttempt, Status, Task
from assay.tasks import source
from assay.training.collect import collect
from assay.training.loop import Trainer

LEDGER = "evaluation.sqlite"


class PassRate:
    """An evaluation for `assay.training.tune`: every task is attempted once, and the attempts go into a ledger.

    An attempt that our machinery failed leaves the rate and its denominator. The attempts' seeds are the same at
    every step, so that rates of two steps are paired by task.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        out: Path,
        *,
        temperature: float = 0.7,
        max_new_tokens: int = 256,
        slots: int = 32,
        agent: ShellConfig | None = None,
    ) -> None:
        """`out` is the run's directory; `temperature` and `max_new_tokens` are of one reply."""
        self.tasks = {task.id: task for task in tasks}
        self.path = out / LEDGER
        self.temperature, self.max_new_tokens, self.slots, self.agent = temperature, max_new_tokens, slots, agent

    def __call__(self, trainer: Trainer) -> Mapping[str, Any]:
        """Return `pass_rate`, `solved` and `attempts` of the weights; what the ledger has is not run again."""
        if trainer.processes.count > 1:
            raise UserError("A pass rate is measured in one process: leave it out, or start without torchrun.")
        planned = [
            PlannedAttempt(arm="trained", seed=0, dose=trainer.steps_done, task_id=task.id, split=task.split)
            for task in self.tasks.values()
        ]
        with Ledger(self.path) as ledger:
            ledger.add_tasks(self.tasks.values())
            tried = collect(
                f"step-{trainer.steps_done}",
                trainer.model,  # type: ignore[arg-type]
                trainer.format,
                planned,
                self.tasks,
                ledger,
                temperature=self.temperature,
                max_new_tokens=self.max_new_tokens,
                slots=self.slots,
                agent=self.agent,
            )
        scored = [attempt for attempt, _ in tried if attempt.status is not Status.MACHINERY]
        solved = sum(attempt.status is Status.SOLVED for attempt in scored)
        rate = solved / len(scored) if scored else None
        return {"pass_rate": rate, "solved": solved, "attempts": len(scored)}


def pass_rate_on(choice: str, count: int, out: Path, **options: Any) -> PassRate:
    """Return the evaluation on `count` tasks of `source:split`, such as drills:seen."""
    name, _, split = choice.partition(":")
    if not name or not split:
        raise UserError(f"{choice!r} is not of the form source:split, such as drills:seen: mend it.")
    return PassRate(source(name).load(split, count, 0), out, **options)
