"""What a reply asks for in mini-swe-agent's two protocols: one fenced block, or calls of the tool `bash`.

Protocols: https://github.com/SWE-agent/mini-swe-agent, version 2. A reply whose calls are not all sound runs none of
them, as there.
"""

import json
import re
from dataclasses import dataclass

from assay.models.tools import BASH
from assay.nouns import Message, Reply, Role, ToolCall

_COMMON_FENCE = "bash"  # version 1's; taken where a reply has no block of the fence that was asked for


@dataclass(frozen=True)
class Action:
    """One command to run. `call` is the id of the tool call that gives it, "" in the text protocol."""

    command: str
    call: str = ""


@dataclass(frozen=True)
class Turn:
    """What a reply asks for: `actions`, or `error`, which says why nothing is run. `found` are its commands anyhow."""

    actions: tuple[Action, ...]
    error: str = ""
    found: tuple[str, ...] = ()


def actions_of(reply: str, fence: str) -> list[str]:
    """Return the commands in the reply's blocks of this fence, or where it has none in those of `bash`.

    What a model thinks aloud, up to `</think>`, is not looked at.
    """
    reply = reply.rpartition("</think>")[2]
    for name in dict.fromkeys((fence, _COMMON_FENCE)):
        found = re.findall(rf"```{re.escape(name)}[ \t]*\r?\n(.*?)\r?\n[ \t]*```", reply, re.DOTALL)
        if found:
            return [command.strip() for command in found]
    return []


def text_turn(reply: Reply, fence: str) -> Turn:
    """Read a reply of the text protocol: exactly one block."""
    found = actions_of(reply.text, fence)
    if len(found) == 1:
        return Turn((Action(found[0]),), found=tuple(found))
    return Turn((), f"Expected exactly 1 action, found {len(found)}.", tuple(found))


def tools_turn(reply: Reply) -> Turn:
    """Read a reply of the tools protocol: at least one call, and all of them sound."""
    if not reply.calls:
        return Turn((), "The reply calls no tool. Every reply has to call the tool `bash` at least once.")
    actions = []
    for call in reply.calls:
        arguments = _arguments(call)
        if call.name != BASH:
            return Turn((), f"There is no tool {call.name!r}, only `{BASH}`.")
        if arguments is None:
            return Turn((), "The arguments of the call are no JSON object.")
        command = arguments.get("command")
        if not isinstance(command, str):
            return Turn((), "The arguments of the call lack `command`, a text.")
        actions.append(Action(command, call.id))
    return Turn(tuple(actions), found=tuple(action.command for action in actions))


def _arguments(call: ToolCall) -> dict[str, object] | None:
    try:
        found = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def said(reply: Reply) -> Message:
    """Return the reply as the assistant's turn of the conversation.

    Calls that no server would take back, because their arguments are not JSON, are shown as text.
    """
    if all(_arguments(call) is not None for call in reply.calls):
        return Message(role=Role.ASSISTANT, content=reply.text, token_ids=reply.token_ids, calls=reply.calls)
    calls = [f"{call.name}({call.arguments})" for call in reply.calls]
    return Message(role=Role.ASSISTANT, content="\n".join([reply.text, *calls]).strip(), token_ids=reply.token_ids)


def answers(turn: Message, observations: dict[str, str], otherwise: str) -> list[Message]:
    """Return what answers an assistant's turn: each of its calls, or all of it where it has none."""
    if not turn.calls:
        return [Message(role=Role.USER, content=otherwise)]
    return [
        Message(role=Role.USER, content=observations.get(call.id, otherwise), answers=call.id) for call in turn.calls
    ]
