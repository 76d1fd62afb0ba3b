"""Runs one round of a suite in a fresh sandbox and reads what came back, for the kind `tests`."""

import asyncio
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path
from typing import Any

from assay.errors import MachineryError, UserError
from assay.grading.suites.suite_rounds import OUTCOMES, Part, Ran, Round, decided
from assay.grading.suites.suite_spec import Suite
from assay.nouns import Reason, Task
from assay.sandbox import SplitResult, open_sandbox, trees

HOME = "/opt/assay/suite"
_START_S = 60.0
_STALL_S = 60.0
_LIBRARY = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")
_DISTRIBUTIONS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_PROGRAMS = ("suite_controller", "suite_runner", "suite_sympy")
_HERE = Path(__file__).parent  # the programs that run inside are files beside this one
_PROGRAM = "import sys; sys.path.insert(0, '/opt/assay/suite'); import {0}; {0}.main()"


@dataclass(frozen=True)
class Place:
    """The tree that a round runs in: `files` laid over `tree`, if any, without the paths `removed`."""

    files: Mapping[str, str | bytes]
    tree: Path | None = None
    removed: tuple[str, ...] = ()
    modes: Mapping[str, int] = field(default_factory=dict)


def library() -> Path:
    """Return a folder with pytest and what it needs, copied from beside assay once. Raises UserError without it."""
    try:
        found = {name: metadata.distribution(name) for name in _DISTRIBUTIONS}
    except metadata.PackageNotFoundError as error:
        raise UserError(f"{error.name} is not installed beside assay: run pip install pytest to grade by it") from error

    def build(folder: Path) -> None:
        for name in _LIBRARY:
            module = util.find_spec(name)
            if module is not None and module.submodule_search_locations:
                shutil.copytree(module.submodule_search_locations[0], folder / name)
            elif module is not None and module.origin:
                shutil.copy2(module.origin, folder)
            elif name != "py":  # pytest 6 and older had no such module of its own
                raise MachineryError(f"the package {name} cannot be found, though it is installed")
        for name, distribution in found.items():  # pytest's verbose header asks for versions
            about = folder / f"{name}-{distribution.version}.dist-info"
            about.mkdir()
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {distribution.version}\n")

    versions = "-".join(distribution.version for distribution in found.values())
    return trees.prepare(f"suite-library-2-{sys.implementation.cache_tag}-{versions}", build)


async def run(
    task: Task,
    suite: Suite,
    place: Place,
    parts: tuple[Part, ...],
    over: Mapping[str, str],
    *,
    whole: bool = False,
    survey: bool = False,
) -> Ran:
    """Run `parts` in a fresh sandbox on `place`, with the test files `over` laid over it.

    `whole` runs every case of the functions that the ids name, whatever its parameters; `survey` every test of the
    files. Raises MachineryError when the sandbox fails, UserError when there is none, or no pytest.
    """
    readonly = mounts(task, suite, _PROGRAMS)
    async with open_sandbox(
        {**place.files, **over},
        tree=place.tree,
        readonly=readonly,
        workdir=suite.workdir,
        blackhole=suite.blackhole,
        memory_mb=task.limits.memory_mb,
        processes=task.limits.processes,
        file_mb=task.limits.file_mb,
        output_bytes=capacity(parts),
    ) as sandbox:
        nonce, hello = secrets.token_hex(16), secrets.token_hex(8)
        asked = request(suite, place, parts, hello, whole=whole, survey=survey)
        done = await sandbox.run_split(
            command("suite_controller"),
            timeout_s=suite.timeout_s,
            start_s=_START_S,
            stdin=framed(asked) + framed(nonce),
        )
    return heard(suite, parts, done, hello, nonce, whole=whole, survey=survey)


def mounts(task: Task, suite: Suite, programs: Sequence[str]) -> dict[str, Path]:
    """Return what is shown inside beside the repository: our programs, a runner, and the task's own folders."""
    readonly = {f"{HOME}/{name}.py": _HERE / f"{name}.py" for name in programs}
    if suite.runner == "pytest" and not suite.python:
        readonly[f"{HOME}/lib"] = library()
    return readonly | trees.mounts({path: key for path, key in task.mounts.items() if path != suite.tree})


def capacity(parts: Sequence[Part]) -> int:
    """Return how many bytes a round may say."""
    return 200_000 + sum(1_000_000 + 3_000 * max(part.room, len(part.ids)) for part in parts)


