"""Inspect AI's logs, `.eval` and `.json`: a log an arm, seed, dose and split, a sample an attempt, an epoch a trial."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.exchange.atif import table
from assay.ledger.exchange.entry import Account, Entry, planned
from assay.ledger.exchange.inspectlog import InspectLog
from assay.ledger.exchange.inspectread import entry_of
from assay.ledger.exchange.inspectwrite import InspectWriter
from assay.ledger.exchange.run import UNFINISHED, Run, Written, fresh, unwritable
from assay.ledger.exchange.sniff import files, head
from assay.nouns import PlannedAttempt

NAME, RANK = "inspect", 10
WHAT = "an Inspect log (.eval or .json), or a folder of them"


def holds(path: Path) -> bool:
    """Whether it is a zip of Inspect's, or a JSON object with its fields, or a folder with logs of the former kind."""
    if path.is_dir():
        return next(files(path, "*.eval"), None) is not None
    if path.suffix == ".eval":
        return True
    start = head(path)[:4096] if path.suffix == ".json" else ""
    return '"eval"' in start and '"version"' in start


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield the plan of each log and then its samples. Logs of one task and model after the first are more epochs.

    Where a folder has several tasks of Inspect, a task of ours is named by both: `gsm8k/17`.
    """
    logs = []
    for file in files(path, "*.eval"):
        try:
            logs.append(InspectLog(file, account))
        except UserError as error:
            account.fault(file.name, error.__cause__ or error)
    several = len({str(log.spec.get("task")) for log in logs}) > 1
    epochs: Counter[tuple[str, str]] = Counter()
    for log in logs:
        key = (str(log.spec.get("task")), str(log.spec.get("model")))
        try:
            yield from _entries(log, f"{key[0]}/" if several else "", epochs[key])
        except (UserError, OSError) as error:
            account.fault(log.path.name, error)
        epochs[key] += _epochs(log.spec)


def _epochs(spec: dict[str, Any]) -> int:
    found = table(spec.get("config")).get("epochs")
    return found if isinstance(found, int) and found > 0 else 1


def _entries(log: InspectLog, before: str, first: int) -> Iterator[Entry]:
    spec, arm = log.spec, str(log.spec.get("model") or log.path.stem)
    ours = table(table(spec.get("metadata")).get("assay"))
    listed = table(spec.get("dataset")).get("sample_ids")
    if ours:
        for told in ours.get("missing") or []:
            try:
                yield Entry(log.path.name, PlannedAttempt.model_validate(told), ours=True)
            except ValueError as error:
                log.account.fault(log.path.name, error)
    elif isinstance(listed, list):
        for epoch in range(_epochs(spec)):
            for name in listed:
                plan = planned(arm, f"{before}{name}", trial=first + epoch)
                yield Entry(log.path.name, plan, counted=False)
    for where, sample in log.samples():
        try:
            epoch = int(sample.get("epoch") or 1)
            plan = planned(arm, f"{before}{sample['id']}", trial=first + epoch - 1)
            yield entry_of(sample, plan, spec, where, log.account)
        except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
            log.account.fault(where, error)


def write(run: Run, out: Path) -> Written:
    """Write one log, or where the run has several groups or `out` does not end in .eval, a folder of them."""
    groups: dict[str, list[PlannedAttempt]] = {}
    for plan in run.planned():
        groups.setdefault(run.label(plan, trials=False), []).append(plan)
    if not groups:
        raise UserError(f"{run.ledger} has nothing planned: name another run")
    one = out.suffix == ".eval"
    if one and len(groups) > 1:
        raise UserError(
            f"{out} is one log and the run has {len(groups)} groups (an arm, seed, dose and split each): "
            "name a folder with --out, or one arm with --arm"
        )
    fresh(out)
    when = datetime.fromtimestamp(int(run.ledger.stat().st_mtime), UTC).isoformat()
    written, writers = Written(), dict[str, InspectWriter]()
    try:
        try:
            for label, plans in groups.items():
                task = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{run.name}-{label}".strip("-"))
                name = f"{re.sub(r'[:+]', '-', when)}_{task}_{plans[0].id}.eval"
                place = out if one else out / name
                writers[label] = InspectWriter(place, task, plans, when)
            for entry in run.entries():
                if entry.attempt is None:
                    written.left[UNFINISHED] += 1
                    continue
                writers[run.label(entry.plan, trials=False)].add(entry)
                written.attempts += 1
            for writer in writers.values():
                writer.close()
                written.files += 1
        except BaseException:
            for writer in writers.values():
                writer.drop()
            raise
    except OSError as error:
        raise unwritable(out, error) from error
    return written
