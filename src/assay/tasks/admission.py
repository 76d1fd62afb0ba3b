"""Admission: a task is let in only when its gold scores 1 and no change scores 0, each time it is tried."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from assay.errors import MachineryError, UserError
from assay.executors import Arrived, Executor, Job, Lost
from assay.grading import grade
from assay.grading.command.run import solve
from assay.grading.command.spec import parse_spec
from assay.grading.functions.grader import grade_batch
from assay.grading.spec_fields import BadSpec
from assay.grading.tests import prepare
from assay.nouns import GraderSpec, Reason, Task, Verdict

_TOGETHER = 64  # tasks of kind `functions` in one job: they share a warm sandbox
_AT_ONCE = 2  # tasks that are proven side by side where there is no batch


@dataclass(frozen=True)
class Proof:
    """What the gradings of one task showed. `gold` and `noop` are the values seen, None where none was valid.

    `flaky`: equal gradings ended differently. `reason` says in one sentence why the task is refused, "" when it is
    not; `machinery` that this is because our own grader failed, so that nothing is known about the task.
    """

    id: str
    gold: float | None
    noop: float | None
    flaky: bool
    seconds: float
    reason: str
    machinery: bool = False


@dataclass(frozen=True)
class Admission:
    """Who came in, and for the others the id and one sentence that says why not."""

    admitted: list[Task]
    refused: list[tuple[str, str]]


@dataclass(frozen=True)
class _Try:
    """One grading of one task: its own solution, or no change at all. Without `outputs`, a script makes them."""

    task: Task
    outputs: Mapping[str, str] | None
    gold: bool


async def admit(tasks: Sequence[Task], *, repeats: int = 1, workers: int = _AT_ONCE) -> Admission:
    """Prove each task and return who is admitted, in the order given.

    MachineryError when our own grader failed: then nothing is known about the task. A verdict that the
    task itself is broken (BAD_TASK) refuses it.
    """
    proofs = await prove(tasks, repeats=repeats, workers=workers)
    for proof in proofs:
        if proof.machinery:
            raise MachineryError(f"admission of {proof.id} could not be decided: {proof.reason}")
    admitted = [task for task, proof in zip(tasks, proofs, strict=True) if not proof.reason]
    return Admission(admitted, [(proof.id, proof.reason) for proof in proofs if proof.reason])


async def prove(
    tasks: Sequence[Task],
    *,
    repeats: int = 1,
    workers: int = _AT_ONCE,
    told: Callable[[Proof], None] = lambda proof: None,
) -> list[Proof]:
    """Grade gold and no change of each task `repeats` times; return what was seen, in the order given.

    Tasks of kind `functions` are graded in one batch, the others `workers` at a time. `told` is called with each
    proof as soon as it is there. A task whose grading fails through our fault is among the refused, and says so.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; it must be 1 or more")
    if len({task.id for task in tasks}) != len(tasks):
        raise MachineryError("two tasks that are up for admission have the same id")
    proofs: dict[str, Proof] = {}

    def tell(proof: Proof) -> None:
        proofs[proof.id] = proof
        told(proof)

    batch = [task for task in tasks if task.grader.kind == "functions" and task.gold]
    if batch:
        await _prove_batch(batch, repeats, tell)
    gate = asyncio.Semaphore(workers)

    async def one(task: Task) -> None:
        async with gate:
            tell(await _prove_one(task, repeats))

    await asyncio.gather(*(one(task) for task in tasks if task.id not in proofs))
    return [proofs[task.id] for task in tasks]


