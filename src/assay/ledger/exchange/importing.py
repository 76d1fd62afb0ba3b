"""Others' runs as a ledger: the plan, the results and trajectories, and facts on where they came from.

Entries are taken and recorded a few at a time, so that memory stays flat. An import that was killed goes on when it is
run again on the same source.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from assay import __version__
from assay.errors import UserError
from assay.ledger import Ledger
from assay.ledger.browse import UNFINISHED, Filter
from assay.ledger.directory import held
from assay.ledger.exchange.entry import UNGRADED, Account, Entry, ended
from assay.ledger.exchange.registry import Format, detected, named
from assay.ledger.exchange.reports import Report
from assay.ledger.exchange.sniff import check, files, shut
from assay.ledger.exchange.text import BrokenJson
from assay.ledger.reading import LedgerReader
from assay.nouns import Attempt, Exit, Reason, Reply, Status, Trajectory
from assay.nouns.base import sha256_file

_ODD = "attempts with numbers that are not finite, left out"
_LARGEST = 2**62
_BATCH, _BATCH_CHARACTERS = 64, 8 << 20
_NAME = "ledger.sqlite"


@dataclass
class Imported:
    """What an import came to: `statuses` of what is new in the ledger, and how much of that nobody graded."""

    format: str
    ledger: Path
    account: Account
    unfinished: int = 0
    before: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    ungraded: int = 0
    arms: set[str] = field(default_factory=set)


def bring(path: Path, out: Path, *, word: str = "", results: Report | None = None) -> Imported:
    """Import `path` into the run folder `out`; `word` names the format, which is detected without it.

    `results` are joined by task, over what the source says of an attempt. Raises UserError for a source that is not
    there, of which nothing can be read, or where `out` holds another run.
    """
    check(path)
    form = named(word) if word else detected(path)
    account = Account()
    numbers: Counter[tuple[str, str]] = Counter()
    sound = (each for entry in _read(form, path, account) if (each := _sound(entry, account)) is not None)
    entries = (_joined(each, results) for each in _numbered(sound, numbers))
    batches = _batches(entries)
    first = next(batches, None)
    for closed in shut(path):
        account.fault(path.name, closed)
    if first is None:
        why = f" ({account.faults[0]})" if account.faults else ""
        raise UserError(f"nothing in {path} can be read as {form.NAME}{why}: is it whole, and of that format?")
    found = Imported(form.NAME, out / _NAME, account)
    with held(out), Ledger(found.ledger) as ledger:
        _claim(ledger, {"format": form.NAME, "source": path.name, **fingerprint(path)})
        resumed = bool(ledger.finished())
        tokenizers: dict[str, str] = {}
        with ledger.running("import"):
            for batch in chain([first], batches):
                _record(ledger, batch, found, resumed, tokenizers)
        account.read = sum(found.statuses.values()) + found.before
        if tokenizers:
            ledger.set_fact("tokenizers", tokenizers)
        told = {"read": account.read, "broken": account.broken, "faults": account.faults}
        ledger.set_fact("import/account", {**told, "notes": dict(account.notes)})
    reader = LedgerReader(found.ledger)
    try:
        found.unfinished = reader.count(Filter(statuses=(UNFINISHED,)))
    finally:
        reader.close()
    return found


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries a few at a time: few of long ones."""
    batch: list[Entry] = []
    size = 0
    for each in entries:
        batch.append(each)
        if each.trajectory is not None:
            size += sum(len(step.reply.text) + len(step.observation) for step in each.trajectory.steps)
        if len(batch) == _BATCH or size > _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(form: Format, path: Path, account: Account) -> Iterator[Entry]:
    """Yield what a format reads; where it stops in the middle, what came before counts."""
    try:
        yield from form.read(path, account)
    except (UserError, BrokenJson) as error:
        account.fault(str(path.name), error)


def _sound(entry: Entry, account: Account) -> Entry | None:
    """Return the entry as a ledger can hold it, or None, counted, where a whole number is too large for that.

    Numbers that are not finite are left out, and counted.
    """
    plan, attempt, trajectory = entry.plan, entry.attempt, entry.trajectory
    whole = [plan.seed, plan.dose, plan.trial]
    if attempt is not None:
        whole += [attempt.steps, attempt.sampled_tokens]
        if not math.isfinite(attempt.wall_s):
            account.note(_ODD)
            attempt = attempt.model_copy(update={"wall_s": 0.0})
    if any(not -_LARGEST <= number <= _LARGEST for number in whole):
        account.fault(entry.where, "a number in it is too large for any run")
        return None
    if trajectory is not None and not all(_finite(step.reply) for step in trajectory.steps):
        account.note(_ODD)
        steps = [step.model_copy(update={"reply": _mended(step.reply)}) for step in trajectory.steps]
        trajectory = trajectory.model_copy(update={"steps": tuple(steps)})
    return replace(entry, attempt=attempt, trajectory=trajectory)


