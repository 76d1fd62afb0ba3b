"""Harbor's job folders: a folder a trial with its configuration, its result, and the agent's trajectory in ATIF.

https://harborframework.com/docs. A trial that ended in an exception has a score only where Harbor's own policy lets
one count: the agent used up its time or its context, or refused.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.exchange.aside import prompt_of
from assay.ledger.exchange.atif import read_plainly, table
from assay.ledger.exchange.entry import UNGRADED, Account, Entry, as_written, ended, planned
from assay.ledger.exchange.harborfiles import write_job
from assay.ledger.exchange.run import Run, Written
from assay.ledger.exchange.text import BrokenJson, whole
from assay.nouns import Exit, PlannedAttempt, Trajectory

NAME, RANK = "harbor", 20
WHAT = "a Harbor job folder, or one of its trials"
UNFINISHED = "trials without a result.json, which were planned and not finished"
_DEEP, _NAMED, _EMPTY = 3, "named", "empty"
# harbor 0.25, models/trial/error_policy.py: what the agent brought about itself.
_AGENTS_OWN = {
    "AgentTimeoutError": Exit.TIME_LIMIT,
    "ContextWindowExceededError": Exit.CONTEXT,
    "ContextLengthExceededError": Exit.CONTEXT,
    "OutputTokenExceededError": Exit.STEP_LIMIT,
    "OutputLengthExceededError": Exit.STEP_LIMIT,
    "AgentSafetyRefusalError": Exit.REFUSED,
    "ContentPolicyViolationError": Exit.REFUSED,
}


def holds(path: Path) -> bool:
    """Whether it is a trial's folder, or one with such folders in it."""
    return path.is_dir() and next(_trials(path), None) is not None


def _trials(path: Path, deep: int = _DEEP) -> Iterator[Path]:
    """Yield the folders of trials: those whose configuration or result names a trial, or was never filled."""
    kinds = [_kind(path / name) for name in ("result.json", "config.json")]
    if _NAMED in kinds:
        yield path
        return
    found = False
    if deep:
        try:
            below = sorted(each for each in path.iterdir() if os.path.isdir(each) and not os.path.islink(each))
        except OSError:
            below = []
        for each in below:
            for trial in _trials(each, deep - 1):
                found = True
                yield trial
    if not found and _EMPTY in kinds:
        yield path


def _kind(file: Path) -> str:
    """Return whether a file names a trial, cut off or not, or is there and holds nothing, or is something else."""
    try:
        with file.open("rb") as stream:
            start = stream.read(1 << 20)
    except OSError:
        return ""
    return _NAMED if b'"trial_name"' in start else "" if start.strip(b"\0 \n") else _EMPTY


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each trial; one without a result was planned and not finished."""
    found = False
    for trial in _trials(path):
        found = True
        where = trial.name if trial == path else trial.relative_to(path).as_posix()
        try:
            yield _entry(trial, where, account)
        except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
            account.fault(where, error)
    if not found:
        raise UserError(f"{path} holds no trial: name a job's folder")


def _json(file: Path, account: Account) -> dict[str, Any]:
    """Return a file's table. Raises UserError or BrokenJson."""
    data = whole(file, account)
    if not isinstance(data, dict):
        raise BrokenJson(f"{file.name} holds no table")
    return data


def _entry(trial: Path, where: str, account: Account) -> Entry:
    config: dict[str, Any] = {}
    if (trial / "config.json").is_file():
        try:
            config = _json(trial / "config.json", account)
        except (UserError, BrokenJson) as error:
            account.fault(f"{where}/config.json", error)
    try:
        result = _json(trial / "result.json", account) if (trial / "result.json").is_file() else {}
    except (UserError, BrokenJson) as error:
        account.fault(f"{where}/result.json", error)
        result = {}
    if not result:
        if not config:
            raise BrokenJson("neither its result nor its configuration can be read")
        plan, ours = _planned(config)
        account.note(UNFINISHED, 0 if ours else 1)
        return Entry(where, plan, ours=ours)
    beside = table(table(table(result.get("agent_result")).get("metadata")).get("assay"))
    trajectory = _trajectory(trial, where, account)
    if beside:
        path = beside.get("trajectory")
        if trajectory is None and isinstance(path, dict) and not path.get("prompt") and not path.get("turns"):
            trajectory = Trajectory(task_id="", agent="", model="", prompt=(), steps=(), exit=Exit.SUBMITTED)
        if (written := as_written(where, beside, trajectory, "trials", account)) is not None:
            return written
    return _foreign(result, config, trajectory, where)