async def prove_on(
    executor: Executor,
    tasks: Sequence[Task],
    *,
    repeats: int = 1,
    told: Callable[[Proof], None] = lambda proof: None,
) -> list[Proof]:
    """As `prove`, in an executor's workers. A task whose worker died is among the refused, and says so."""
    proofs: dict[str, Proof] = {}

    def tell(proof: Proof) -> None:
        if proof.id not in proofs:
            proofs[proof.id] = proof
            told(proof)

    batch = [task for task in tasks if task.grader.kind == "functions" and task.gold]
    parts = [batch[first : first + _TOGETHER] for first in range(0, len(batch), _TOGETHER)]
    parts += [[task] for task in tasks if task not in batch]
    for last in (False, True):  # a task that kills its worker takes no other of its part with it
        jobs = [Job(_proven, (part, repeats), trees=trees_of(part), about=part) for part in parts]
        parts = []
        async with aclosing(executor.run(jobs)) as events:
            async for event in events:
                if isinstance(event, Arrived):
                    tell(event.result)
                    continue
                why = event.why if isinstance(event, Lost) else "its worker gave no proof"
                for task in event.job.about:
                    if task.id not in proofs and (last or len(event.job.about) == 1):
                        tell(Proof(task.id, None, None, False, 0.0, f"Our own grader failed: {why}.", True))
                    elif task.id not in proofs:
                        parts.append([task])
    return [proofs[task.id] for task in tasks]


async def _proven(tasks: Sequence[Task], repeats: int) -> AsyncIterator[Proof]:
    for proof in await prove(tasks, repeats=repeats, workers=1):
        yield proof


