"""The check `functions`: call a named function on inputs in a sandbox, compare in the parent.

`GraderSpec.data` = {"path": the declared output that defines the function, "entry": its name,
"cases": [{"id", "args", "expected"}], "canaries": [the same, with an expected value that is wrong],
"tolerance": 0.0, "timeout_s": 5.0}; args (a list) and expected are in the encoding of `assay.grading.values`.

Points 1 to 7 of the grading contract: the sandbox is fresh and holds the declared outputs alone, as data; inputs
go in under ids drawn for this run, shuffled, canaries among them; expected values never leave this process. A run
passes when every case gives its expected value and no canary does. The value is 1 or 0. A canary's value should
not be one that a plausible bug gives, since a candidate that returns it is reported as a cheat.
"""

import asyncio
import json
import os
import random
from collections.abc import Mapping, Sequence

from assay.errors import MachineryError
from assay.grading.channel import COMMAND, Heard, capacity, message, new_nonce, parse, room
from assay.grading.function_runner import BATCH, SINGLE
from assay.grading.function_spec import BadSpec, FunctionSpec, parse_spec
from assay.grading.values import EncodingError, decode, matches
from assay.nouns import Check, Reason, Task, Verdict
from assay.sandbox import SplitResult, open_sandbox

_START_S = 60.0  # a loaded machine may take long to start Python; no candidate's time runs meanwhile
_LEAST_MEMORY_MB = 64  # below this Python itself does not start
_BATCH = 100
_EVIDENCE = 200


class _Plan:
    """The inputs of one run under their secret ids, in a shuffled order."""

    def __init__(self, spec: FunctionSpec) -> None:
        self.spec = spec
        self.ids = {new_nonce(): case for case in (*spec.cases, *spec.canaries)}
        self.order = list(self.ids)
        random.SystemRandom().shuffle(self.order)
        self.room = room(case.expected_bytes for case in self.ids.values())
        self.capacity = capacity(self.room, len(self.ids))

    def request(self, source: str) -> dict[str, object]:
        """Return what the runner is told: no expected value, and no word about which input is a canary."""
        return {
            "source": source,
            "path": self.spec.path,
            "entry": self.spec.entry,
            "inputs": [(secret, self.ids[secret].args) for secret in self.order],
            "room": self.room,
            "capacity": self.capacity,
        }


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade one attempt. `outputs` maps a declared output to its text. See the module for the contract.

    Cancelled, it leaves nothing behind. A failure of the sandbox or the runner is an invalid verdict.
    """
    try:
        spec = parse_spec(task)
    except BadSpec as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    source = outputs.get(spec.path)
    if source is None:
        return _missing(spec)
    plan, nonce = _Plan(spec), new_nonce()
    declared = {path: text for path, text in outputs.items() if path in task.outputs}
    try:
        async with open_sandbox(
            {path: text.encode("utf-8", "surrogatepass") for path, text in declared.items()},
            memory_mb=max(_LEAST_MEMORY_MB, task.limits.memory_mb),
            processes=task.limits.processes,
            file_mb=task.limits.file_mb,
            output_bytes=plan.capacity,
        ) as sandbox:
            ended = await sandbox.run_split(
                COMMAND,
                timeout_s=spec.timeout_s,
                start_s=_START_S,
                stdin=message(SINGLE, plan.request(source), nonce),
            )
    except MachineryError as error:
        return Verdict.invalid(Reason.MACHINERY, str(error))
    except ValueError as error:
        return Verdict.invalid(Reason.BAD_TASK, f"task {task.id}: {error}")
    heard = parse(ended.stdout, nonce, ["status", *plan.order], truncated=ended.truncated)
    if not heard.ready:
        detail = f"the runner did not start: {ended.stderr[-300:].decode('utf-8', 'replace').strip()}"
        return Verdict.invalid(Reason.MACHINERY, detail)
    return _decide(plan, heard, ended)


def _missing(spec: FunctionSpec) -> Verdict:
    return Verdict.score(0.0, Reason.MISSING_OUTPUT, detail=f"{spec.path} is not among the outputs")


def _decide(plan: _Plan, heard: Heard, ended: SplitResult) -> Verdict:
    """Compare what was heard with what is expected: the only place where a functions run can pass."""
    spec = plan.spec
    if heard.problems:
        return Verdict.score(0.0, Reason.MALFORMED, detail="; ".join(heard.problems[:3]))
    status = heard.payloads.pop("status", None)
    checks, cheated, wrong, raised = [], [], 0, 0
    for secret, case in plan.ids.items():
        payload = heard.payloads.get(secret)
        equal, evidence = _compare(payload, case.expected, spec.tolerance)
        if case.canary:
            if equal:
                cheated.append(case.id)
            continue
        checks.append(Check(name=case.id, passed=equal, evidence="" if equal else evidence))
        answered = type(payload) is list and payload[:1] in (["value"], ["refused"])
        wrong += answered and not equal
        raised += payload is not None and not answered
    if cheated:
        why = f"gave the wrong value of the canary {', '.join(cheated)}"
        return Verdict.score(0.0, Reason.CHEATED, tuple(checks), why)
    complete = len(heard.payloads) == len(plan.ids)
    if complete and status == ["done"] and all(c.passed for c in checks) and not ended.timed_out:
        return Verdict.score(1.0, Reason.PASSED, tuple(checks))
    reason, why = _why_not(status, ended, complete, wrong, raised)
    return Verdict.score(0.0, reason, tuple(checks), why)


def _why_not(status: object, ended: SplitResult, complete: bool, wrong: int, raised: int) -> tuple[Reason, str]:
    if type(status) is list and len(status) == 2 and status[0] == "no_entry":
        return Reason.NO_ENTRY, str(status[1])[:_EVIDENCE]
    if type(status) is list and len(status) == 2 and status[0] == "import":
        return Reason.CRASHED, f"importing it raised {status[1]}"[:_EVIDENCE]
    if ended.timed_out or status == ["timeout"]:
        return Reason.TIMEOUT, "ran past its time"
    if not complete or status != ["done"]:
        return Reason.CRASHED, f"the process ended early, with {ended.returncode}"
    if wrong:
        return Reason.WRONG, f"{wrong} wrong, {raised} raised"
    return Reason.CRASHED, f"{raised} raised"


def _compare(payload: object, expected: object, tolerance: float) -> tuple[bool, str]:
    """Return whether a case's payload is the expected value, and else what there was (never the expected)."""
    if payload is None:
        return False, "no result"
    if type(payload) is not list or len(payload) != 2 or payload[0] not in ("value", "raised", "refused"):
        return False, "not a result"
    if payload[0] != "value":
        return False, f"{payload[0]}: {payload[1]}"[:_EVIDENCE]
    if matches(payload[1], expected, tolerance):
        return True, ""
    return False, f"gave {_shown(payload[1])}"[:_EVIDENCE]


