"""Results of SWE-bench's evaluation, joined to trajectories by instance and, where predictions are given, by patch."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.exchange.predictions import read_predictions
from assay.training.data.records import Record, with_value

_LISTS = {"resolved_ids": True, "unresolved_ids": False, "failed_ids": False, "empty_patch_ids": False}


@dataclass(frozen=True)
class Results:
    """Which instances were resolved, and the hash of the patch that was evaluated, where it is known."""

    resolved: dict[str, bool] = field(default_factory=dict)
    patches: dict[str, str] = field(default_factory=dict)

    def join(self, record: Record) -> Record:
        """Return the record with the result of its instance.

        Where the predictions are known, a result counts only for the trajectory whose patch was evaluated. One that
        the results do not name keeps the value that it has.
        """
        found = self.resolved.get(record.task_id)
        if found is None:
            return record
        if self.patches and self.patches.get(record.task_id) != _hash(record.patch):
            return with_value(record, None)
        return with_value(record, 1.0 if found else 0.0)


def read_results(reports: Iterable[Path], predictions: Iterable[Path]) -> Results:
    """Read reports (`resolved_ids`, or a table or JSONL of instances with `resolved`) and predictions.

    Raises UserError for a file that is neither, and for two results of one instance that differ.
    """
    resolved: dict[str, bool] = {}
    for path in reports:
        for name, good in _results(path):
            if resolved.setdefault(name, good) is not good:
                raise UserError(f"{path} has another result for {name} than a file before it: name one of them")
    patches = {each.instance_id: _hash(each.patch) for path in predictions for each in read_predictions(path).good}
    if patches and not resolved:
        raise UserError("--predictions without --results verifies nothing: name the evaluation's report with --results")
    return Results(resolved, patches)


def _hash(patch: str) -> str:
    return hashlib.sha256(patch.strip().encode("utf-8", "replace")).hexdigest()


def _results(path: Path) -> list[tuple[str, bool]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): name a report of SWE-bench's evaluation") from error
    try:
        data: Any = json.loads(text)
        rows = data if isinstance(data, list) else None
    except ValueError as error:
        try:
            data, rows = None, [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise UserError(f"{path} is not JSON ({error}): name a report of SWE-bench's evaluation") from error
    if isinstance(data, dict) and any(isinstance(data.get(name), list) for name in _LISTS):
        return [(str(name), good) for list_name, good in _LISTS.items() for name in data.get(list_name) or []]
    if isinstance(data, dict):
        rows = [{"instance_id": name, **row} for name, row in data.items() if isinstance(row, dict)]
    found = [
        (str(row["instance_id"]), row["resolved"])
        for row in rows or []
        if isinstance(row, dict) and "instance_id" in row and isinstance(row.get("resolved"), bool)
    ]
    if not found:
        raise UserError(f"{path} says of no instance whether it was resolved: name a report of SWE-bench's evaluation")
    return found
