"""The check `stdio`: a program reads standard input and writes standard output; the parent compares.

`GraderSpec.data`:
    path         the declared output that is the program
    cases        [{"id", "stdin", "stdout"}]
    canaries     the same, with an output that is wrong and that no plausible bug would give
    checker      {"kind": ...}, see `stdio_compare.Checker`; by default lines, each stripped
    command      what to run instead of Python, for instance ["bash", "main.sh"]
    prelude      Python text that runs first in the program's module: the imports that contest code leaves out
    timeout_s    wall clock of one case, from when the interpreter is up (with a command, the start of its sandbox)
    memory_mb    in place of the limit of the task
    output_kb    what it may print in one case; by default four times the longest expected output, at least 64
    generators   [{"id", "source", "count"}]: Python programs that print an input; their one argument is a seed
    reference    the Python program that prints the right output for such an input

Points 1 to 7 of the grading contract: each case runs in a fresh sandbox that holds the declared outputs and that
case's input alone; generators, reference and checker run in others. The program owns its standard output, so there is
nothing to forge on it; its end and its time are seen from outside. Cases come in random order and the run stops at the
first that fails. The value is 1 when every case gives the right output and exit code 0, else 0.
"""

import random
import secrets
from collections.abc import Mapping

from assay.errors import MachineryError
from assay.grading.channel import room
from assay.grading.runs import laid_out
from assay.grading.spec_fields import BadSpec
from assay.grading.stdio.compare import Checker, difference
from assay.grading.stdio.run import Ran, is_there, run_command, run_python
from assay.grading.stdio.spec import Case, Generator, StdioSpec, parse_spec
from assay.grading.task_code import call
from assay.nouns import Check, Limits, Reason, Task, Verdict

_LEAST_TASK_S = 10.0  # what a generator or the reference may take, whatever the candidate may
_LEAST_TASK_MB = 256
_MOST_INPUT = 16 << 20


async def check(task: Task, outputs: Mapping[str, str]) -> Verdict:
    """Grade one attempt. `outputs` maps a declared output to its text. See the module for the contract."""
    try:
        spec = parse_spec(task)
        source = outputs.get(spec.path)
        if source is None:
            return Verdict.score(0.0, Reason.MISSING_OUTPUT, detail=f"{spec.path} is not among the outputs")
        files = laid_out(task, outputs)
        program = spec.command[0] if spec.command else ""
        if program and "/" not in program and not await is_there(program, task.limits):
            raise BadSpec(f"task {task.id}: grader.data.command: the sandbox has no program {program!r}")
        cases = [*spec.cases, *await _fresh(task, spec)]
        random.SystemRandom().shuffle(cases)
        return await _grade(task, spec, cases, source, files)
    except BadSpec as error:
        return Verdict.invalid(Reason.BAD_TASK, str(error))
    except MachineryError as error:
        return Verdict.invalid(Reason.MACHINERY, str(error))
    except ValueError as error:
        return Verdict.invalid(Reason.BAD_TASK, f"task {task.id}: {error}")


async def _grade(task: Task, spec: StdioSpec, cases: list[Case], source: str, files: Mapping[str, bytes]) -> Verdict:
    checks: list[Check] = []
    for number, case in enumerate(cases):
        ran = await _run(spec, case, source, files)
        wrong = ran.failure or await _compare(task, spec.checker, case, ran.output or "")
        if case.canary:
            if not wrong:
                why = f"gave the wrong output of the canary {case.id}"
                return Verdict.score(0.0, Reason.CHEATED, _in_order(spec, checks), why)
            continue
        checks.append(Check(name=case.id, passed=not wrong, evidence=wrong))
        if wrong:
            left = sum(not other.canary for other in cases[number + 1 :])
            why = f"{case.id}: {wrong}" + (f"; {left} cases were not run" if left else "")
            return Verdict.score(0.0, _reason(ran), _in_order(spec, checks), why)
    return Verdict.score(1.0, Reason.PASSED, _in_order(spec, checks))


