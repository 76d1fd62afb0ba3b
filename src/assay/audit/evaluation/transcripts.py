"""Transcripts of others as trajectories: turns of an assistant, what it ran, and what came back.

A transcript is an object that holds a list of turns (`events`, `messages`, `steps`, `trajectory`, `history`) or such a
list itself. A turn has a role (`role`, `source` or `type`) and content: text, or parts. Commands are taken from tool
calls, or from the one fenced shell block of a text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from assay.nouns import Exit, Finish, Message, Reply, Role, Step, Trajectory

_LISTS = ("events", "messages", "steps", "trajectory", "history", "transcript", "conversation")
_ASSISTANT = {"assistant", "agent", "ai", "model", "gpt", "action", "tool_call", "function_call"}
_SYSTEM = {"system", "developer"}
_COMMANDS = ("command", "cmd", "keystrokes", "code", "script", "input", "patch", "content", "new_str", "file_text")
_BLOCK = re.compile(r"```(?:bash|sh|shell|mswea_bash_command|python)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)


class NoTranscript(ValueError):
    """What was given is no transcript; the message says why."""


def trajectory_of(trace: object, name: str, agent: str, model: str) -> Trajectory:
    """Return a transcript as a trajectory. Raises NoTranscript where no turns can be found in it."""
    turns = _turns(trace)
    prompt: list[Message] = []
    steps: list[Step] = []
    for turn in turns:
        role = _role(turn)
        said, commands, seen = _content(turn)
        if role in _ASSISTANT or commands:
            steps += _steps(said, commands, seen)
        elif not steps:
            prompt.append(Message(role=Role.SYSTEM if role in _SYSTEM else Role.USER, content=said or seen))
        else:
            last = steps[-1]
            more = "\n".join(filter(None, (last.observation, said, seen)))
            steps[-1] = last.model_copy(update={"observation": more})
    if not steps:
        raise NoTranscript("the trace has no turn of an assistant")
    extra = trace if isinstance(trace, dict) else {}
    diff = next((extra[key] for key in ("patch", "diff", "model_patch", "submission") if _is_text(extra.get(key))), "")
    return Trajectory(
        task_id=str(extra.get("task_id") or extra.get("task") or name)[:200],
        agent=agent or str(extra.get("agent") or ""),
        model=model,
        prompt=tuple(prompt),
        steps=tuple(steps),
        exit=Exit.SUBMITTED,
        diff=diff,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _turns(trace: object) -> list[Mapping[str, Any]]:
    """Return the list of turns, wherever the object keeps it."""
    if isinstance(trace, list):
        found: list[Mapping[str, Any]] = [turn for turn in trace if isinstance(turn, dict)]
        if found:
            return found
    if isinstance(trace, dict):
        for key in _LISTS:
            if isinstance(trace.get(key), list | dict):
                try:
                    return _turns(trace[key])
                except NoTranscript:
                    continue
    raise NoTranscript("the trace has no list of turns")


def _role(turn: Mapping[str, Any]) -> str:
    for key in ("role", "source", "type", "kind", "from"):
        if isinstance(turn.get(key), str):
            return str(turn[key]).lower()
    return ""


def _content(turn: Mapping[str, Any]) -> tuple[str, list[str], str]:
    """Return what a turn says, the commands that it gives, and the results that it holds."""
    said: list[str] = []
    commands: list[str] = []
    seen: list[str] = []
    for key in ("content", "message", "text", "value", "thought", "action", "reasoning_content"):
        value = turn.get(key)
        if key == "action" and isinstance(value, str):
            commands.append(value)
        else:
            _part(value, said, commands, seen)
    for call in _list(turn.get("tool_calls")) + _list(turn.get("function_call")) + _list(turn.get("toolCalls")):
        commands += _called(call)
    for key in ("observation", "output", "tool_result", "result", "results"):
        seen += _texts(turn.get(key))
    return "\n".join(said), commands, "\n".join(seen)


def _part(value: object, said: list[str], commands: list[str], seen: list[str]) -> None:
    """Sort one piece of content."""
    if isinstance(value, str):
        said.append(value)
    elif isinstance(value, list):
        for one in value:
            _part(one, said, commands, seen)
    elif isinstance(value, dict):
        kind = str(value.get("type", ""))
        if kind in ("tool_use", "tool_call", "function_call", "function"):
            commands.extend(_called(value))
        elif kind in ("tool_result", "function_call_output", "observation"):
            seen.extend(_texts(value.get("content", value.get("output"))))
        else:
            _part(value.get("text", value.get("content", value.get("thinking"))), said, commands, seen)


def _called(call: object) -> list[str]:
    """Return the command of a tool call: the field of its arguments that holds one, else all of them as JSON."""
    if not isinstance(call, dict):
        return []
    inner = call.get("function") if isinstance(call.get("function"), dict) else call
    assert isinstance(inner, dict)
    given = next(
        (inner[key] for key in ("arguments", "input", "args", "parameters") if inner.get(key) is not None), None
    )
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return [given]
    if isinstance(given, dict):
        for key in _COMMANDS:
            value = given.get(key)
            if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
                return [value[-1] if value[0] in ("bash", "sh", "/bin/bash") else " ".join(value)]
            if _is_text(value):
                head = [str(given[k]) for k in ("path", "file_path") if given.get(k)]
                return ["\n".join([*head, str(value)])]
        return [json.dumps(given, ensure_ascii=False)] if given else [str(inner.get("name", ""))]
    return []


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _texts(value: object) -> list[str]:
    """Return every text in a result, however deep it lies."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, dict):
        keys = ("content", "text", "output", "stdout", "stderr", "results")
        return [text for key in keys for text in _texts(value.get(key))]
    return []


def _steps(said: str, commands: list[str], seen: str) -> Iterator[Step]:
    """Yield a step for each command; what was said goes with the first, what was seen with the last."""
    if not commands:
        commands = _keystrokes(said) or [block.strip() for block in _BLOCK.findall(said)]
    for number, command in enumerate(commands or [None]):
        first, last = number == 0, number == max(len(commands) - 1, 0)
        text = said if first else ""
        yield Step(
            reply=Reply(text=text, finish=Finish.STOP),
            command=command,
            observation=seen if last else "",
        )


def _keystrokes(said: str) -> list[str]:
    """Return the commands of a reply that is one JSON object with a list `commands`, as agents of terminals give."""
    if '"keystrokes"' not in said:
        return []
    try:
        reply, _ = json.JSONDecoder().raw_decode(said[said.index("{") :])
    except ValueError:
        return []
    given = reply.get("commands") if isinstance(reply, dict) else None
    return [str(one["keystrokes"]) for one in _list(given) if isinstance(one, dict) and one.get("keystrokes")]