def trees_of(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the keys of the trees that tasks mount."""
    return tuple(sorted({key for task in tasks for key in task.mounts.values()}))


async def _prove_batch(tasks: Sequence[Task], repeats: int, tell: Callable[[Proof], None]) -> None:
    """Grade all tries of tasks of kind `functions` in one go; the time is shared out evenly."""
    began = time.perf_counter()
    pairs = [
        (task, outputs) for task in tasks for outputs in (_gold(task) or {}, _unchanged(task)) for _ in range(repeats)
    ]
    verdicts = await grade_batch(pairs)
    seconds = (time.perf_counter() - began) / len(tasks)
    for number, task in enumerate(tasks):
        seen = verdicts[2 * repeats * number : 2 * repeats * (number + 1)]
        tell(_proof(task, seen[:repeats], seen[repeats:], seconds))


async def _prove_one(task: Task, repeats: int) -> Proof:
    """Grade one task's gold, then no change, and for a suite of tests see that each test which must turn fails before.

    What cannot be admitted any more is not graded further.
    """
    began = time.perf_counter()
    gold: list[Verdict] = []
    noop: list[Verdict] = []
    before = ""
    try:
        if task.grader.kind == "tests" and task.gold and "canaries" not in task.grader.data:
            task = await prepare(task)
        for _ in range(repeats):
            gold.append(await _grade_one(_Try(task, _gold(task), True)))
            if gold[-1].value is None:
                break
        if all(verdict.value == 1.0 for verdict in gold):
            for _ in range(repeats):
                noop.append(await _grade_one(_Try(task, _unchanged(task), False)))
                if noop[-1].value is None:
                    break
            if task.grader.kind == "tests" and all(verdict.value == 0.0 for verdict in noop):
                before = await _passing_before(task)
    except MachineryError as error:
        gold = gold or [Verdict.invalid(Reason.MACHINERY, str(error))]
        before = f"Our own grader failed: {error}."
        return replace(_proof(task, gold, noop, time.perf_counter() - began), reason=before, machinery=True)
    except UserError as error:
        gold = [Verdict.invalid(Reason.BAD_TASK, str(error))]
    proof = _proof(task, gold, noop, time.perf_counter() - began)
    return proof if proof.reason else replace(proof, reason=before)


async def _passing_before(task: Task) -> str:
    """Return why a task is refused because a test that must turn passes before the change already, "" otherwise.

    A grading ends as soon as it is decided; this one runs all of them as they are, once.
    """
    data = task.grader.data
    turn = set(data["fail_to_pass"])
    alone = {key: value for key, value in data.items() if key not in ("canaries", "pass_to_pass", "ignored")}
    if "resolved" in data:
        alone["resolved"] = {name: of for name, of in data["resolved"].items() if of in turn}
    alone = {**alone, "pass_to_pass": [], "canaries": [], "rounds": 1}
    if "resolved" in alone and not alone["resolved"]:
        return ""
    only = task.model_copy(update={"grader": GraderSpec(kind="tests", data=alone)})
    seen = await grade(only, _unchanged(task))
    if seen.reason is Reason.MACHINERY:
        raise MachineryError(seen.detail)
    passing = [check.name for check in seen.checks if check.passed and check.name in turn]
    return f"Before the change {passing[0]} passes already, so it shows no fault." if passing else ""


def _proof(task: Task, gold: Sequence[Verdict], noop: Sequence[Verdict], seconds: float) -> Proof:
    reason, flaky = _objection(gold, noop)
    ours = next((v for v in (*gold, *noop) if v.reason is Reason.MACHINERY), None)
    if ours is not None:
        reason = f"Our own grader failed: {ours.detail.rstrip('.')}."
    return Proof(task.id, _value(gold), _value(noop), flaky, round(seconds, 3), reason or "", ours is not None)


def _value(verdicts: Sequence[Verdict]) -> float | None:
    """Return the value of the first valid verdict that is not like the first, or of the first."""
    values = [verdict.value for verdict in verdicts if verdict.value is not None]
    return next((value for value in values if value != values[0]), values[0]) if values else None


def _gold(task: Task) -> dict[str, str] | None:
    """Return the outputs of a task's gold: {} where there is none, None where a script makes it."""
    if task.gold:
        return {**_unchanged(task), **task.gold}
    return None if task.grader.kind == "command" else {}


def _unchanged(task: Task) -> dict[str, str]:
    """Return what no change hands in: the files as they are, or for a task on a tree a patch that changes nothing."""
    if task.grader.kind == "tests" and task.grader.data.get("tree"):
        return {path: "" for path in task.declared(())}
    return {path: task.files[path] for path in task.declared(task.files) if path in task.files}


async def _grade_one(attempt: _Try) -> Verdict:
    """Grade alone; where the gold is a script, run it first."""
    if attempt.gold and attempt.outputs == {}:
        return Verdict.invalid(Reason.BAD_TASK, "it has no gold, so nothing shows that it can be solved")
    if attempt.outputs is not None:
        return await grade(attempt.task, attempt.outputs)
    try:
        outputs, why = await solve(attempt.task, parse_spec(attempt.task))
    except BadSpec as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    except MachineryError as error:
        return Verdict.invalid(Reason.MACHINERY, str(error))
    return Verdict.invalid(Reason.BAD_TASK, why) if outputs is None else await grade(attempt.task, outputs)


async def grade_gold(task: Task) -> Verdict | None:
    """Return the verdict on a task's own solution; None where it has none."""
    gold = _gold(task)
    if gold == {} or (gold is None and "solve.sh" not in task.grader.data.get("solution", {})):
        return None
    return await _grade_one(_Try(task, gold, True))


def beside_gold(task: Task, verdict: Verdict, gold: Verdict | None) -> Verdict:
    """Return `verdict` on a candidate that failed, unless that on the task's own solution shows the task broken.

    Such a task says nothing about a candidate. `gold` is None where there is no solution to ask.
    """
    if gold is None or gold.solved or gold.reason is Reason.MACHINERY:
        return verdict
    if gold.reason is Reason.BAD_TASK:
        return gold
    why = f"its own solution scores {gold.value:g} ({gold.reason}), so it says nothing about a candidate"
    return Verdict.invalid(Reason.BAD_TASK, f"task {task.id}: {why}: {gold.detail}".rstrip(": "))


def _objection(gold: Sequence[Verdict], unchanged: Sequence[Verdict]) -> tuple[str | None, bool]:
    """Return why a task is refused, or None, and whether it is flaky."""
    for name, verdicts in (("its gold", gold), ("no change", unchanged)):
        broken = next((verdict for verdict in verdicts if verdict.reason is Reason.BAD_TASK), None)
        if broken is not None:
            return f"The task is broken, said the grader of {name}: {broken.detail.rstrip('.')}.", False
        if len({(verdict.value, verdict.reason) for verdict in verdicts}) > 1:
            seen = ", ".join(f"{verdict.value} ({verdict.reason})" for verdict in verdicts)
            return f"It is flaky: {name} scored {seen} in {len(verdicts)} gradings.", True
    if gold[0].value != 1.0:
        why = f": {gold[0].detail}" if gold[0].detail else ""
        return f"Its gold scored {gold[0].value} ({gold[0].reason}), not 1{why}.", False
    if unchanged and unchanged[0].value != 0.0:
        return f"No change scored {unchanged[0].value}, not 0, so it does not show its bug.", False
    return None, False