def cores() -> int:
    """Return how many processor cores this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


async def side_by_side(task: Task, suite: Suite, place: Place, rounds: Sequence[Round]) -> list[tuple[Round, Ran]]:
    """Run the rounds, as many at a time as there are cores; return those that ended by the time one settled it all.

    Raises what `run` raises.
    """
    turns = asyncio.Semaphore(cores())

    async def one(now: Round) -> tuple[Round, Ran]:
        async with turns:
            return now, await run(task, suite, place, now.parts, now.files)

    pending = {asyncio.ensure_future(one(now)) for now in rounds}
    done: list[tuple[Round, Ran]] = []
    try:
        while pending:
            ended, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            done += [each.result() for each in ended]
            if any(decided(suite, now, ran) for now, ran in done):
                break
    finally:
        for left in pending:
            left.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    return sorted(done, key=lambda pair: rounds.index(pair[0]))


def command(program: str) -> tuple[str, ...]:
    """Return the words that run one of our programs, shown under /opt/assay/suite, inside."""
    # Not -I: the seed of hashes comes from the environment, so that a run can be repeated.
    return ("python", "-s", "-P", "-S", "-B", "-c", _PROGRAM.format(program))


def framed(message: object) -> bytes:
    """Return a message with its length before it, as our programs read it from standard input."""
    data = message.encode() if isinstance(message, str) else json.dumps(message).encode()
    return len(data).to_bytes(8, "big") + data


def request(
    suite: Suite, place: Place, parts: tuple[Part, ...], hello: str, *, whole: bool = False, survey: bool = False
) -> dict[str, Any]:
    """Return what `suite_controller` is asked for."""
    script = suite.script or f"{suite.test_root}/runtests.py".lstrip("/")
    args = suite.args
    if suite.runner == "django" and not suite.script and not args:
        args = ("--settings=test_sqlite", "--parallel=1", "--verbosity=0")
    return {
        "hello": hello,
        "runner": suite.runner,
        "python": suite.python,
        "python_args": list(suite.python_args),
        "root": suite.workdir,
        "test_root": suite.test_root,
        "args": list(args),
        "env": dict(suite.env),
        "script": script,
        "shuffled": suite.order == "shuffled" and not (whole or survey),
        "whole": whole,
        "survey": survey,
        "all": suite.order == "whole",
        "removed": list(place.removed),
        "modes": dict(place.modes),
        "parts": [
            {"file": part.file, "module": part.module, "ids": list(part.ids), "room": max(part.room, len(part.ids))}
            for part in parts
        ],
    }


def roots(suite: Suite) -> list[str]:
    """Return the folders of the repository, beside its own, in which imports are looked for."""
    named = [entry.strip("/") for entry in suite.env.get("PYTHONPATH", "").split(":") if entry and entry[0] != "/"]
    return [*named, *([suite.test_root] if suite.test_root else [])]


def heard(
    suite: Suite,
    parts: tuple[Part, ...],
    done: SplitResult,
    hello: str,
    nonce: str,
    *,
    whole: bool = False,
    survey: bool = False,
) -> Ran:
    """Read the two lines of the controller: one before anything of the candidate ran, one after all of it ended."""
    lines = done.stdout.split(b"\n")
    first = _line(lines[0])
    if first.get("hello") == hello and "bad" in first:
        return Ran(Reason.BAD_TASK, f"python: {first['bad']}")
    if first != {"hello": hello, "ready": len(parts)}:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        raise MachineryError(f"the runner of tests did not get ready: {said or 'it said nothing'}")
    if not is_whole(done, nonce):
        if done.timed_out and done.wall_s > suite.timeout_s + _START_S + _STALL_S:
            raise MachineryError("this machine stood still while the tests ran")
        if done.timed_out:
            return Ran(Reason.TIMEOUT, f"the tests ran past {suite.timeout_s:g} s")
        if b"workspace over" in done.stderr:
            return Ran(Reason.CRASHED, "the tests filled the workspace")
        return Ran(Reason.CRASHED, "the run was ended before it could report")
    return _claims(parts, _line(lines[1])["parts"], whole=whole or survey, twice=survey)


def is_whole(done: SplitResult, nonce: str) -> bool:
    """Whether the controller said two lines, the second after all else had ended."""
    lines = done.stdout.split(b"\n")
    return len(lines) == 3 and lines[2] == b"" and _line(lines[1]).get("nonce") == nonce


def _line(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _claims(parts: tuple[Part, ...], reports: list[dict[str, Any]], *, whole: bool, twice: bool) -> Ran:
    """Return what the files' processes claim, or the first breach of order among them.

    `whole`: ids that were not asked for count too; `twice`: of those reported twice the first report counts.
    """
    outcomes: dict[str, str] = {}
    why: dict[str, str] = {}
    described: dict[str, str] = {}
    notes: list[str] = []
    fault: tuple[Reason, str] | None = None
    for part, report in zip(parts, reports, strict=True):
        wanted = set(part.ids)
        for name, outcome, reason, words in report.get("tests", ()):
            if name in outcomes and twice:
                continue
            if name in outcomes or (name not in wanted and not whole) or outcome not in OUTCOMES:
                said = f"{part.file}: a test was reported twice, unasked or oddly: {name[:200]}"
                fault = fault or (Reason.MALFORMED, said)
                continue
            outcomes[name], why[name], described[name] = outcome, reason, words
        if "broken" in report:
            fault = fault or (Reason.MALFORMED, f"{part.file}: {report['broken']}")
        elif "end" not in report:
            fault = fault or (Reason.CRASHED, f"{part.file}: its process ended ({report['status']}) before its tests")
        elif report["end"] != len(report["tests"]) or report["status"] != 0:
            fault = fault or (Reason.MALFORMED, f"{part.file}: its report does not agree with itself")
        if report.get("note"):
            notes.append(f"{part.file}: {report['note']}")
    reason, detail = fault or (None, "; ".join(notes)[:1000])
    return Ran(reason, detail, outcomes, why, described)
