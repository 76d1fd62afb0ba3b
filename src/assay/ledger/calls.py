"""Tool calls as text: how a turn that called tools is said by a model that only writes text."""

import json
from typing import Any

from assay.nouns import Reply

_SHELLS = frozenset(
    {"bash", "bash_command", "execute", "execute_bash", "run_command", "run_shell_command", "shell", "terminal"}
)
_COMMANDS = ("command", "cmd", "keystrokes")


def call_text(name: str, arguments: Any) -> str:
    """Return one call as text: a shell's command as a fenced block, anything else in Hermes' tags.

    The fenced block is what assay's agents run. `arguments` is a table, or the JSON text of one.
    """
    command = command_of(name, arguments)
    if command is not None:
        return fenced(command)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {"input": arguments}
    call = {"name": name, "arguments": {} if arguments is None else arguments}
    return f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"


def spoken(reply: Reply) -> str:
    """Return all that a reply says, the tools that it called as text."""
    return (
        said(reply.text, [call_text(call.name, call.arguments) for call in reply.calls]) if reply.calls else reply.text
    )


def command_of(name: str, arguments: Any) -> str | None:
    """Return the command that a call of a shell runs, or None where it is no such call."""
    if name.lower() not in _SHELLS:
        return None
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return arguments
    if not isinstance(arguments, dict):
        return None
    return next((arguments[key] for key in _COMMANDS if isinstance(arguments.get(key), str)), None)


def fenced(command: str) -> str:
    """Return a command as one fenced block, with a longer fence where the command holds one."""
    fence = "```"
    while fence in command:
        fence += "`"
    return f"{fence}bash\n{command.rstrip(chr(10))}\n{fence}"


def said(text: str, calls: list[str]) -> str:
    """Return a turn's text with its calls after it, a blank line between."""
    return "\n\n".join(part for part in (text.rstrip(), *calls) if part)
