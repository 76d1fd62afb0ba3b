"""The specification of a `command` check: read and checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import MachineryError
from assay.grading.spec_fields import BadSpec
from assay.nouns import Task
from assay.sandbox.layout import ENVIRONMENT

WORK = "/work"
WORKDIR = "/app"
_FIELDS = {"tests", "solution", "workdir", "env", "solution_env", "timeout_s", "solution_timeout_s", "folders"}
_FIELDS |= {"environment", "path", "steps", "strategy"}
_STEP = {"name", "instruction", "tests", "solution", "files", "env", "timeout_s", "solution_timeout_s", "min_reward"}
STRATEGIES = ("mean", "final")
_RESERVED = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc", "/dev", "/sys")
_OURS = ("/tmp", "/tests", "/solution", "/logs", "/opt/assay")
SOURCES = "/usr/src"  # the one place in /usr where images put workspaces


@dataclass(frozen=True)
class Step:
    """One step of a task of several: `files` are laid over the workspace first, and a setup.sh among them is run.

    The data of the step's own check are those of the task with `data` in place of its tests and its solution.
    `min_reward` is what the next step asks of this one.
    """

    name: str
    instruction: str
    files: Mapping[str, str]
    min_reward: float | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class CommandSpec:
    """A checked `command` specification. `tests` and `solution` map relative paths to text; times in seconds.

    `environment` are variables for all that runs, `env` for the tests, `solution_env` for the solution; the folders
    `path` come first in PATH. `steps` are those of a task of several; `strategy` makes one reward of theirs.
    """

    tests: Mapping[str, str]
    solution: Mapping[str, str]
    workdir: str
    environment: Mapping[str, str]
    path: tuple[str, ...]
    env: Mapping[str, str]
    solution_env: Mapping[str, str]
    timeout_s: float
    solution_timeout_s: float
    folders: tuple[str, ...]
    steps: tuple[Step, ...]
    strategy: str


def parse_spec(task: Task) -> CommandSpec:
    """Return the specification of a task. Raises BadSpec when it cannot be used."""
    data = task.grader.data
    if unknown := set(data) - _FIELDS:
        raise BadSpec(f"task {task.id}: grader.data: unknown field {min(unknown)}")
    tests, solution = _files(task, "tests"), _files(task, "solution")
    steps = _steps(task)
    if "test.sh" not in tests and not steps:
        raise BadSpec(f"task {task.id}: it has no tests/test.sh, so nothing can decide")
    workdir = data.get("workdir", WORKDIR)
    if not isinstance(workdir, str) or not workdir.startswith("/") or not _plain(workdir[1:]):
        raise BadSpec(f"task {task.id}: grader.data.workdir: {workdir!r} is not an absolute path")
    taken = any(workdir == bad or workdir.startswith(f"{bad}/") for bad in (*_RESERVED, *_OURS))
    if taken and not workdir.startswith(f"{SOURCES}/"):
        raise BadSpec(f"task {task.id}: grader.data.workdir: {workdir} belongs to the system or to the verifier")
    path = _texts(task, "path")
    if any(not folder.startswith("/") or ":" in folder for folder in path):
        raise BadSpec(f"task {task.id}: grader.data.path: not a list of absolute folders")
    folders = _texts(task, "folders")
    if not all(_plain(each) for each in folders):
        raise BadSpec(f"task {task.id}: grader.data.folders: not a list of relative paths")
    strategy = data.get("strategy", STRATEGIES[0])
    if strategy not in STRATEGIES:
        raise BadSpec(f"task {task.id}: grader.data.strategy: {strategy!r} is not {' or '.join(STRATEGIES)}")
    return CommandSpec(
        tests=tests,
        solution=solution,
        workdir=workdir,
        environment=_env(task, "environment"),
        path=path,
        env=_env(task, "env"),
        solution_env=_env(task, "solution_env"),
        timeout_s=_seconds(task, "timeout_s"),
        solution_timeout_s=_seconds(task, "solution_timeout_s"),
        folders=folders,
        steps=steps,
        strategy=strategy,
    )


def _steps(task: Task) -> tuple[Step, ...]:
    """Return the steps of a task of several. What each checks is checked when it is parsed for itself."""
    listed = task.grader.data.get("steps", [])
    if not isinstance(listed, list):
        raise BadSpec(f"task {task.id}: grader.data.steps: it must be a list")
    found: list[Step] = []
    for number, each in enumerate(listed):
        where = f"task {task.id}: grader.data.steps[{number}]"
        if not isinstance(each, dict) or set(each) - _STEP:
            raise BadSpec(f"{where}: it must be a table of {', '.join(sorted(_STEP))}")
        name, instruction, least = each.get("name"), each.get("instruction", ""), each.get("min_reward")
        if not isinstance(name, str) or not _plain(name) or "/" in name or name in {step.name for step in found}:
            raise BadSpec(f"{where}: its name {name!r} is not the name of a folder of its own")
        if not isinstance(instruction, str) or not (least is None or type(least) in (int, float)):
            raise BadSpec(f"{where}: its instruction must be text, its min_reward a number")
        files = each.get("files", {})
        if not isinstance(files, dict) or not all(isinstance(t, str) and _plain(path) for path, t in files.items()):
            raise BadSpec(f"{where}: its files must map relative paths to text")
        own = {key: each[key] for key in _STEP - {"name", "instruction", "files", "min_reward"} if key in each}
        found.append(Step(name, instruction, files, least, own))
    return tuple(found)


def variables(task: Task) -> dict[str, str]:
    """Return what a task's image sets for all that runs in it, an agent's commands too, PATH completed."""
    if task.grader.kind != "command":
        return {}
    return with_path(_env(task, "environment"), _texts(task, "path"))


def with_path(environment: Mapping[str, str], first: Sequence[str], last: str = ENVIRONMENT["PATH"]) -> dict[str, str]:
    """Return variables with PATH: the folders `first`, then those of the variables themselves or `last`."""
    return {**environment, "PATH": ":".join([*first, environment.get("PATH", last)])}


def binds(task: Task) -> dict[str, str]:
    """Return `binds` for `open_sandbox` by which an agent finds its workspace where the task says, and at /work.

    Raises MachineryError for a task of several steps as a whole: an agent's sandbox is that of one after another.
    """
    if task.grader.kind == "command" and task.grader.data.get("steps"):
        raise MachineryError(f"task {task.id} has several steps, through which only `assay solve` takes an agent")
    workdir = str(task.grader.data.get("workdir", WORKDIR)) if task.grader.kind == "command" else WORK
    return {WORK: ""} if workdir.startswith(f"{SOURCES}/") else {WORK: "", workdir: ""}


def _plain(path: str) -> bool:
    return all(part not in ("", ".", "..") for part in path.split("/")) and "\0" not in path


def _texts(task: Task, field: str) -> tuple[str, ...]:
    found = task.grader.data.get(field, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BadSpec(f"task {task.id}: grader.data.{field}: not a list of texts")
    return tuple(found)


def _files(task: Task, field: str) -> dict[str, str]:
    found = task.grader.data.get(field, {})
    if not isinstance(found, dict) or not all(isinstance(text, str) and _plain(path) for path, text in found.items()):
        raise BadSpec(f"task {task.id}: grader.data.{field}: it must map relative paths to text")
    return found


def _env(task: Task, field: str) -> dict[str, str]:
    found: Any = task.grader.data.get(field, {})
    if not isinstance(found, dict) or not all(
        isinstance(value, str) and name and not set("=\0") & set(name) and "\0" not in value
        for name, value in found.items()
    ):
        raise BadSpec(f"task {task.id}: grader.data.{field}: it must map names of variables to text")
    return found


def _seconds(task: Task, field: str) -> float:
    value = task.grader.data.get(field, 600.0)
    if type(value) not in (int, float) or not math.isfinite(value) or value <= 0:
        raise BadSpec(f"task {task.id}: grader.data.{field}: {value!r} is not a number of seconds")
    return float(value)
