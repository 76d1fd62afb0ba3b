"""ATIF trajectories, 1.x: the Agent Trajectory Interchange Format of Harbor, read, and written as 1.6.

https://harborframework.com/docs/trajectory-format. Steps of one reply that a converter split are joined again;
tool calls become text as `assay.ledger.calls` writes them. The format does not say how a run ended or whether it
was verified: where the file lies in a Harbor trial, the trial's `result.json` beside it does.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from assay import __version__
from assay.errors import UserError
from assay.ledger.calls import call_text, said
from assay.ledger.exchange.aside import aside, prompt_of, restored
from assay.nouns import Attempt, Exit, Finish, Message, Reply, Role, Step, Trajectory

_MAJOR = "ATIF-v1."
_WRITTEN = "ATIF-v1.6"
_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "agent": Role.ASSISTANT}


def is_atif(data: Any) -> bool:
    """Whether a JSON value says of itself that it is an ATIF trajectory, of whichever version."""
    return isinstance(data, dict) and str(data.get("schema_version", "")).upper().startswith("ATIF")


def to_atif(attempt: Attempt, trajectory: Trajectory, tokenizer: str = "") -> dict[str, Any]:
    """Return the trajectory in ATIF 1.6; `tokenizer` is the hash of the tokenizer of its ids.

    A step's message is the whole reply; its command is beside it as a call of `bash`. A trajectory in which nobody
    spoke has one step of the system that says so, because the format wants one.
    """
    steps: list[dict[str, Any]] = []
    for message in trajectory.prompt:
        source = "agent" if message.role is Role.ASSISTANT else message.role.value
        metrics = {"metrics": {"completion_token_ids": message.token_ids}} if message.token_ids else {}
        steps.append({"source": source, "message": message.content, **metrics})
    steps += [_told(step, number) for number, step in enumerate(trajectory.steps)]
    if not steps:
        steps.append({"source": "system", "message": trajectory.error or "Nobody spoke in this attempt."})
    replies = [step.reply for step in trajectory.steps]
    return {
        "schema_version": _WRITTEN,
        "session_id": attempt.plan.id,
        "agent": {
            "name": trajectory.agent,
            "version": f"assay {__version__}",
            "model_name": trajectory.model,
            **({"extra": {"tokenizer_sha256": tokenizer}} if tokenizer else {}),
        },
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, 1)],
        "final_metrics": {
            "total_prompt_tokens": sum(reply.prompt_tokens for reply in replies),
            "total_completion_tokens": sum(reply.sampled_tokens for reply in replies),
            "total_cost_usd": sum(reply.cost for reply in replies),
            "total_steps": len(steps),
        },
        "extra": {"instance_id": trajectory.task_id, "assay": aside(attempt, trajectory, tokenizer)},
    }


def _told(step: Step, number: int) -> dict[str, Any]:
    reply = step.reply
    told: dict[str, Any] = {"source": "agent", "message": reply.text}
    call = f"call_{number}"
    if reply.reasoning:
        told["reasoning_content"] = reply.reasoning
    if step.command is not None:
        arguments = {"command": step.command}
        told["tool_calls"] = [{"tool_call_id": call, "function_name": "bash", "arguments": arguments}]
    if step.observation:
        answered = {"source_call_id": call} if step.command is not None else {}
        told["observation"] = {"results": [{**answered, "content": step.observation}]}
    metrics = {"completion_token_ids": reply.token_ids, "logprobs": reply.logprobs}
    told["metrics"] = {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.sampled_tokens,
        "cost_usd": reply.cost,
        **{name: list(value) for name, value in metrics.items() if value is not None},
    }
    return told


def from_atif(data: dict[str, Any], where: str) -> Trajectory:
    """Return the trajectory; `exit` is SUBMITTED where the last step is the agent's and nothing answered it.

    Raises UserError naming `where` for another major version, for steps that are none, and for a trajectory with
    agent steps that no model sampled in it: copied context, or a dispatch without a model.
    """
    ours = written_beside(data)
    found = read_plainly(data, where)
    if prompt_of(ours) is not None:
        with suppress(ValueError):  # changed since by another hand: what the format itself says counts
            return restored(ours, found)[1] or found
    return found


def written_beside(data: Any) -> dict[str, Any]:
    """Return what assay wrote beside a trajectory, an empty table where another tool wrote it."""
    return table(table(table(data).get("extra")).get("assay"))


def read_plainly(data: dict[str, Any], where: str) -> Trajectory:
    """Return the trajectory by the format's own fields. Raises UserError naming `where`."""
    version = str(data.get("schema_version", ""))
    if not version.startswith(_MAJOR):
        raise UserError(f"{where}: it is {version}, and versions 1 are read: convert it")
    if not isinstance(data.get("steps"), list):
        raise UserError(f"{where}: it has no list of steps: name a trajectory.json in ATIF")
    opening = prompt_of(written_beside(data))
    prompt: list[Message] = []
    steps: list[Step] = []
    for number, step in enumerate(data["steps"], 1):
        if not isinstance(step, dict) or step.get("source") not in ("system", "user", "agent"):
            raise UserError(f"{where}: step {number} has no source (system, user or agent): mend it there")
        if opening is not None and number <= opening:
            ids = _numbers(table(step.get("metrics")).get("completion_token_ids"), int)
            prompt.append(Message(role=_ROLES[step["source"]], content=_content(step.get("message")), token_ids=ids))
            continue
        if step["source"] == "agent":
            new = _agent_step(step, f"{where}: step {number}", whole=opening is not None)
            last = steps[-1] if steps and opening is None else None
            if last is not None and not last.observation and not (last.reply.token_ids or new.reply.token_ids):
                steps[-1] = _joined(last, new)
            else:
                steps.append(new)
            continue
        text = _content(step.get("message"))
        if not steps and opening is None:
            prompt.append(Message(role=_ROLES[step["source"]], content=text))
        text = _joined_text(text if steps else "", _observed(step))
        if text and steps:
            steps[-1] = steps[-1].model_copy(update={"observation": _joined_text(steps[-1].observation, text)})
    agent = table(data.get("agent"))
    extra = table(data.get("extra"))
    names = (extra.get("instance_id"), extra.get("task_id"), extra.get("task_name"))
    return Trajectory(
        task_id=next((str(name) for name in names if name), str(data.get("session_id") or Path(where).name)),
        agent=str(agent.get("name") or ""),
        model=str(agent.get("model_name") or ""),
        prompt=tuple(prompt),
        steps=tuple(steps),
        exit=Exit.SUBMITTED if steps and not steps[-1].observation else Exit.STEP_LIMIT,
    )


