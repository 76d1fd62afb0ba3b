"""mini-swe-agent's files: trajectories (`ID.traj.json`, versions 1 and 1.1 of the format) and predictions.

https://mini-swe-agent.com/latest/usage/output_files: what is written opens in its inspector, and preds.json is what
SWE-bench's evaluation takes. Written files are whole or not there: they are made beside their place and renamed.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay import __version__
from assay.agents.mini import MiniConfig, actions_of
from assay.errors import UserError
from assay.ledger.calls import spoken
from assay.ledger.exchange.aside import aside, prompt_of, restored
from assay.models.tools import calls_of
from assay.nouns import Attempt, Exit, Finish, Message, Reply, Role, Status, Step, ToolCall, ToolResult, Trajectory

FORMATS = FORMAT_1, FORMAT = "mini-swe-agent-1", "mini-swe-agent-1.1"
_EXIT_STATUS = {
    Exit.SUBMITTED: "Submitted",
    Exit.STEP_LIMIT: "LimitsExceeded",
    Exit.TIME_LIMIT: "TimeExceeded",
    Exit.CONTEXT: "ContextWindowExceededError",
    Exit.FORMAT: "RepeatedFormatError",
    Exit.REFUSED: "ContentPolicyViolationError",
    Exit.MACHINERY: "MachineryError",
}
_EXITS = {status: end for end, status in _EXIT_STATUS.items()}


def file_name(task_id: str) -> str:
    """Return a task's id as the name of a file or folder."""
    name = "".join(c if c.isalnum() or c in "._-+=@" else "_" for c in task_id.replace("/", "__"))
    return name if name.strip(".") else "_" + name


def trajectory_path(out: Path, task_id: str) -> Path:
    """Return where a task's trajectory lies below the folder `out`."""
    name = file_name(task_id)
    return out / name / f"{name}.traj.json"


def patch_of(attempt: Attempt, trajectory: Trajectory) -> str:
    """Return the patch that counts: "" where the agent did not submit, as mini-swe-agent has it."""
    return trajectory.diff if trajectory.exit is Exit.SUBMITTED and attempt.status is not Status.MACHINERY else ""


def config_of(agent: MiniConfig, model: Mapping[str, Any], sandbox: str) -> dict[str, Any]:
    """Return what a run was told under mini-swe-agent's own names; `model` is what a model says of itself."""
    kwargs = {name: model[name] for name in ("temperature", "max_tokens") if model.get(name) is not None}
    return {
        "agent": {
            "system_template": agent.system,
            "instance_template": agent.instance,
            "step_limit": agent.steps,
            "cost_limit": agent.cost,
            "wall_time_limit_seconds": agent.wall_s,
            "max_consecutive_format_errors": agent.format_errors,
        },
        "model": {
            "model_name": model["model"],
            "model_kwargs": kwargs,
            "api_base": model["endpoint"],
            "price": model["price"],
            "observation_template": agent.observation,
            "format_error_template": agent.format_error,
            "protocol": agent.protocol,
            "fence": agent.fence,
            "output_chars": agent.output_chars,
            **{name: model[name] for name in ("model_class", "weights") if name in model},
        },
        "environment": {"timeout": agent.command_s, "env": dict(agent.environment), "sandbox": sandbox},
    }


def to_traj(attempt: Attempt, trajectory: Trajectory, config: Mapping[str, Any], tokenizer: str = "") -> dict[str, Any]:
    """Return the trajectory in format 1.1. What that has no field for is under `info.assay` and `extra`.

    `config` is what the run was told, as `config_of` gives it; `tokenizer` the hash of the tokenizer of its ids.
    """
    messages: list[dict[str, Any]] = [
        {"role": message.role.value, "content": message.content} for message in trajectory.prompt
    ]
    for step in trajectory.steps:
        messages += [_said(step), *_seen(step)]
    status, submission = _EXIT_STATUS[trajectory.exit], patch_of(attempt, trajectory)
    messages.append(
        {
            "role": "exit",
            "content": submission or trajectory.error or status,
            "extra": {"exit_status": status, "submission": submission},
        }
    )
    return _file(attempt, trajectory, config, tokenizer, messages) | {"trajectory_format": FORMAT}


