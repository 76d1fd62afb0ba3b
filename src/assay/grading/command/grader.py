"""The check `command`: a Harbor task's own tests/test.sh decides, by the reward file that it writes.

`GraderSpec.data` = {"tests": {path: text} with test.sh, "solution": {path: text} with solve.sh, "workdir": "/app",
"environment": {}, "path": [], "env": {}, "solution_env": {}, "timeout_s": 600, "solution_timeout_s": 600,
"folders": []}, for a task of several steps also "strategy": "mean" or "final", and "steps": [{"name", "instruction",
"tests", "solution", "files", "min_reward", ..}]; see `steps`.

The declared outputs alone, as data, are laid over the task's own files in a fresh sandbox (`run`); test.sh
runs there, and everything dies with it before its reward is read, strictly (`reward`). An exit status
other than 0 is no pass. A reward above 0 must have been written as in a run of the task's own solution
(`watch`); a full one must come again whenever test.sh runs and be lost when an expected value of the tests is changed
(`canary`), in an order drawn by chance (`turns`); and where tests compute what they expect, nothing that the candidate
does may change that (`beside`).

A missing or malformed reward or a time-out says BAD_TASK when the task's own solution meets the same; else it is the
candidate's doing and a valid 0.

What remains open, as Harbor's format leaves it: test.sh and the candidate that it runs share a user and often a
process. The runs above catch what repeats what it reads, ends the script or bends what it computes with; not a
candidate that knows the true values otherwise, nor one that writes into the local variables of a test without literal
expected values. Without a gold there is no run to compare with.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.grading.command import beside as command_beside
from assay.grading.command.canary import Canary, drawn
from assay.grading.command.infra import restore
from assay.grading.command.run import Ran, lay_out, run_tests, solve
from assay.grading.command.spec import CommandSpec, parse_spec
from assay.grading.command.steps import check_steps
from assay.grading.command.turns import turns
from assay.grading.spec_fields import BadSpec
from assay.nouns import Check, Reason, Task, Verdict

_UNEXPLAINED = 2  # sure ones that it may not pass where there is no gold to ask
_MOST_CANARIES = 12
_MOST_REFERENCES = 64
_chance = random.SystemRandom()


@dataclass
class _Reference:
    """What the task's own content does, run at most once and when first asked for."""

    task: Task
    spec: CommandSpec
    loop: asyncio.AbstractEventLoop  # kept, so that its id is not used again while it is a key
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    files: dict[str, bytes] | None = None
    tried: bool = False
    gold_ran: Ran | None = None
    unchanged_ran: Ran | None = None

    async def gold(self) -> Ran | None:
        """Return the run of test.sh on the task's own solution; None where there is none."""
        async with self.lock:
            if not self.tried:
                outputs = await gold_outputs(self.task, self.spec)
                if outputs is not None:
                    self.files = lay_out(self.task, restore(self.task, outputs)[0])
                    self.gold_ran = await run_tests(self.task, self.spec, self.files)
                self.tried = True
        return self.gold_ran

    async def unchanged(self) -> Ran:
        """Return the run of test.sh on the workspace as the task gives it."""
        async with self.lock:
            if self.unchanged_ran is None:
                files = lay_out(self.task, {p: t for p, t in self.task.files.items() if self.task.declares(p)})
                self.unchanged_ran = await run_tests(self.task, self.spec, files)
        return self.unchanged_ran

    async def sound(self) -> bool:
        """Whether test.sh gives a reward in time for the task's own content: its gold, or else no change."""
        ran = await self.gold() or await self.unchanged()
        return ran.reward.value is not None and not ran.timed_out


_references: dict[tuple[int, str], _Reference] = {}


def _reference(task: Task, spec: CommandSpec) -> _Reference:
    """Return what is known of a task in this event loop; the oldest is forgotten when there are many."""
    loop = asyncio.get_running_loop()
    key = (id(loop), task.digest)
    found = _references.pop(key, None) or _Reference(task, spec, loop)
    _references[key] = found
    while len(_references) > _MOST_REFERENCES:
        del _references[next(iter(_references))]
    return found


