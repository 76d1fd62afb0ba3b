"""Rows of chat data sets, as the Hugging Face hub has them: `messages`, or ShareGPT's `conversations`, read.

A row is one JSON object. What it says beside the messages under names in use (a task's id, whether it was resolved,
a patch, an exit status, a repository) is taken where it is there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.errors import UserError
from assay.ledger.calls import call_text, command_of, said
from assay.ledger.exchange.conversation import Said
from assay.nouns import Message, Role

_ROLES = {
    **dict.fromkeys(("system", "developer"), Role.SYSTEM),
    **dict.fromkeys(("user", "human", "tool", "function", "observation", "ipython", "environment"), Role.USER),
    **dict.fromkeys(("assistant", "gpt", "ai", "model", "chatgpt"), Role.ASSISTANT),
}
_SEEN = frozenset({"tool", "function", "observation", "ipython", "environment"})
_LISTS = ("messages", "conversations", "conversation", "trajectory")
_TASKS = ("instance_id", "task_id", "problem_id", "question_id", "prompt_id")
_ATTEMPTS = ("traj_id", "attempt_id", "trajectory_id", "id")
_PASSED = ("resolved", "verified", "passed", "solved", "correct", "success", "target")
_VALUES = ("value", "reward", "score")
_PATCHES = ("model_patch", "generated_patch", "patch")
_FLAGS = ("audit_flags", "flags")


@dataclass(frozen=True)
class ChatRow:
    """One conversation and what its row says of it; None and "" where it says nothing."""

    said: tuple[Said, ...]
    task_id: str = ""
    attempt: str = ""
    repository: str = ""
    value: float | None = None
    exit: str = ""
    patch: str = ""
    flags: tuple[str, ...] = ()
    tokenizer: str = ""
    model: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as messages."""
        return tuple(Message(role=each.role, content=each.text, token_ids=each.token_ids) for each in self.said)


def is_chat(data: Any) -> bool:
    """Whether a JSON value has a list of messages under a name in use."""
    return isinstance(data, dict) and any(data.get(name) for name in _LISTS)


def from_row(data: Mapping[str, Any], where: str) -> ChatRow:
    """Return the conversation of a row. Raises UserError naming `where` when its messages cannot be read.

    Turns of tools are the user's; several in a row are one turn, their texts on lines of their own. `token_ids` of
    an assistant's message are kept: they are the ids that were sampled, by the tokenizer whose hash is the row's
    `tokenizer_sha256`.
    """
    name = next((name for name in _LISTS if data.get(name)), "messages")
    listed = data.get(name)
    if isinstance(listed, str):  # some data sets keep the list as its JSON text
        try:
            listed = json.loads(listed)
        except ValueError as error:
            raise UserError(f"{where}: its {name} are text that is not JSON ({error}): mend it there") from error
    if not isinstance(listed, list):
        raise UserError(f"{where}: its {name} are no list: mend it there")
    messages: list[Said] = []
    tools = False
    for number, item in enumerate(listed):
        word = _word(item)
        role = _ROLES.get(word)
        if role is None:
            raise UserError(f"{where}: message {number} has the role {word!r}: mend it there")
        message = _message(item, role)
        if tools and word in _SEEN:
            messages[-1] = Said(Role.USER, f"{messages[-1].text}\n{message.text}")
        else:
            messages.append(message)
        tools = word in _SEEN
    return ChatRow(
        said=tuple(messages),
        task_id=_first(data, _TASKS),
        attempt=_first(data, _ATTEMPTS),
        repository=_first(data, ("repo", "repository")),
        value=_value(data),
        exit=_first(data, ("exit_status", "exit")),
        patch=_first(data, _PATCHES),
        flags=_flags(data),
        tokenizer=_first(data, ("tokenizer_sha256",)),
        model=_first(data, ("model", "model_name_or_path", "model_name")),
    )


def _word(item: Any) -> str:
    if not isinstance(item, dict):
        return f"of {type(item).__name__}"
    return str(item.get("role", item.get("from", ""))).lower()


def _message(item: dict[str, Any], role: Role) -> Said:
    content = item.get("content", item.get("value", item.get("text")))
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    text = "" if content is None else str(content)
    if role is not Role.ASSISTANT:
        return Said(role, text)
    calls, commands = [], []
    for call in item.get("tool_calls") or []:
        function = call.get("function", call) if isinstance(call, dict) else {}
        if isinstance(function, dict) and function.get("name"):
            calls.append(call_text(str(function["name"]), function.get("arguments")))
            commands.append(command_of(str(function["name"]), function.get("arguments")))
    ran = [command for command in commands if command is not None]
    reasoning = item.get("reasoning_content", item.get("reasoning"))
    return Said(
        role,
        said(text, calls) if calls else text,
        reasoning if isinstance(reasoning, str) else "",
        numbers(item.get("token_ids"), int),
        numbers(item.get("logprobs"), float),
        "\n".join(ran) if ran else None,
    )


def numbers(value: Any, kind: type) -> tuple[Any, ...] | None:
    """Return a list of whole (`int`) or any (`float`) numbers as a tuple, None for what is no such list."""
    kinds = (int,) if kind is int else (int, float)
    good = isinstance(value, list) and value and all(type(each) in kinds for each in value)
    return tuple(value) if good else None


def _first(data: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(data[name]) for name in names if isinstance(data.get(name), str | int) and data[name] != ""), "")


def _value(data: Mapping[str, Any]) -> float | None:
    for name in _PASSED:
        if isinstance(data.get(name), bool):
            return float(data[name])
    for name in (*_VALUES, *_PASSED):
        found = data.get(name)
        if isinstance(found, int | float) and not isinstance(found, bool) and 0.0 <= found <= 1.0:
            return float(found)
    return None


def _flags(data: Mapping[str, Any]) -> tuple[str, ...]:
    for name in _FLAGS:
        found = data.get(name)
        if isinstance(found, list):
            return tuple(str(flag) for flag in found)
        if isinstance(found, str) and found:
            return (found,)
    return ()