def _agent_step(step: dict[str, Any], where: str, *, whole: bool) -> Step:
    """Return a step of the agent; `whole` says that its message holds what it called."""
    if step.get("is_copied_context"):
        raise UserError(f"{where} was copied from another trajectory: name that one")
    if step.get("llm_call_count") == 0:
        raise UserError(f"{where} was not sampled by a model, so there is nothing to learn from it: leave it out")
    calls = [call for call in step.get("tool_calls") or [] if isinstance(call, dict)]
    texts = [] if whole else [call_text(str(call.get("function_name") or ""), call.get("arguments")) for call in calls]
    metrics = table(step.get("metrics"))
    commands = [call["arguments"]["command"] for call in calls if "command" in table(call.get("arguments"))]
    return Step(
        reply=Reply(
            text=_content(step.get("message")) if whole else said(_content(step.get("message")), texts),
            finish=Finish.STOP,
            token_ids=_numbers(metrics.get("completion_token_ids"), int),
            logprobs=_numbers(metrics.get("logprobs"), (int, float)),
            prompt_tokens=int(metrics.get("prompt_tokens") or 0),
            sampled_tokens=int(metrics.get("completion_tokens") or 0),
            cost=float(metrics.get("cost_usd") or 0.0),
            reasoning=str(step.get("reasoning_content") or ""),
        ),
        command="\n".join(map(str, commands)) or None,
        observation=_observed(step),
    )


def _joined(one: Step, two: Step) -> Step:
    """Return two agent steps between which nothing was seen as one: converters split a reply's blocks."""
    first, second = one.reply, two.reply
    reply = second.model_copy(
        update={
            "text": _joined_text(first.text, second.text, "\n\n"),
            "reasoning": _joined_text(first.reasoning, second.reasoning),
            "prompt_tokens": first.prompt_tokens + second.prompt_tokens,
            "sampled_tokens": first.sampled_tokens + second.sampled_tokens,
            "cost": first.cost + second.cost,
        }
    )
    commands = "\n".join(step.command for step in (one, two) if step.command) or None
    return two.model_copy(update={"reply": reply, "command": commands})


def _observed(step: dict[str, Any]) -> str:
    results = table(step.get("observation")).get("results")
    texts = [_content(result.get("content")) for result in results or [] if isinstance(result, dict)]
    return "\n".join(text for text in texts if text)


def _joined_text(one: str, two: str, between: str = "\n") -> str:
    return f"{one}{between}{two}" if one and two else one or two


def _content(value: Any) -> str:
    if isinstance(value, list):  # content parts, since 1.6; pictures have no text
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return "" if value is None else str(value)


def _numbers(value: Any, kind: Any) -> tuple[Any, ...] | None:
    good = isinstance(value, list) and value and all(isinstance(each, kind) for each in value)
    return tuple(value) if good else None


def table(value: Any) -> dict[str, Any]:
    """Return a JSON value that is a table, else an empty one."""
    return value if isinstance(value, dict) else {}


def harbor_result(trajectory: Path) -> dict[str, Any]:
    """Return what the Harbor trial of `TRIAL/agent/trajectory.json` says: `task`, `trial` and `value`, where it does.

    `value` is the verifier's reward, absent where the trial broke or was not verified.
    """
    path = trajectory.parent.parent / "result.json"
    if trajectory.parent.name != "agent" or not path.is_file():
        return {}
    try:
        data = table(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}
    found: dict[str, Any] = {}
    if isinstance(data.get("task_name"), str):
        found["task"] = data["task_name"]
    if isinstance(data.get("trial_name"), str):
        found["trial"] = data["trial_name"]
    verified = table(data.get("verifier_result"))
    rewards = table(verified.get("rewards"))
    reward = rewards.get("reward", verified.get("reward"))
    if isinstance(reward, int | float) and not isinstance(reward, bool):
        found["value"] = float(reward)
    return found
