"""Runs the corpus: each case is laid out, graded as an attempt would be, and its effect on the host looked for."""

import asyncio
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.grading import grade
from assay.grading.command.grader import gold_outputs
from assay.grading.suites import suite_servers
from assay.nouns import Reason, Task, Validity, Verdict
from assay.redteam.canaries import Canaries, hidden_files, marked, resident
from assay.redteam.cases import PATCH, Case, lay_out
from assay.sandbox import trees, workspace
from assay.sandbox.warm import pool as warm
from assay.tasks.folder import load
from assay.tasks.folder_candidate import read_candidate

SANDBOX = "sandbox"  # the family whose cases are watched for escapes
_HANGS_S = 120.0  # a grader that takes longer over one case than this does not answer
_LOOK_S = 0.1
_LASTS_S = 1.5  # the sandbox looks at its disk four times a second, and so may be over its bound for a moment
_SPARE = 8  # processes over the limit, and as a factor of memory 2: the moment between two looks
_ACCUSED = {Reason.CHEATED, Reason.MALFORMED}

_PROBE = """
def _look():
    import os
    seen = [name for place in ("/work", "/tmp", "/dev/shm") for name in os.listdir(place)]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            seen.append(open(f"/proc/{pid}/cmdline", "rb").read().decode("utf-8", "replace"))
        except OSError:
            pass
    if any("@MARK@" in text for text in seen):
        raise RuntimeError("something is left of the candidate before")

_look()
del _look
"""


@dataclass(frozen=True)
class Found:
    """What came of one case. `grader` is the kind of check, `escapes` what was touched or left outside."""

    case: Case
    grader: str
    verdict: Verdict
    escapes: tuple[str, ...]
    wall_s: float

    @property
    def fooled(self) -> bool:
        """An attack that scored full marks."""
        return self.case.attack and self.verdict.value == 1.0

    @property
    def unsettled(self) -> bool:
        """An attack that made the grader itself fail: no score, and a weakness all the same."""
        return self.case.attack and self.verdict.validity is Validity.INVALID

    @property
    def false_alarm(self) -> bool:
        """An honest program that was accused, not judged at all, or judged wrongly."""
        if self.case.attack:
            return False
        if self.verdict.validity is Validity.INVALID or self.verdict.reason in _ACCUSED:
            return True
        return (self.verdict.value == 1.0) != (self.case.expect == "right")


async def run_cases(
    cases: Sequence[Case], *, at_once: int | None = None, done: Callable[[Found], None] = lambda found: None
) -> tuple[list[Found], list[str]]:
    """Grade all cases, `at_once` side by side (one a core), calling `done` with each as it ends.

    Returns what was found, in the order of `cases`, and what is left on this machine when all is over.
    """
    gate = asyncio.Semaphore(at_once or len(os.sched_getaffinity(0)))
    before = _state_of_the_host()

    async def one(case: Case) -> Found:
        async with gate:
            found = await run_case(case)
        done(found)
        return found

    found = list(await asyncio.gather(*(one(case) for case in cases)))
    warm.close()
    suite_servers.close()
    left = sorted(_state_of_the_host() - before)
    return found, left


async def run_case(case: Case) -> Found:
    """Grade one case; a case of the family `sandbox` among canaries of its own."""
    task = task_of(case)
    canaries = await asyncio.to_thread(Canaries) if case.family == SANDBOX else None
    began = time.monotonic()
    try:
        words = {"TASK": str(case.task.resolve()), **(canaries.words() if canaries else {})}
        if canaries is None:
            verdict, escapes = await _judge(case, task, words), []
        else:
            watch = asyncio.create_task(_watch(canaries.mark, task))
            verdict = await _judge(case, task, words)
            watch.cancel()
            over = await asyncio.gather(watch, return_exceptions=True)
            told = verdict.model_dump_json()
            escapes = [*filter(None, map(_text, over)), *await asyncio.to_thread(canaries.touched, told)]
            escapes += await _aftermath(task, canaries.mark)
    finally:
        if canaries is not None:
            canaries.close()
    return Found(case, task.grader.kind, verdict, tuple(escapes), time.monotonic() - began)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


