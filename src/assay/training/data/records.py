"""Records: what a training set needs to know of one trajectory, whichever format it was kept in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.calls import fenced, said
from assay.ledger.exchange.atif import from_atif, harbor_result, is_atif, table
from assay.ledger.exchange.chatrows import from_row, is_chat
from assay.ledger.exchange.mini import FORMAT_1, FORMATS, from_traj
from assay.nouns import Attempt, Exit, Message, Reason, Role, Status, Step, Trajectory
from assay.rollout.patches import only_tests
from assay.training.examples import conversation_of

UNREADABLE, SILENT = "unreadable", "no assistant turn"


class Fault(UserError):
    """What is wrong with one trajectory, which is left out and counted under its `kind`; the others go on."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class Record:
    """One trajectory. `value` is the grader's, None where there is none that counts; 1.0 is verified.

    `task_id` is "" where the record names no task. `tokenizer` is the hash of the tokenizer that the sampled ids
    are of, "" where nobody recorded it. `loose` says that the texts are a converter's rendering of what the model
    sampled, so that ids, where the tokenizer is known to be theirs, are to be believed before them.
    """

    kind: str
    conversation: tuple[Message, ...]
    task_id: str = ""
    attempt: str = ""
    repository: str = ""
    value: float | None = None
    exit: str = ""
    flags: tuple[str, ...] = ()
    test_only: bool = False
    patch: str = ""
    tokenizer: str = ""
    loose: bool = False


def of_attempt(attempt: Attempt, trajectory: Trajectory, *, thinking: bool = False) -> Record:
    """Return the record of an attempt in a ledger."""
    verdict = attempt.verdict
    cheated = attempt.status is Status.CHEATED or (verdict is not None and verdict.reason is Reason.CHEATED)
    value = verdict.value if verdict is not None else None if attempt.status is Status.MACHINERY else 0.0
    return Record(
        kind="ledger",
        conversation=_said_and_seen(trajectory, thinking),
        task_id=trajectory.task_id,
        attempt=attempt.plan.id,
        value=value,
        exit=attempt.status.value,
        flags=("cheated",) if cheated else (),
        test_only=attempt.test_only or only_tests(patched(trajectory.diff)),
        patch=trajectory.diff,
    )


def of_json(data: Any, where: str, file: Path | None = None, *, thinking: bool = False) -> Record:
    """Return the record of a JSON value: ATIF, mini-swe-agent's file, or a row of a chat data set.

    `file` is the file that holds nothing but this value, beside which other files may tell more. Raises UserError
    naming `where` when the format is none of these, or broken.
    """
    if is_message_list(data):
        data = {"messages": data}
    if is_atif(data):
        return _of_atif(data, where, file, thinking)
    if isinstance(data, dict) and isinstance(data.get("messages"), list) and _is_mini(data):
        return _of_mini(data, where, file, thinking)
    if is_chat(data):
        row = from_row(data, where)
        return Record(
            kind="chat",
            conversation=_until_last_turn(row.messages),
            task_id=row.task_id,
            attempt=row.attempt,
            repository=row.repository,
            value=row.value,
            exit=row.exit,
            flags=row.flags,
            test_only=only_tests(patched(row.patch)),
            patch=row.patch,
            tokenizer=row.tokenizer,
            loose=True,
        )
    if isinstance(data, dict) and "model_patch" in data:
        raise UserError(f"{where}: it is a prediction without its conversation: name it with --predictions")
    raise UserError(f"{where}: its format is unknown: give ATIF, mini-swe-agent's trajectories or rows with messages")