async def gold_outputs(task: Task, spec: CommandSpec | None = None) -> dict[str, str] | None:
    """Return the outputs of the task's own solution: its gold files, or what solution/solve.sh leaves; else None."""
    if task.gold:
        return {**{path: text for path, text in task.files.items() if task.declares(path)}, **task.gold}
    return (await solve(task, spec or parse_spec(task)))[0]


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade one attempt. `outputs` maps a declared output to its text, read with 'surrogateescape' where need be."""
    try:
        spec = parse_spec(task)
    except BadSpec as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    if spec.steps:
        return await check_steps(task, spec, outputs, check)
    kept, changed = restore(task, outputs)
    files = lay_out(task, kept)
    ran = await run_tests(task, spec, files)
    verdict = await _judge(task, spec, files, ran)
    if not changed:
        return verdict
    note = Check(name="test tools", passed=True, evidence=f"not taken: {', '.join(changed)[:200]}")
    return verdict.model_copy(update={"checks": (*verdict.checks, note)})


async def _judge(task: Task, spec: CommandSpec, files: Mapping[str, bytes], ran: Ran) -> Verdict:
    reference = _reference(task, spec)
    value = ran.reward.value
    main = Check(name="test.sh", passed=ran.full, evidence=ran.tail[-300:])
    if ran.timed_out:
        if not await reference.sound():
            return _broken(task, f"tests/test.sh runs past its {spec.timeout_s:g} s on the task's own content too")
        return Verdict.score(0.0, Reason.TIMEOUT, (main,), f"test.sh ran past {spec.timeout_s:g} s")
    if value is None:
        if not await reference.sound():
            return _broken(task, f"{ran.reward.fault}; so it is with the task's own content ({ran.tail[-200:]})")
        return Verdict.score(0.0, Reason.MALFORMED, (main,), ran.reward.fault)
    if ran.code != 0:
        reason = Reason.WRONG if value < 1 else Reason.CRASHED
        return Verdict.score(0.0, reason, (main,), f"test.sh ended with {ran.code} and the reward {value:g}")
    if value == 0:
        return Verdict.score(0.0, Reason.WRONG, (main,), "test.sh gave the reward 0")
    if await _written_by_another(reference, ran):
        why = "the reward file was not written as tests/test.sh writes it for the task's own solution"
        return Verdict.score(0.0, Reason.CHEATED, (main,), why)
    if value < 1:
        return Verdict.score(value, Reason.WRONG, (main,), f"test.sh gave the reward {value:g}")
    failed, cheated, lost = await _run_again(task, spec, files, reference, ran.wall_s)
    if lost:
        again = Check(name="again", passed=False, evidence=lost.tail[-300:])
        why = "test.sh gave a full reward, and none when it ran again on the same files"
        return Verdict.score(0.0, Reason.TIMEOUT if lost.timed_out else Reason.WRONG, (main, again), why)
    if cheated:
        return Verdict.score(0.0, Reason.CHEATED, (main,), f"the tests passed with a wrong expected value in {cheated}")
    if await _bends(task, spec, files, reference):
        why = "it passes by changing what the tests compute: the task's own solution fails beside it"
        return Verdict.score(0.0, Reason.CHEATED, (main,), why)
    if not await _stands_apart(task, spec, files, reference):
        why = "it fails when the tests compute with libraries of their own"
        return Verdict.score(0.0, Reason.WRONG, (main,), why)
    words = f"{failed} failed, as they must" if failed else "none of the tests' values can be changed to make one"
    return Verdict.score(1.0, Reason.PASSED, (main, Check(name="canaries", passed=True, evidence=words)))


def _broken(task: Task, why: str) -> Verdict:
    return Verdict.invalid(Reason.BAD_TASK, f"task {task.id}: {why}")


async def _written_by_another(reference: _Reference, ran: Ran) -> bool:
    """Whether the events on the reward files cannot be those of test.sh, as the task's own content shows them."""
    gold = await reference.gold()
    if ran.order is None or gold is None or gold.order is None or not gold.full:
        return False
    if ran.order == gold.order or (ran.reward.value != 1 and ran.order == gold.order[: len(ran.order)]):
        return False
    return ran.reward.value == 1 or (await reference.unchanged()).order != ran.order


async def _bends(task: Task, spec: CommandSpec, files: Mapping[str, bytes], reference: _Reference) -> bool:
    """Whether the task's own solution loses its full reward when the candidate runs beside it."""
    gold = await reference.gold()
    if gold is None or not gold.full or reference.files is None or not command_beside.computes(spec.tests):
        return False
    both = command_beside.shadowed(reference.files, files)
    if both is None:
        return False
    ran = await run_tests(task, spec, both)
    return not ran.full and not ran.timed_out


async def _stands_apart(task: Task, spec: CommandSpec, files: Mapping[str, bytes], reference: _Reference) -> bool:
    """Whether the candidate still passes tests whose libraries it cannot reach, if the task's own solution does."""
    tests = command_beside.apart(spec.tests) if command_beside.computes(spec.tests) else None
    if tests is None or (ran := await run_tests(task, spec, files, tests)).full or ran.timed_out:
        return True
    gold = await reference.gold()
    if gold is None or not gold.full or reference.files is None:
        return True
    return not (await run_tests(task, spec, reference.files, tests)).full


async def _run_again(
    task: Task, spec: CommandSpec, files: Mapping[str, bytes], reference: _Reference, wall_s: float
) -> tuple[int, str, Ran | None]:
    """Run the tests again as they are, and with a wrong expected value, by turns.

    Return how many canaries the candidate failed, the file of one that it wrongly passed, and the run as they are that
    it did not pass. Those after the first fault are not made.
    """
    changed = drawn(spec.tests, _MOST_CANARIES)
    left, failed, sure = iter(changed), 0, 0
    for as_they_are in turns(wall_s, len(changed), _chance):
        if as_they_are:
            if not (ran := await run_tests(task, spec, files)).full:
                return failed, "", ran
            continue
        for canary in left:
            tests = {**spec.tests, canary.path: canary.text}
            if not (await run_tests(task, spec, files, tests)).full:
                failed += 1
                break
            sure += canary.sure
            if await _wrongly_passed(task, spec, files, reference, canary, sure):
                return failed, canary.path, None
    return failed, "", None


async def _wrongly_passed(
    task: Task,
    spec: CommandSpec,
    files: Mapping[str, bytes],
    reference: _Reference,
    canary: Canary,
    sure: int,
) -> bool:
    """Whether the task's own solution fails a canary that the candidate has passed; else the canary is none.

    `sure` is how many asserted values the candidate did not care for so far.
    """
    gold = await reference.gold()
    if gold is not None and gold.full and reference.files is not None:
        tests = {**spec.tests, canary.path: canary.text}
        return not (await run_tests(task, spec, reference.files, tests)).full
    if not canary.sure or sure != _UNEXPLAINED:
        return False  # no gold to ask, and one value that may be anything is an accident
    broken = {**spec.tests, canary.path: "raise SystemExit(97)\n"}
    return not (await run_tests(task, spec, files, broken)).full  # and the file is used
