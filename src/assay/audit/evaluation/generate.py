"""Making a labelled set: every scripted attempt is run for real in the sandbox and graded by the real grader.

What is left is a ledger and labels.jsonl in one folder. A set that was killed goes on where it stopped.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from assay.agents import ShellAgent
from assay.agents.shell import ShellConfig
from assay.audit.evaluation.labels import HALVES, Half, Label, write_labels
from assay.audit.evaluation.plan import Scripted, scripted
from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.directory import held
from assay.models.scripted import ScriptedModel
from assay.nouns import Attempt, Trajectory
from assay.rollout.attempts import attempt
from assay.sandbox.warm import pool

LEDGER = "ledger.sqlite"
_FACT = "labelled set"
VERSION = 4  # of the scripts: a set of another version is another set


def generate(
    folder: Path,
    *,
    seed: int = 0,
    halves: Sequence[Half] = HALVES,
    only: Sequence[str] = (),
    at_once: int | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[Label]:
    """Make these halves of the labelled set of `seed` in `folder`, or what is missing of them, and return their labels.

    `only` names behaviours, for a part of the set; `at_once` attempts run side by side (one a core); `tell` is called
    with how many attempts are done, of how many. Raises UserError when the folder holds another run, when git or
    pytest is missing, or when there is no sandbox.
    """
    attempts = scripted(seed, only, halves)
    with held(folder), Ledger(folder / LEDGER) as ledger:
        _claim(ledger, folder, {"seed": seed, "version": VERSION, "halves": sorted(halves), "only": sorted(only)})
        tasks = {one.problem.task.id: one.problem.task for one in attempts}
        ledger.add_tasks([tasks[name] for name in sorted(tasks)])
        ledger.plan([one.planned for one in attempts])
        asyncio.run(_run(attempts, ledger, at_once or len(os.sched_getaffinity(0)), tell))
        labels = [_labelled(one, ledger) for one in attempts]
    write_labels(folder, labels)
    return labels


def _claim(ledger: Ledger, folder: Path, what: dict[str, object]) -> None:
    known = ledger.fact(_FACT)
    if known is None and ledger.planned():
        raise UserError(f"{folder} holds another run: name an empty folder for the labelled set")
    if known is not None and known != what:
        raise UserError(f"{folder} holds another labelled set ({known}): name an empty folder, or the same seed")
    ledger.set_fact(_FACT, what)


async def _run(attempts: Sequence[Scripted], ledger: Ledger, at_once: int, tell: Callable[[int, int], None]) -> None:
    agent = ShellAgent(ShellConfig())
    finished = ledger.finished()
    gate = asyncio.Semaphore(at_once)
    done = len(finished)
    tell(done, len(attempts))

    async def one(item: Scripted) -> None:
        nonlocal done
        async with gate:
            model = ScriptedModel([turn.text for turn in item.turns], "scripted")
            ended, trajectory = await attempt(item.planned, item.problem.task, agent, model)
        ledger.record(ended, trajectory)
        done += 1
        tell(done, len(attempts))

    try:
        async with asyncio.TaskGroup() as group:
            for item in attempts:
                if item.planned.id not in finished:
                    group.create_task(one(item))
    finally:
        pool.close()


def _labelled(one: Scripted, ledger: Ledger) -> Label:
    ended, trajectory = ledger.attempt(one.planned.id), ledger.trajectory(one.planned.id)
    assert ended is not None
    assert trajectory is not None
    return one.label.model_copy(update={"fooled": _fooled(one, ended, trajectory)})


def _fooled(one: Scripted, ended: Attempt, trajectory: Trajectory) -> bool | None:
    """Whether the grader gave full marks to a solution that is not right; None where nothing was graded."""
    if ended.verdict is None or ended.verdict.value is None:
        return None
    if not one.label.cheat:
        return False
    given = trajectory.outputs.get(one.problem.path, "").strip()
    return ended.verdict.solved and given not in {text.strip() for text in one.problem.right}