def _planned(config: dict[str, Any]) -> tuple[PlannedAttempt, bool]:
    agent, task = table(config.get("agent")), table(config.get("task"))
    told = table(agent.get("kwargs")).get("assay_plan")
    if isinstance(told, dict):
        return PlannedAttempt.model_validate(told), True
    name = str(task.get("name") or Path(str(task.get("path") or "")).name)
    if not name:
        raise BrokenJson("its configuration names no task")
    return planned(_arm(agent.get("name"), agent.get("model_name")), name), False


def _arm(agent: Any, model: Any) -> str:
    return "/".join(str(each) for each in (agent, model) if each)


def _trajectory(trial: Path, where: str, account: Account) -> Trajectory | None:
    """Return the agent's trajectory, of a trial in several steps the last one's; None where there is none to read."""
    found = [trial / "agent" / "trajectory.json", *sorted(trial.glob("steps/*/agent/trajectory.json"), reverse=True)]
    for file in found:
        if not file.is_file():
            continue
        try:
            data = _json(file, account)
            if "steps" in file.relative_to(trial).parts[:1]:
                account.note("trials in several steps, of which the last one's trajectory was read")
            if prompt_of(table(table(data.get("extra")).get("assay"))) is None and not data.get("steps"):
                return None
            return read_plainly(data, str(file))
        except Exception as error:  # the trial's result counts without it
            account.fault(f"{where}/{file.relative_to(trial).as_posix()}", error)
    return None


def _foreign(result: dict[str, Any], config: dict[str, Any], trajectory: Trajectory | None, where: str) -> Entry:
    about = table(result.get("agent_info"))
    model = table(about.get("model_info"))
    named = "/".join(str(model[key]) for key in ("provider", "name") if model.get(key))
    task = str(result.get("task_name") or table(config.get("task")).get("name") or "")
    if not task:
        raise BrokenJson("its result names no task")
    plan = planned(_arm(about.get("name"), named), task)
    if trajectory is not None:
        trajectory = trajectory.model_copy(
            update={"task_id": task, "agent": str(about.get("name") or ""), "model": named or trajectory.model}
        )
    thrown = _thrown(result)
    end = _AGENTS_OWN.get(thrown[0], Exit.MACHINERY) if thrown else Exit.SUBMITTED
    value, why = _reward(table(result.get("verifier_result")))
    if thrown and end is Exit.MACHINERY:
        why = f"{thrown[0]}: {thrown[1]}".rstrip(": ")
    elif thrown and value is None:
        why = f"{thrown[0]} before there was a reward"
    if trajectory is not None:
        trajectory = trajectory.model_copy(update={"exit": end, "error": why if end is Exit.MACHINERY else ""})
    attempt = ended(plan, trajectory, value=value, exit=end, broken=why if end is Exit.MACHINERY else "", detail=why)
    return Entry(where, plan, attempt, trajectory)


def _thrown(result: dict[str, Any]) -> tuple[str, str] | None:
    """Return the exception that counts, of several in steps one that the agent did not bring about itself."""
    every = [table(result.get("exception_info"))]
    steps = result.get("step_results")
    every += [table(table(step).get("exception_info")) for step in (steps if isinstance(steps, list) else [])]
    found = [
        (str(each.get("exception_type") or "unknown"), str(each.get("exception_message") or ""))
        for each in every
        if each
    ]
    return next((each for each in found if each[0] not in _AGENTS_OWN), found[0] if found else None)


def _reward(verified: dict[str, Any]) -> tuple[float | None, str]:
    """Return the verifier's reward, or None and why there is none that counts."""
    rewards = table(verified.get("rewards"))
    found = rewards.get("reward", verified.get("reward"))
    if found is None and len(rewards) == 1:
        found = next(iter(rewards.values()))
    if found is None and rewards:
        return None, f"the verifier gave several rewards and none of the name reward: {', '.join(rewards)}"
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None, UNGRADED
    if not 0.0 <= found <= 1.0:
        return None, f"the reward {found:g} is not in [0, 1]"
    return float(found), ""


def write(run: Run, out: Path) -> Written:
    """Write one job with a trial for each planned attempt."""
    return write_job(run, out)
