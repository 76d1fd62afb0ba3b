"""The check `functions`: call a named function on inputs in a sandbox, compare in the parent.

`GraderSpec.data` is described in docs/grading.md and read by `spec`: listed cases, inputs whose expected
values a reference gives, generators of fresh inputs, or a test script.

Points 1 to 7 of the grading contract: the sandbox is fresh and holds the declared outputs alone, as data; inputs
go in under ids drawn for this run, shuffled, canaries among them; expected values never leave this process. A run
passes when every case gives its expected value and no canary does. The value is 1 or 0. A canary's value should
not be one that a plausible bug gives, since a candidate that returns it is reported as a cheat.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence

from assay.errors import MachineryError
from assay.grading.channel import hear, message, new_nonce
from assay.grading.functions.costs import by_cost, note
from assay.grading.functions.draw import Recorded, draw
from assay.grading.functions.listen import Listener
from assay.grading.functions.plan import Plan
from assay.grading.functions.replay import replay
from assay.grading.functions.runner import SINGLE
from assay.grading.functions.spec import parse_spec
from assay.grading.functions.verdict import decide, missing
from assay.grading.runs import laid_out, run_program
from assay.grading.spec_fields import BadSpec
from assay.nouns import Reason, Task, Verdict


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade one attempt. `outputs` maps a declared output to its text. See the module for the contract.

    Cancelled, it leaves nothing behind. A failure of the sandbox or the runner is an invalid verdict.
    """
    try:
        spec = parse_spec(task)
        source = outputs.get(spec.path)
        if source is None:
            return missing(spec.path)
        source = source.removeprefix("\ufeff")
        cases = await draw(task, spec)
        files = laid_out(task, outputs)
        if isinstance(cases, Recorded):
            return await replay(task, spec, cases, source, files)
        cases = await by_cost(task, spec, cases)
        plan = Plan(spec, cases.cases, cases.seed, cases.left_out, cases.reference_s)
        return await _run(task, plan, source, files)
    except BadSpec as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    except MachineryError as error:
        return Verdict.invalid(Reason.MACHINERY, str(error))
    except ValueError as error:
        return Verdict.invalid(Reason.BAD_TASK, f"task {task.id}: {error}")


async def _run(task: Task, plan: Plan, source: str, files: Mapping[str, bytes]) -> Verdict:
    nonce = new_nonce()
    ended = await run_program(
        message(SINGLE, plan.request(source), nonce),
        files=files,
        limits=task.limits,
        timeout_s=plan.timeout_s,
        capacity=plan.capacity,
        watch=Listener(plan, nonce),
    )
    note(plan.spec, ended.wall_s)
    heard = hear(ended, nonce, ["status", *plan.order])
    return decide(plan, heard, ended)


async def grade_batch(pairs: Sequence[tuple[Task, Mapping[str, str]]]) -> list[Verdict]:
    """Grade many candidates, each as `check` does; verdicts come in the order of `pairs`.

    Twice as many as there are cores are under way at a time, so that the next is ready when one has run.
    """
    slots = asyncio.Semaphore(2 * len(os.sched_getaffinity(0)))

    async def one(task: Task, outputs: Mapping[str, str]) -> Verdict:
        async with slots:
            return await check(task, outputs)

    return await asyncio.gather(*(one(task, outputs) for task, outputs in pairs))