def to_traj_1(
    attempt: Attempt, trajectory: Trajectory, config: Mapping[str, Any], tokenizer: str = ""
) -> dict[str, Any]:
    """Return the trajectory in format 1, of mini-swe-agent before 2.0: texts alone, and the end as a user's turn."""
    messages = [{"role": message.role.value, "content": message.content} for message in trajectory.prompt]
    for step in trajectory.steps:
        messages.append({"role": "assistant", "content": spoken(step.reply)})
        if step.observation:
            messages.append({"role": "user", "content": step.observation})
    messages.append({"role": "user", "content": patch_of(attempt, trajectory)})
    return _file(attempt, trajectory, config, tokenizer, messages) | {"trajectory_format": FORMAT_1}


def _file(
    attempt: Attempt,
    trajectory: Trajectory,
    config: Mapping[str, Any],
    tokenizer: str,
    messages: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "info": {
            "model_stats": {
                "instance_cost": sum(step.reply.cost for step in trajectory.steps),
                "api_calls": len(trajectory.steps),
            },
            "config": {
                **{name: config.get(name, {}) for name in ("agent", "model", "environment")},
                "agent_type": "assay.agents.mini.MiniAgent",
                "model_type": config.get("model", {}).get("model_class", "assay.models.http.HttpModel"),
                "environment_type": "assay.sandbox.Sandbox",
            },
            "mini_version": f"assay {__version__}",
            "exit_status": _EXIT_STATUS[trajectory.exit],
            "submission": patch_of(attempt, trajectory),
            "assay": aside(attempt, trajectory, tokenizer),
        },
        "messages": messages,
        "instance_id": trajectory.task_id,
    }


def _said(step: Step) -> dict[str, Any]:
    reply = step.reply
    extra: dict[str, Any] = {
        "actions": _actions(step),
        "cost": reply.cost,
        "finish_reason": reply.finish.value,
        "usage": {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.sampled_tokens},
    }
    if reply.token_ids is not None or reply.logprobs is not None:
        extra |= {"token_ids": reply.token_ids, "logprobs": reply.logprobs}
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "extra": extra}
    if reply.calls:
        message["tool_calls"] = calls_of(Message(role=Role.ASSISTANT, content="", calls=reply.calls))
    return message | ({"reasoning_content": reply.reasoning} if reply.reasoning else {})


def _actions(step: Step) -> list[dict[str, Any]]:
    if step.results:
        return [{"command": each.command, "tool_call_id": each.id} for each in step.results]
    return [] if step.command is None else [{"command": step.command}]


def _seen(step: Step) -> list[dict[str, Any]]:
    if step.command is None:
        return [{"role": "user", "content": step.observation, "extra": {"interrupt_type": "FormatError"}}]
    if step.results:  # the one that submitted, the last, was not answered
        return [
            {
                "role": "tool",
                "tool_call_id": each.id,
                "content": each.observation,
                "extra": {"returncode": each.returncode, "timed_out": each.timed_out},
            }
            for each in step.results
            if each.observation
        ]
    if not step.observation:  # it submitted
        return []
    extra = {"returncode": step.returncode, "timed_out": step.timed_out}
    return [{"role": "user", "content": step.observation, "extra": extra}]


def from_traj(data: Any, where: str) -> Trajectory:
    """Return the trajectory in mini-swe-agent's file, format 1 or 1.1. Raises UserError naming `where`.

    Its tokens are unknown unless we wrote it. Turns with tool calls have their commands joined by line ends.
    """
    found = read_plainly(data, where)
    ours = written_beside(data)
    if "trajectory" in ours:
        try:
            return restored(ours, found)[1] or found
        except ValueError:  # changed since by another hand: what the format itself says counts
            return found
    return found


def written_beside(data: Any) -> dict[str, Any]:
    """Return what assay wrote beside a trajectory, an empty table where another tool wrote it."""
    return _table(_table(_table(data).get("info")).get("assay"))