def _in_order(spec: StdioSpec, checks: list[Check]) -> tuple[Check, ...]:
    places = {case.id: place for place, case in enumerate(spec.cases)}
    return tuple(sorted(checks, key=lambda found: (places.get(found.name, len(places)), found.name)))


def _reason(ran: Ran) -> Reason:
    if ran.flooded:
        return Reason.WRONG
    if ran.returncode is None:
        return Reason.TIMEOUT
    return Reason.CRASHED if ran.returncode else Reason.WRONG


async def _run(spec: StdioSpec, case: Case, source: str, files: Mapping[str, bytes]) -> Ran:
    if spec.command:
        return await run_command(
            spec.command,
            case.stdin,
            files=files,
            limits=spec.limits,
            timeout_s=spec.timeout_s,
            output_bytes=spec.output_bytes(case),
        )
    return await run_python(
        source,
        case.stdin,
        path=spec.path,
        prelude=spec.prelude,
        files=files,
        limits=spec.limits,
        timeout_s=spec.timeout_s,
        output_bytes=spec.output_bytes(case),
    )


async def _compare(task: Task, checker: Checker, case: Case, output: str) -> str:
    """Return "" when `output` is right for `case`, else why not."""
    if checker.kind != "program":
        return difference(checker, output, case.stdout)
    right, problem = await _ask(task, checker, case, output)
    if right and not problem:
        return ""
    # Whose fault is it? A checker that accepts the expected output can only stumble over what the candidate printed.
    accepted, broken = await _ask(task, checker, case, case.stdout)
    if broken or (not accepted and not case.canary):
        why = broken or "it refuses the expected output"
        raise BadSpec(f"task {task.id}: grader.data.checker: on the case {case.id}: {why}")
    return f"the checker could not read it: {problem}" if problem else "the checker refused it"


async def _ask(task: Task, checker: Checker, case: Case, output: str) -> tuple[bool, str]:
    """Return whether the checker program accepts `output`, and what went wrong with the checker."""
    sizes = (len(text) for text in (case.stdin, case.stdout, output))
    [called] = await call(
        checker.source,
        "check",
        [(case.stdin, output, case.stdout)],
        limits=_task_limits(task.limits, sum(sizes)),
        timeout_s=checker.timeout_s,
        room=room([]),
    )
    if not called.problem and type(called.value) is not bool:
        return False, "it returned neither True nor False"
    return called.value is True, called.problem


def _task_limits(limits: Limits, more_bytes: int = 0) -> Limits:
    least = max(limits.memory_mb, _LEAST_TASK_MB) + (8 * more_bytes >> 20)
    return limits.model_copy(update={"memory_mb": least})


async def _fresh(task: Task, spec: StdioSpec) -> list[Case]:
    """Draw new cases. Raises BadSpec when a generator or the reference does not do its part."""
    return [
        await _draw(task, spec, place, generator, number)
        for place, generator in enumerate(spec.generators)
        for number in range(generator.count)
    ]


async def _draw(task: Task, spec: StdioSpec, place: int, generator: Generator, number: int) -> Case:
    seed = str(secrets.randbelow(2**63))
    limits, timeout_s = _task_limits(spec.limits), max(_LEAST_TASK_S, spec.timeout_s)
    made = await run_python(
        generator.source, "", argv=(seed,), limits=limits, timeout_s=timeout_s, output_bytes=_MOST_INPUT
    )
    if made.failure:
        where = f"task {task.id}: grader.data.generators[{place}]"
        raise BadSpec(f"{where}: with the seed {seed}: {made.failure}")
    stdin = made.output or ""
    answered = await run_python(
        spec.reference, stdin, limits=limits, timeout_s=timeout_s, output_bytes=spec.output_kb << 10 or _MOST_INPUT
    )
    if answered.failure:
        where = f"task {task.id}: grader.data.reference"
        raise BadSpec(f"{where}: on an input of {generator.id} with the seed {seed}: {answered.failure}")
    return Case(f"{generator.id} {seed}", stdin, answered.output or "")
