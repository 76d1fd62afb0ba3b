"""Chat rows as the Hugging Face hub has them: JSONL, a conversation a line, and what is known of it beside it.

Every row has the same fields of the same types, so that `datasets` reads the file; what assay alone knows is JSON text.
"""

import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from assay.errors import UserError
from assay.ledger.exchange.aside import aside, prompt_of
from assay.ledger.exchange.chatrows import ChatRow, from_row
from assay.ledger.exchange.conversation import heard, said_by
from assay.ledger.exchange.entry import Account, Entry, as_written, ended, planned, value_of
from assay.ledger.exchange.run import Run, Written, fresh, unwritable
from assay.ledger.exchange.sniff import files, head, some
from assay.ledger.exchange.text import BrokenJson, members, values
from assay.nouns import Attempt, Exit, Role, Status, Trajectory

NAME, RANK = "chat", 70
WHAT = "chat rows (.jsonl, .jsonl.gz or a .json list) with messages or conversations"
_LISTS = ('"messages"', '"conversations"', '"conversation"', '"trajectory"')
_SUFFIXES = ("*.jsonl", "*.jsonl.gz", "*.json")
_EXITS = {
    "exit_cost": Exit.STEP_LIMIT,
    "exit_format": Exit.FORMAT,
    "exit_context": Exit.CONTEXT,
    "limitsexceeded": Exit.STEP_LIMIT,
    "limit": Exit.STEP_LIMIT,
    "max_turns": Exit.STEP_LIMIT,
    "timeexceeded": Exit.TIME_LIMIT,
    "timeout": Exit.TIME_LIMIT,
    "contextwindowexceedederror": Exit.CONTEXT,
    "context": Exit.CONTEXT,
    "format": Exit.FORMAT,
    "refused": Exit.REFUSED,
    **dict.fromkeys(("machinery", "error", "exit_error", "exception", "crashed", "infra_error"), Exit.MACHINERY),
}


def holds(path: Path) -> bool:
    """Whether it is a file, or a folder with files, of rows that have messages."""
    return any(any(word in start for word in _LISTS) for start in map(head, some(path, *_SUFFIXES)))


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each row. A row that names no task is an attempt at what its prompt asks."""
    for file in files(path, *_SUFFIXES):
        for where, row in _rows(file, account):
            try:
                yield _entry(row, where, file, account)
            except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
                account.fault(where, error)


def _rows(file: Path, account: Account) -> Iterator[tuple[str, Any]]:
    if file.suffix == ".json":
        try:
            for name, value in members(file, account=account):
                yield f"{file.name}, {name}", value
        except (BrokenJson, UserError) as error:
            account.fault(file.name, error)
        return
    try:
        yield from values(file, account)
    except UserError as error:
        account.fault(file.name, error)


def _entry(data: Any, where: str, file: Path, account: Account) -> Entry:
    if not isinstance(data, dict):
        raise UserError(f"{where}: it is no row: give one JSON object a line")
    ours = _beside(data)
    row = from_row(data, where)
    prompt, steps = heard(row.said, prompt_of(ours))
    found = Trajectory(
        task_id=row.task_id or _asked(row),
        agent="",
        model=row.model or file.name.split(".")[0],
        prompt=prompt,
        steps=steps,
        exit=_EXITS.get(row.exit.lower(), Exit.SUBMITTED),
        diff=row.patch,
    )
    if (written := as_written(where, ours, found, "rows", account)) is not None:
        return replace(written, tokenizer=row.tokenizer, flags=row.flags)
    if not steps:
        raise UserError(f"{where}: it has no turn of the assistant: leave it out")
    plan = planned(found.model, found.task_id)
    attempt = ended(
        plan,
        found,
        value=row.value,
        exit=found.exit,
        broken=f"the source says {row.exit}" if found.exit is Exit.MACHINERY else "",
        cheated="cheated" in row.flags,
    )
    return Entry(where, plan, attempt, found, tokenizer=row.tokenizer, flags=row.flags)


def _beside(data: dict[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(data["assay"])
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _asked(row: ChatRow) -> str:
    """Return a name for the task of a row that names none: equal prompts are equal tasks."""
    asked = []
    for each in row.said:
        if each.role is Role.ASSISTANT:
            break
        asked.append(each.text)
    return f"prompt-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]}"


def write(run: Run, out: Path) -> Written:
    """Write one row an attempt that has a trajectory. Raises UserError where `out` is no new .jsonl or .jsonl.gz."""
    if not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise UserError(f"{out} is no name for chat rows: end it in .jsonl, or .jsonl.gz to pack it")
    fresh(out)
    part = out.with_name(f".{out.name}.part")
    written = Written(files=1)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as plain:
                packed = gzip.GzipFile(filename="", fileobj=plain, mode="wb", mtime=0) if out.suffix == ".gz" else plain
                with io.TextIOWrapper(packed, encoding="utf-8") as stream:  # type: ignore[type-var]
                    _write(run, stream, written)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    return written


def _write(run: Run, stream: TextIO, written: Written) -> None:
    for entry, attempt, trajectory in run.told(written):
        row = _row(entry, attempt, trajectory)
        stream.write(f"{json.dumps(row, ensure_ascii=True)}\n")
        written.attempts += 1


def _row(entry: Entry, attempt: Attempt, trajectory: Trajectory) -> dict[str, Any]:
    plan, value = entry.plan, value_of(attempt)
    return {
        "messages": [
            {
                "role": each.role.value,
                "content": each.text,
                "reasoning_content": each.reasoning,
                "token_ids": each.token_ids,
                "logprobs": each.logprobs,
            }
            for each in said_by(trajectory)
        ],
        "instance_id": plan.task_id,
        "attempt_id": plan.id,
        "model": plan.arm,
        "split": plan.split,
        "exit_status": attempt.status.value,
        "resolved": None if value is None else value == 1.0,
        "value": value,
        "model_patch": trajectory.diff,
        "flags": ["cheated"] if attempt.status is Status.CHEATED else [],
        "tokenizer_sha256": entry.tokenizer,
        "assay": json.dumps(aside(attempt, trajectory, entry.tokenizer)),
    }
