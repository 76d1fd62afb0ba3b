"""The check `timing`: the candidate must give the right values, and sooner than a baseline.

`GraderSpec.data`:
    path, entry      the declared output and the function in it
    baseline         Python text that defines the same function, right and slow
    inputs, size     Python text that defines generate(rng) or, with a size, generate(rng, size): a list of arguments
    tolerance        for floats in the values, absolute or relative; by default none
    min_speedup      what must be exceeded, 1.1 by default
    score            "pass": 1 or 0; "log": the logarithm of the speedup against that of target_speedup, at most 1
    pairs            how many inputs, 8 by default and at least 5; each is run four times; up to three times as many
                     while the interval decides nothing
    timeout_s        for one run
    memory_mb        in place of the limit of the task

Point 8 of the grading contract. Each run has a fresh sandbox in which either the candidate or the baseline is, never
both, and which is dead before the next begins. The input of a round is drawn for this grading and is handed over
together with the source text, when the parent's clock starts: so the import counts, and nothing can be prepared.
The clock stops when the encoded value is there, complete; the parent compares it with the baseline's own, in every
run. Rounds go baseline, candidate, candidate, baseline and then the other way about. Both run on the same core and
cannot leave it, so threads and processes gain nothing; where that cannot be enforced, processor time must show the
same gain. The lower end of the ratio's interval must exceed `min_speedup` and the noise of the baseline against itself.
"""

import asyncio
import json
import math
import os
import random
import secrets
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.errors import MachineryError
from assay.grading.runs import laid_out
from assay.grading.spec_fields import BadSpec
from assay.grading.task_code import call
from assay.grading.timing.ratio import Round, Speedup, speedup
from assay.grading.timing.run import Job, Timed, run
from assay.grading.timing.spec import TimingSpec, parse_spec
from assay.grading.values import EncodingError, decode, matches
from assay.nouns import Check, Reason, Task, Verdict

_DRAW = """

def _assay_draw(seed, size):
    import random
    rng = random.Random(seed)
    return list(generate(rng) if size is None else generate(rng, size))
"""
_ECHO = "def echo(arguments, value):\n    return value\n"
_MOST_INPUT = 32 << 20
_MOST_VALUE = 4 << 20
_LOOKS = (
    3  # as long as the interval decides nothing, another `pairs` rounds; at 99 % each, three looks are honest enough
)
_CHANNEL_SHARE = 2.0  # the baseline must take this many times what the channel takes alone
_locks: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = weakref.WeakKeyDictionary()


class _Failed(Exception):
    """The candidate gave no right value."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade one attempt. `outputs` maps a declared output to its text. See the module for the contract."""
    try:
        spec = parse_spec(task)
        source = outputs.get(spec.path)
        if source is None:
            return Verdict.score(0.0, Reason.MISSING_OUTPUT, detail=f"{spec.path} is not among the outputs")
        source = source.removeprefix("\ufeff")
        files = laid_out(task, outputs)
        inputs = await _draw(task, spec, spec.pairs + 1)
        race = _Race(task, spec, source, files)
        # One at a time in a process: two that are timed at once would time each other.
        async with _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            await race.round(inputs.pop(), 0)  # values first; what it takes does not count, files and caches are cold
            race.forget()
            for look in range(_LOOKS):
                for number, arguments in enumerate(inputs if look == 0 else await _draw(task, spec, spec.pairs)):
                    await race.round(arguments, number)
                if race.decided():
                    break
        return race.verdict()
    except _Failed as failed:
        found = (Check(name="values", passed=False, evidence=str(failed)),)
        return Verdict.score(0.0, failed.reason, found, str(failed))
    except BadSpec as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    except MachineryError as error:
        return Verdict.invalid(Reason.MACHINERY, str(error))
    except ValueError as error:
        return Verdict.invalid(Reason.BAD_TASK, f"task {task.id}: {error}")


async def _draw(task: Task, spec: TimingSpec, rounds: int) -> list[list[Any]]:
    """Return the arguments of so many rounds. Raises BadSpec when the generator does not do its part."""
    seeds = [secrets.randbelow(2**63) for _ in range(rounds)]
    called = await call(
        spec.inputs + _DRAW,
        "_assay_draw",
        [(seed, spec.size) for seed in seeds],
        limits=spec.limits.model_copy(update={"memory_mb": max(spec.limits.memory_mb, 512)}),
        timeout_s=10.0 + spec.timeout_s,
        room=_MOST_INPUT,
    )
    where = f"task {task.id}: grader.data.inputs"
    for seed, one in zip(seeds, called, strict=True):
        if one.problem:
            raise BadSpec(f"{where}: with the seed {seed}: {one.problem}")
    if len({json.dumps(one.value) for one in called}) == 1:
        raise BadSpec(f"{where}: every seed gives the same input")
    try:
        return [decode(one.value) for one in called]
    except (EncodingError, RecursionError) as error:
        raise BadSpec(f"{where}: {error}") from error