def _shown(data: object) -> str:
    text = json.dumps(data)
    if len(text) > _EVIDENCE:
        return text
    try:
        return repr(decode(data))
    except (EncodingError, RecursionError):
        return text


async def grade_batch(pairs: Sequence[tuple[Task, Mapping[str, str]]]) -> list[Verdict]:
    """Grade many candidates of trusted origin (our own generated tasks), a hundred to a sandbox.

    Verdicts come in the order of `pairs` and are decided as in `check`. Each candidate runs in a forked child,
    killed at its own wall clock; but the candidates of a batch share a pid namespace, a /tmp and the limits of the
    strictest among them, so a hostile one could disturb its neighbours: never give an agent's output to
    this. A candidate whose result did not come through is graded again by `check`, alone.
    """
    verdicts: list[Verdict | None] = [None] * len(pairs)
    ready: list[tuple[int, _Plan, str]] = []
    for place, (task, outputs) in enumerate(pairs):
        try:
            spec = parse_spec(task)
        except BadSpec as error:
            verdicts[place] = Verdict.invalid(Reason.BAD_TASK, str(error))
            continue
        source = outputs.get(spec.path)
        if source is None:
            verdicts[place] = _missing(spec)
        elif len(task.outputs) > 1:
            continue  # it may import its other outputs, which a batch does not lay out
        else:
            ready.append((place, _Plan(spec), source))
    slots = asyncio.Semaphore(len(os.sched_getaffinity(0)))

    async def run(batch: list[tuple[int, _Plan, str]]) -> None:
        async with slots:
            for place, verdict in (await _run_batch(batch, [pairs[p][0] for p, _, _ in batch])).items():
                verdicts[place] = verdict

    await asyncio.gather(*(run(ready[begin : begin + _BATCH]) for begin in range(0, len(ready), _BATCH)))
    return [v if v is not None else await check(*pairs[place]) for place, v in enumerate(verdicts)]


async def _run_batch(batch: list[tuple[int, _Plan, str]], tasks: list[Task]) -> dict[int, Verdict]:
    nonce, names = new_nonce(), {new_nonce(): entry for entry in batch}
    total_s = sum(plan.spec.timeout_s for _, plan, _ in batch)
    requests = [
        (name, new_nonce(), plan.spec.timeout_s, plan.request(source)) for name, (_, plan, source) in names.items()
    ]
    try:
        async with open_sandbox(
            {},
            memory_mb=max(_LEAST_MEMORY_MB, min(task.limits.memory_mb for task in tasks)),
            processes=min(task.limits.processes for task in tasks),
            file_mb=min(task.limits.file_mb for task in tasks),
            output_bytes=capacity(2 * max(plan.capacity for _, plan, _ in batch), len(batch)),
        ) as sandbox:
            ended = await sandbox.run_split(
                COMMAND,
                timeout_s=total_s + 10,
                start_s=_START_S,
                stdin=message(BATCH, {"candidates": requests}, nonce),
            )
    except MachineryError:
        return {}
    heard = parse(ended.stdout, nonce, names, truncated=ended.truncated)
    found: dict[int, Verdict] = {}
    own = {name: own_nonce for name, own_nonce, _, _ in requests}
    for name, payload in heard.payloads.items():
        place, plan, _ = names[name]
        if heard.problems or type(payload) is not list or len(payload) != 3:
            continue
        code, late, text = payload
        inner = parse(str(text).encode("utf-8", "surrogatepass"), own[name], ["status", *plan.order])
        alone = SplitResult(None if late else code, b"", b"", bool(late), False, 0.0)
        if inner.ready:
            found[place] = _decide(plan, inner, alone)
    return found
