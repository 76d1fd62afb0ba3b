"""Calls of tools over the chat API: the one tool that agents have here, how messages with calls are sent, and read.

Field names: https://platform.openai.com/docs/api-reference/chat/create (`tools`, `tool_calls`, `tool_call_id`).
"""

import json
from collections.abc import Callable
from typing import Any

from assay.nouns import Message, ToolCall

BASH = "bash"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": BASH,
            "description": "Run a command in bash",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string", "description": "The command to run"}},
                "required": ["command"],
            },
        },
    }
]


def calls_of(message: Message) -> list[dict[str, Any]]:
    """Return the calls of an assistant's message as the API has them."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.calls
    ]


class Calls:
    """The calls of an answer in the making, whole or delta by delta; what is none is passed over."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[str, str]] = {}

    def take(self, listed: Any) -> int:
        """Take `tool_calls` of a message or of a delta; return how many characters of arguments came."""
        came = 0
        for place, each in enumerate(listed if isinstance(listed, list) else ()):
            function = each.get("function") if isinstance(each, dict) else None
            if not isinstance(function, dict):
                continue
            index = each.get("index")
            part = self._parts.setdefault(
                index if type(index) is int else place, {"id": "", "name": "", "arguments": ""}
            )
            for name, value in (("id", each.get("id")), ("name", function.get("name"))):
                if isinstance(value, str) and value:
                    part[name] = value
            arguments = function.get("arguments")
            if arguments is not None and not isinstance(arguments, str):  # a table, as some servers give it
                arguments = json.dumps(arguments)
            part["arguments"] += arguments or ""
            came += len(arguments or "")
        return came

    def whole(self, clean: Callable[[str], str]) -> tuple[ToolCall, ...]:
        """Return the calls in their order, each with an id of its own, their texts through `clean`."""
        found: list[ToolCall] = []
        for number, (_, part) in enumerate(sorted(self._parts.items()), 1):
            known = {call.id for call in found}
            name = part["id"] if part["id"] and part["id"] not in known else f"{part['id'] or 'call'}_{number}"
            found.append(ToolCall(id=clean(name), name=clean(part["name"]), arguments=clean(part["arguments"])))
        return tuple(found)