def _finite(reply: Reply) -> bool:
    return math.isfinite(reply.cost) and all(map(math.isfinite, reply.logprobs or ()))


def _mended(reply: Reply) -> Reply:
    good = reply.logprobs is not None and all(map(math.isfinite, reply.logprobs))
    cost = reply.cost if math.isfinite(reply.cost) else 0.0
    return reply.model_copy(update={"cost": cost, "logprobs": reply.logprobs if good else None})


def _numbered(entries: Iterator[Entry], numbers: Counter[tuple[str, str]]) -> Iterator[Entry]:
    """Yield the entries, those of others with their attempts at a task counted in the order of the source."""
    for each in entries:
        if each.ours or not each.counted:
            yield each
            continue
        plan = each.plan.model_copy(update={"trial": numbers[each.plan.arm, each.plan.task_id]})
        numbers[plan.arm, plan.task_id] += 1
        attempt = None if each.attempt is None else each.attempt.model_copy(update={"plan": plan})
        yield replace(each, plan=plan, attempt=attempt)


def _joined(entry: Entry, results: Report | None) -> Entry:
    """Return the entry with the result that a report has for its task."""
    if results is None or entry.attempt is None or entry.plan.task_id not in results.values:
        return entry
    if entry.attempt.status is Status.MACHINERY and entry.attempt.verdict is None:
        return entry  # it broke before there was anything to grade
    value, trajectory = results.values[entry.plan.task_id], entry.trajectory
    attempt = ended(
        entry.plan,
        trajectory,
        value=value,
        exit=Exit.SUBMITTED if trajectory is None else trajectory.exit,
        cheated=entry.plan.task_id in results.cheated,
        empty=trajectory is not None and not trajectory.diff,
        detail="" if value is not None else "the evaluation could not decide it",
        wall_s=entry.attempt.wall_s,
    )
    return replace(entry, attempt=attempt)


def _record(ledger: Ledger, batch: list[Entry], found: Imported, resumed: bool, tokenizers: dict[str, str]) -> None:
    ledger.plan([each.plan for each in batch])
    seen: set[str] = set()
    rows: list[tuple[Attempt, Trajectory | None]] = []
    for each in batch:
        found.arms.add(each.plan.arm)
        if each.attempt is None:
            continue
        if each.plan.id in seen or ledger.has(each.plan.id):
            if resumed and each.plan.id not in seen:
                found.before += 1
            else:
                plan = each.plan
                what = f"{plan.task_id}, arm {plan.arm}, seed {plan.seed}, trial {plan.trial}"
                found.account.fault(each.where, f"it is a second result for {what}: the first one counts")
            continue
        seen.add(each.plan.id)
        if each.tokenizer and tokenizers.setdefault(each.plan.arm, each.tokenizer) != each.tokenizer:
            found.account.note("attempts whose sampled ids are of another tokenizer than their arm's")
        found.statuses[each.attempt.status.value] += 1
        verdict = each.attempt.verdict
        ungraded = verdict is not None and verdict.reason is Reason.MACHINERY and verdict.detail == UNGRADED
        found.ungraded += ungraded
        rows.append((each.attempt, each.trajectory))
        if each.flags:
            ledger.set_fact(f"flags/{each.plan.id}", list(each.flags))
    ledger.record_many(rows)


def _claim(ledger: Ledger, told: Mapping[str, Any]) -> None:
    before = ledger.fact("import")
    told = {**told, "assay": __version__}
    if before is None and ledger.last_position():
        raise UserError(f"{ledger.path} is the ledger of another kind of run: name another folder with --out")
    if before is not None and before != told:
        raise UserError(f"{ledger.path} was imported from {before.get('source')} as it was then: name another --out")
    ledger.set_fact("import", told)


def fingerprint(path: Path) -> dict[str, Any]:
    """Return the SHA-256 of a file, or of all names and files below a folder, and how many files these are."""
    if path.is_file():
        return {"sha256": _sha256(path), "files": 1}
    state, count = hashlib.sha256(), 0
    for file in files(path, "*"):
        state.update(f"{_sha256(file)} {file.relative_to(path).as_posix()}\n".encode("utf-8", "surrogateescape"))
        count += 1
    return {"sha256": state.hexdigest(), "files": count}


def _sha256(file: Path) -> str:
    try:
        return sha256_file(file)
    except OSError:
        return "unreadable"