class _Race:
    """Baseline against candidate, round by round."""

    def __init__(self, task: Task, spec: TimingSpec, source: str, files: Mapping[str, bytes]) -> None:
        self.task, self.spec, self.source, self.files = task, spec, source, files
        self.cores = sorted(os.sched_getaffinity(0))
        self.forget()

    def forget(self) -> None:
        """Drop the times so far."""
        self.wall: list[Round] = []
        self.cpu: list[Round] = []
        self.pinned = True

    async def _time(self, job: Job, core: int) -> Timed:
        timed = await run(job, core=core, limits=self.spec.limits, timeout_s=self.spec.timeout_s)
        self.pinned = self.pinned and timed.pinned
        return timed

    async def round(self, arguments: list[Any], number: int) -> None:
        """Run one input four times. Raises _Failed when the candidate is wrong, BadSpec when the baseline fails."""
        spec, core = self.spec, random.choice(self.cores)
        jobs = {
            "baseline": Job("baseline.py", spec.baseline, spec.entry, arguments, _MOST_VALUE, {}),
            "candidate": Job(spec.path, self.source, spec.entry, arguments, _MOST_VALUE, self.files),
        }
        done: dict[str, list[Timed]] = {"baseline": [], "candidate": []}
        outer, inner = ("baseline", "candidate") if number % 2 == 0 else ("candidate", "baseline")
        for side in (outer, inner, inner, outer):
            timed = await self._time(jobs[side], core)
            if side == "baseline":
                self._baseline(timed)
            else:
                self._candidate(timed)
            done[side].append(timed)
        expected = self._expected(done["baseline"])
        if not all(matches(timed.payload[1], expected, spec.tolerance) for timed in done["candidate"]):
            raise _Failed(Reason.WRONG, "another value than the baseline's")
        echo = await self._time(Job("echo.py", _ECHO, "echo", [arguments, expected], _MOST_VALUE, {}), core)
        if echo.problem or echo.payload[0] != "value":
            raise MachineryError(f"the channel alone could not be timed: {echo.problem or echo.payload[1]}")
        for kept, clock in ((self.wall, "wall_s"), (self.cpu, "cpu_s")):
            slow, fast = ([getattr(timed, clock) for timed in done[side]] for side in ("baseline", "candidate"))
            kept.append(Round((slow[0], slow[1]), (fast[0], fast[1]), getattr(echo, clock)))

    def _baseline(self, timed: Timed) -> None:
        if timed.problem or timed.payload[0] != "value":
            why = timed.problem or f"{timed.payload[0]}: {timed.payload[1]}"
            raise BadSpec(f"task {self.task.id}: grader.data.baseline: {why}")

    def _expected(self, baselines: list[Timed]) -> Any:
        try:
            first, second = (decode(timed.payload[1]) for timed in baselines)
        except (EncodingError, RecursionError) as error:
            raise BadSpec(f"task {self.task.id}: grader.data.baseline: its value: {error}") from error
        if not matches(baselines[0].payload[1], second, self.spec.tolerance):
            raise BadSpec(f"task {self.task.id}: grader.data.baseline: two values for one input")
        return first

    @staticmethod
    def _candidate(timed: Timed) -> None:
        if timed.late:
            raise _Failed(Reason.TIMEOUT, timed.problem)
        if timed.payload is None:
            malformed = "channel" in timed.problem
            raise _Failed(Reason.MALFORMED if malformed else Reason.CRASHED, timed.problem)
        what, detail = timed.payload
        if what != "value":
            reasons = {"no_entry": Reason.NO_ENTRY, "refused": Reason.WRONG}
            raise _Failed(reasons.get(str(what), Reason.CRASHED), f"{what}: {detail}"[:300])

    def _result(self) -> tuple[float, float, Speedup, Speedup]:
        """Return the two ends of the speedup that counts, and the two speedups, by the wall and by processor time."""
        wall, cpu = speedup(self.wall), speedup(self.cpu)
        counted = (wall,) if self.pinned else (wall, cpu)
        return min(one.low for one in counted), min(one.high for one in counted), wall, cpu

    def _bound(self, wall: Speedup) -> float:
        return max(self.spec.min_speedup, wall.noise)

    def decided(self) -> bool:
        """Whether more rounds would not help: the interval is above the bound, or below the least speedup."""
        low, high, wall, _ = self._result()
        return low > self._bound(wall) or high <= self.spec.min_speedup or bool(self._too_quick())

    def _too_quick(self) -> str:
        """Say why the baseline is too quick to be timed over the channel; "" when it is not."""
        baseline = float(np.median([time for one in self.wall for time in one.baseline]))
        channel = float(np.median([one.channel for one in self.wall]))
        if baseline >= _CHANNEL_SHARE * channel:
            return ""
        return f"it takes {1000 * baseline:.1f} ms, and the channel alone {1000 * channel:.1f} ms: use larger inputs"

    def verdict(self) -> Verdict:
        """Decide from all rounds: the only place where a timing run can pass."""
        spec, (low, _, wall, cpu) = self.spec, self._result()
        if why := self._too_quick():
            raise BadSpec(f"task {self.task.id}: grader.data.baseline: {why}")
        bound = self._bound(wall)
        passed = low > bound
        words = f"wall clock {_words(wall)}; processor time {_words(cpu)}; {len(self.wall)} pairs"
        if not self.pinned:
            words += "; not held on one core here, so both must show it"
        checks = (Check(name="values", passed=True), Check(name="speed", passed=passed, evidence=words))
        if not passed:
            why = f"at least {low:.3g} times as fast, and more than {bound:.3g} is needed"
            return Verdict.score(0.0, Reason.WRONG, checks, why)
        value = min(1.0, math.log(low) / math.log(spec.target_speedup)) if spec.target_speedup else 1.0
        return Verdict.score(value, Reason.PASSED, checks)


def _words(found: Speedup) -> str:
    return f"{found.ratio:.3g} [{found.low:.3g}, {found.high:.3g}], same against same {found.noise:.3g}"
