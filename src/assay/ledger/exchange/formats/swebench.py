"""SWE-bench's predictions and reports: patches by instance, and which of them were resolved.

A folder may hold several pairs; those that lie in one folder belong together.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.exchange.entry import Account, Entry, ended, planned
from assay.ledger.exchange.predictions import Prediction, prediction_of
from assay.ledger.exchange.preds import Patches, Reports
from assay.ledger.exchange.reports import LISTS, Report, read_report
from assay.ledger.exchange.run import UNFINISHED, Run, Written, fresh
from assay.ledger.exchange.sniff import files as files_of
from assay.ledger.exchange.sniff import head, some
from assay.ledger.exchange.text import BrokenJson, members, values
from assay.nouns import Exit, PlannedAttempt, Trajectory

NAME, RANK = "swebench", 50
WHAT = "SWE-bench's predictions (.json or .jsonl) and reports, alone or together in a folder"
_UNDECIDED = "the evaluation lists it as undecided, which is no fault of the patch"
_OTHERS = ('"messages"', '"conversations"', '"conversation"', '"trajectory"', '"trajectory_format"', '"ATIF-v')
_SUFFIXES = ("*.json", "*.jsonl")


def holds(path: Path) -> bool:
    """Whether it has predictions or lists of resolved instances."""
    return any(_is_preds(file) or _is_report(file) for file in some(path, *_SUFFIXES))


def _is_preds(file: Path) -> bool:
    text = head(file)
    return '"model_patch"' in text and not any(word in text for word in _OTHERS)


def _is_report(file: Path) -> bool:
    text = head(file)
    others = ('"model_patch"', *_OTHERS)
    return not any(word in text for word in others) and any(f'"{name}"' in text for name in (*LISTS, "resolved"))


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each prediction, graded where a report in its folder names it, and the report's others."""
    folders: dict[Path, list[Path]] = {}
    for file in files_of(path, *_SUFFIXES):
        folders.setdefault(file.parent, []).append(file)
    for found in folders.values():
        preds = [file for file in found if _is_preds(file)]
        report = _report([file for file in found if file not in preds and _is_report(file)], account)
        yield from _folder(preds, report, account)


def _report(found: list[Path], account: Account) -> tuple[str, Report] | None:
    """Return the reports of a folder as one, under the first one's name; a contradiction counts as a fault."""
    together: tuple[str, Report] | None = None
    for file in found:
        try:
            report = read_report(file)
        except (UserError, BrokenJson) as error:
            account.fault(file.name, error)
            continue
        if together is None:
            together = file.name.split(".")[0], report
            continue
        for task, value in report.values.items():
            if together[1].values.setdefault(task, value) != value:
                account.fault(file.name, f"it has another result for {task} than a report before it, which counts")
    return together


def _folder(preds: list[Path], named: tuple[str, Report] | None, account: Account) -> Iterator[Entry]:
    name, report = named or ("", None)
    seen: set[str] = set()
    arm = ""
    for file in preds:
        for where, found in _predictions(file, account):
            if isinstance(found, str):
                account.fault(where, found)
                continue
            seen.add(found.instance_id)
            arm = found.model or file.name.split(".")[0]
            yield _entry(where, arm, found.instance_id, found.patch, report)
    if report is None:
        return
    for task in report.values:
        if task not in seen:
            yield _entry(f"{name}, {task}", arm or name, task, None, report)
    for task in report.planned:
        if task not in seen:
            yield Entry(f"{name}, {task}", _plan(arm or name, task, report), ours=report.plan is not None)


def _plan(arm: str, task: str, report: Report | None) -> PlannedAttempt:
    if report is not None and report.plan is not None:
        return report.plan.model_copy(update={"task_id": task})
    return planned(arm, task)


def _entry(where: str, arm: str, task: str, patch: str | None, report: Report | None) -> Entry:
    """Return an attempt; `patch` is None where only the report knows of it."""
    plan = _plan(arm, task, report)
    trajectory = None
    if patch is not None:
        trajectory = Trajectory(task_id=task, agent="", model=arm, prompt=(), steps=(), exit=Exit.SUBMITTED, diff=patch)
    graded = report is not None and task in report.values
    value = report.values[task] if report is not None and graded else None
    undecided = graded and value is None
    empty = patch == "" or (report is not None and patch is None and task in report.empty)
    attempt = ended(
        plan,
        trajectory,
        value=None if empty and value != 1.0 else value,
        broken=_UNDECIDED if undecided and not patch else "",
        cheated=report is not None and task in report.cheated,
        empty=empty,
        detail=_UNDECIDED if undecided else "",
    )
    return Entry(where, plan, attempt, trajectory, ours=report is not None and report.plan is not None)


def _predictions(file: Path, account: Account) -> Iterator[tuple[str, Prediction | str]]:
    """Yield where a prediction stands, and the prediction or why there is none, one at a time."""
    for where, row, key in _rows(file, account):
        try:
            yield where, prediction_of(row, key)
        except ValueError as error:
            yield where, str(error)


def _rows(file: Path, account: Account) -> Iterator[tuple[str, Any, str]]:
    if file.suffix == ".jsonl":
        for where, value in values(file, account):
            yield where, value, ""
        return
    try:
        for key, value in members(file, account=account):
            listed = key.startswith("item ") and isinstance(value, dict) and "instance_id" in value
            yield f"{file.name}, {key}", value, "" if listed else key
    except (BrokenJson, UserError) as error:
        account.fault(file.name, error)


def write(run: Run, out: Path) -> Written:
    """Write preds.json and report.json, in a folder for each group and trial where there are several."""
    fresh(out)
    written, reports = Written(), Reports()
    with Patches(out) as patches:
        for entry in run.entries():
            group = run.label(entry.plan, trials=True)
            reports.add(group, entry)
            if entry.attempt is None:
                written.left[UNFINISHED] += 1
                continue
            patches.add(group, entry)
            written.attempts += 1
        written.files += patches.files
    written.files += reports.write(out)
    return written