def is_message_list(data: Any) -> bool:
    """Whether a JSON value is nothing but the messages of one conversation."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(m, dict) and ("role" in m or "from" in m) for m in data)
    )


def _is_mini(data: dict[str, Any]) -> bool:
    return str(data.get("trajectory_format", "")).startswith("mini-swe-agent") or isinstance(data.get("info"), dict)


def _of_mini(data: dict[str, Any], where: str, file: Path | None, thinking: bool) -> Record:
    named = str(data.get("trajectory_format") or FORMAT_1)
    if named not in FORMATS:
        raise UserError(f"{where}: its format is {named}, and mini-swe-agent-1 and 1.1 are read: convert it")
    trajectory = from_traj(data, where)
    ours = table(table(data.get("info")).get("assay"))
    told = harbor_result(file) if file is not None and not ours else {}
    value = table(ours.get("verdict")).get("value", told.get("value"))
    cheated = ours.get("status") == "cheated"
    flags = ours.get("flags")
    end = str(ours.get("status") or (trajectory.error if trajectory.exit is Exit.MACHINERY else trajectory.exit.value))
    return Record(
        kind="mini-swe-agent",
        conversation=_said_and_seen(trajectory, thinking),
        task_id=str(told.get("task") or (trajectory.task_id if data.get("instance_id") or file else "")),
        attempt=str(told.get("trial") or ""),
        value=float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None,
        exit=end,
        flags=(*(map(str, flags) if isinstance(flags, list) else ()), *(("cheated",) if cheated else ())),
        test_only=bool(ours.get("test_only")) or only_tests(patched(trajectory.diff)),
        patch=trajectory.diff,
        tokenizer=str(ours.get("tokenizer_sha256") or ""),
        loose=not ours,
    )


def _of_atif(data: dict[str, Any], where: str, file: Path | None, thinking: bool) -> Record:
    trajectory = from_atif(data, where)
    extra = table(data.get("extra"))
    told = harbor_result(file) if file is not None else {}
    named = any(extra.get(name) for name in ("instance_id", "task_id", "task_name"))
    details = table(table(data.get("agent")).get("extra"))
    return Record(
        kind="ATIF",
        conversation=_said_and_seen(trajectory, thinking),
        task_id=str(told.get("task") or (trajectory.task_id if named else "")),
        attempt=str(told.get("trial") or data.get("session_id") or ""),
        value=told.get("value"),
        tokenizer=str(details.get("tokenizer_sha256") or extra.get("tokenizer_sha256") or ""),
        loose=True,
    )


def _said_and_seen(trajectory: Trajectory, thinking: bool) -> tuple[Message, ...]:
    """Return the conversation of a trajectory up to the assistant's last turn: nothing is learned after it."""
    steps = tuple(_spoken(step, thinking) for step in trajectory.steps)
    return _until_last_turn(conversation_of(trajectory.model_copy(update={"steps": steps})))


def _spoken(step: Step, thinking: bool) -> Step:
    """Return the step with a text that holds what it did: its command where tools were called, thinking if asked."""
    reply = step.reply
    text = reply.text  # the calls that a reply keeps are made part of it with the conversation
    if not reply.calls and step.command and step.command.strip() not in text:
        text = said(text, [fenced(step.command)])
    if thinking and reply.reasoning:
        text = f"<think>\n{reply.reasoning.strip()}\n</think>\n\n{text}"
    return step if text == reply.text else step.model_copy(update={"reply": reply.model_copy(update={"text": text})})


def _until_last_turn(messages: list[Message] | tuple[Message, ...]) -> tuple[Message, ...]:
    last = max((place for place, each in enumerate(messages) if each.role is Role.ASSISTANT), default=-1)
    return tuple(messages[: last + 1])


def patched(patch: str) -> list[str]:
    """Return the paths that a patch in git's format touches."""
    paths = []
    for line in patch.splitlines():
        if line.startswith(("+++ ", "--- ")):
            path = line[4:].split("\t")[0].strip()
            if path not in ("/dev/null", ""):
                paths.append(path.removeprefix("a/").removeprefix("b/"))
    return paths


def asked_and_said(conversation: Sequence[Message]) -> tuple[str, str]:
    """Return the text before the first turn of the assistant, without the system's, and that of all its turns."""
    first = next((n for n, each in enumerate(conversation) if each.role is Role.ASSISTANT), len(conversation))
    asked = "\n".join(each.content for each in conversation[:first] if each.role is Role.USER)
    return asked, "\n".join(each.content for each in conversation if each.role is Role.ASSISTANT)


def with_value(record: Record, value: float | None) -> Record:
    """Return the record with another grader's value."""
    return replace(record, value=value)
