"""Reports of SWE-bench's evaluation, and the like: which instances were resolved, in any of the ways it is written.

https://www.swebench.com/SWE-bench/guides/evaluation: lists of ids, a table of instances, or a row for each.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.exchange.text import BrokenJson, lines, members, parsed
from assay.nouns import PlannedAttempt

_FAILED = ("unresolved_ids", "failed_ids", "empty_patch_ids", "error_ids")
_UNDECIDED = ("machinery_ids", "bad_task_ids", "infra_failure_ids")
LISTS = ("resolved_ids", *_FAILED, *_UNDECIDED)


@dataclass
class Report:
    """What a report says: a value for each instance, None where it could not be decided.

    `planned` are instances without a result, `plan` what assay wrote beside it of the attempts that it is of.
    """

    values: dict[str, float | None] = field(default_factory=dict)
    planned: list[str] = field(default_factory=list)
    cheated: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    plan: PlannedAttempt | None = None


def read_report(path: Path) -> Report:
    """Return what a report says. Raises UserError where it says of no instance whether it was resolved.

    Errors count as failures, as the benchmark counts them, but for those listed as no fault of the patch.
    """
    try:
        found = dict(members(path))
    except BrokenJson as error:
        rows = [each for _, line in lines(path) if isinstance(each := _row(line), dict)]
        if not rows:
            raise UserError(f"{path}: {error}: name a report of SWE-bench's evaluation") from error
        return _rows(path, rows)
    if any(isinstance(found.get(name), list) for name in LISTS):
        return _lists(found)
    rows = [
        row | ({} if name.startswith("item ") else {"instance_id": name})
        for name, row in found.items()
        if isinstance(row, dict)
    ]
    return _rows(path, rows or [found])


def _row(line: str | BrokenJson) -> Any:
    try:
        return parsed(line)[0] if isinstance(line, str) else None
    except BrokenJson:
        return None


def _lists(found: dict[str, Any]) -> Report:
    def ids(*names: str) -> list[str]:
        return [str(each) for name in names if isinstance(found.get(name), list) for each in found[name]]

    values: dict[str, float | None] = dict.fromkeys(ids(*_FAILED), 0.0)
    values |= dict.fromkeys(ids(*_UNDECIDED), None)
    values |= dict.fromkeys(ids("resolved_ids"), 1.0)
    told = found.get("assay")
    plan = None
    if isinstance(told, dict):
        try:
            plan = PlannedAttempt.model_validate(told | {"task_id": ""})
        except ValueError:
            plan = None
    return Report(
        values,
        [name for name in ids("incomplete_ids") if name not in values],
        frozenset(ids("cheated_ids")),
        frozenset(ids("empty_patch_ids")),
        plan,
    )


def _rows(path: Path, rows: list[dict[str, Any]]) -> Report:
    values = {
        str(row["instance_id"]): float(row["resolved"])
        for row in rows
        if isinstance(row.get("instance_id"), str) and isinstance(row.get("resolved"), bool)
    }
    if not values:
        raise UserError(f"{path} says of no instance whether it was resolved: name a report of SWE-bench's evaluation")
    return Report(dict(values))