def read_plainly(data: Any, where: str) -> Trajectory:
    """Return the trajectory by the format's own fields. Raises UserError naming `where`."""
    if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
        raise UserError(f"{where}: it has no list of messages: name a .traj.json of mini-swe-agent")
    info, ours = _table(data.get("info")), written_beside(data)
    status, submission = str(info.get("exit_status") or ""), str(info.get("submission") or "")
    messages = data["messages"]
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise UserError(f"{where}: message {number} has no role: mend it there")
    if data.get("trajectory_format") == FORMAT_1 and status and messages and messages[-1]["role"] == "user":
        # Version 1 shows the end, and what was submitted, as one more turn of the user.
        messages = messages[:-1] if _content(messages[-1].get("content")) in (submission, "") else messages
    said = [message["role"] for message in messages]
    opening = prompt_of(ours)
    if opening is None:
        opening = said.index("assistant") if "assistant" in said else len(said)
    prompt: list[Message] = []
    steps: list[Step] = []
    for number, message in enumerate(messages):
        role, content = message["role"], _content(message.get("content"))
        extra = _table(message.get("extra"))
        if role == "exit":
            break
        if number < opening:
            known = role if role in ("system", "assistant") else "user"
            prompt.append(Message(role=Role(known), content=content))
        elif role == "assistant":
            steps.append(_step(message, content, extra))
        elif steps:
            last = steps[-1]
            told: dict[str, Any] = {"observation": f"{last.observation}\n{content}" if last.observation else content}
            code = extra.get("returncode")
            results = [_answered(each, message, content, extra) for each in last.results]
            told |= {"results": tuple(results)}
            steps[-1] = last.model_copy(update=told | ({"returncode": code} if isinstance(code, int) else {}))
    return Trajectory(
        task_id=str(data.get("instance_id") or Path(where).name.removesuffix(".traj.json")),
        agent="mini",
        model=str(_table(_table(info.get("config")).get("model")).get("model_name", "")),
        prompt=tuple(prompt),
        steps=tuple(steps),
        exit=_EXITS.get(status, Exit.MACHINERY),
        diff=str(ours.get("diff") or submission),
        error="" if status in _EXITS else status,
    )


def _step(message: dict[str, Any], content: str, extra: dict[str, Any]) -> Step:
    actions = extra.get("actions")
    commands = [str(a["command"]) for a in actions if isinstance(a, dict) and "command" in a] if actions else []
    ids, logprobs, usage = extra.get("token_ids"), extra.get("logprobs"), _table(extra.get("usage"))
    reply = Reply(
        text=content,
        finish=Finish.LENGTH if extra.get("finish_reason") == "length" else Finish.STOP,
        token_ids=tuple(ids) if ids else None,
        logprobs=tuple(logprobs) if logprobs else None,
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        sampled_tokens=int(usage.get("completion_tokens") or 0),
        cost=float(extra.get("cost") or 0.0),
        reasoning=str(message.get("reasoning_content") or ""),
        calls=_calls(message),
    )
    if not commands and "actions" not in extra:  # version 1 keeps none: its own rule, one block of bash
        found = actions_of(content, "bash")
        commands = found if len(found) == 1 else []
    named = [a for a in actions or [] if isinstance(a, dict) and "command" in a and a.get("tool_call_id")]
    results = tuple(ToolResult(id=str(a["tool_call_id"]), command=str(a["command"])) for a in named)
    return Step(reply=reply, command="\n".join(commands) if commands else None, results=results if reply.calls else ())


def _calls(message: dict[str, Any]) -> tuple[ToolCall, ...]:
    """Return the calls of tools in an assistant's message, as the chat API has them."""
    found = []
    for call in message.get("tool_calls") or ():
        function = _table(_table(call).get("function"))
        if function.get("name"):
            arguments = function.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            found.append(ToolCall(id=str(call.get("id") or ""), name=str(function["name"]), arguments=text))
    return tuple(found)


def _answered(result: ToolResult, message: dict[str, Any], content: str, extra: dict[str, Any]) -> ToolResult:
    """Return what a call did with the message that answers it, if it is this one."""
    if message.get("tool_call_id") != result.id:
        return result
    code = extra.get("returncode")
    return result.model_copy(
        update={
            "observation": content,
            "returncode": code if isinstance(code, int) else None,
            "timed_out": extra.get("timed_out") is True,
        }
    )


def _content(value: Any) -> str:
    if isinstance(value, list):
        return "".join(str(part.get("text", "")) for part in value if isinstance(part, dict))
    return "" if value is None else str(value)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def write_json(path: Path, data: Any, *, indent: int | None = 2) -> None:
    """Write a JSON file that is whole or as it was before. Raises UserError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("w", encoding="utf-8") as stream:
                json.dump(data, stream, indent=indent)
                stream.write("\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}): free space or name another") from error