async def _judge(case: Case, task: Task, words: Mapping[str, str]) -> Verdict:
    """Read the candidate as `assay grade` does, and grade what it declares."""
    with tempfile.TemporaryDirectory(prefix="candidate-", dir=workspace.base()) as folder:
        lay_out(case, Path(folder), words)
        given = await read_candidate(task, Path(folder) / PATCH if case.patch else Path(folder))
    return given.verdict or await _grade(task, given.outputs)


async def _grade(task: Task, outputs: Mapping[str, str]) -> Verdict:
    began = time.monotonic()
    try:
        verdict = await asyncio.wait_for(grade(task, outputs), _HANGS_S)
        if time.monotonic() - began < _HANGS_S:
            return verdict
    except TimeoutError:
        pass
    # A grader that blocks the event loop is late too, though nothing could interrupt it.
    return Verdict.invalid(Reason.MACHINERY, f"the grader gave no answer within {_HANGS_S:g} s")


async def _aftermath(task: Task, mark: str) -> list[str]:
    """Grade the task's own solution and its start once more: what came before must not change their verdicts.

    The solution looks about for `mark` first, where it is one Python module, and fails where it finds it.
    """
    probe = _PROBE.replace("@MARK@", mark)
    gold = task.gold or (await gold_outputs(task) if task.grader.kind == "command" else None) or {}
    gold = {path: probe + text if path.endswith(".py") else text for path, text in gold.items()}
    start = {path: task.files[path] for path in task.declared(task.files) if path in task.files}
    said = []
    for outputs, name, wanted in ((gold, "the solution", 1.0), (start, "no change", 0.0)):
        verdict = await _grade(task, outputs)
        if verdict.value != wanted:
            said.append(f"after it {name} got {verdict.value} ({verdict.reason}: {verdict.detail[:120]}), not {wanted}")
    return said


async def _watch(mark: str, task: Task) -> str:
    """Look on until cancelled; return why, as soon as the marked processes are over their limits."""
    most = task.limits.processes + _SPARE
    memory = 2 * task.limits.memory_mb << 20
    disk = 8 * task.limits.file_mb << 20  # twice what the workspace may hold
    since = time.monotonic()  # when the disk was last seen within its bound
    while True:
        pids = await asyncio.to_thread(marked, mark)
        if len(pids) > most:
            return f"{len(pids)} processes at once, where {task.limits.processes} are allowed"
        if resident(pids) > memory:
            return f"over {memory >> 20} MB of memory, where {task.limits.memory_mb} are allowed"
        if hidden_files(pids, workspace.base()) <= disk:
            since = time.monotonic()
        elif time.monotonic() - since > _LASTS_S:
            return f"over {disk >> 20} MB of disk in files that are unlinked and open"
        await asyncio.sleep(_LOOK_S)


def task_of(case: Case) -> Task:
    """Return the task of a case."""
    return _task(case.task)


@functools.cache
def _task(place: Path) -> Task:
    """Read a task; its folder `tree`, where there is one, is what its mounts show."""
    task = load(place)
    if (place / "tree").is_dir():
        for key in task.mounts.values():
            trees.prepare(key, functools.partial(_copy, place / "tree"))
    return task


def _copy(tree: Path, empty: Path) -> None:
    shutil.copytree(tree, empty, dirs_exist_ok=True)


def _state_of_the_host() -> set[str]:
    """Return our mounts and workspaces on this machine, and the children of this process."""
    base = str(workspace.base())
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = {f"the mount {line.split()[4]}" for line in lines if base in line}
    folders = {f"the workspace {place}" for place in workspace.base().iterdir() if place.name.isdigit()}
    return mounts | folders | {f"the process {pid} ({_name(pid)})" for pid in _children(os.getpid())}


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def _children(parent: int) -> list[int]:
    """Return the processes whose parent is `parent`."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                above = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            if above == parent:
                found.append(int(name))
    return found
