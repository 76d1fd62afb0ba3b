"""Outcomes in what SWE-bench's harness leaves: a report.json an instance, in RUN/MODEL/INSTANCE, or one table of them.

https://github.com/SWE-bench/SWE-bench, `logs/run_evaluation/RUN/MODEL/INSTANCE/report.json`: `{INSTANCE: {"resolved":
true, ...}}`. The folder of a run, of a model or of an instance will do; each model is an arm. An instance whose folder
has no report ended in an error of the harness or of the patch, which it does not tell apart: a failure, as the
benchmark counts it, and the number is said.
"""

import json
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.outcomes.arms import Arm, Score, arm

WHAT = "a folder of SWE-bench's report.json files (logs/run_evaluation/RUN), or a table of instances with `resolved`"
_REPORT = "report.json"
_TRACES = ("run_instance.log", "patch.diff", "test_output.txt", "eval.sh")  # what the harness writes before a report
_HEAD = 65536
_DEEPEST = 4  # run_evaluation/RUN/MODEL/INSTANCE


def holds(path: Path) -> bool:
    """Whether it is a folder with such reports in it, or a JSON table of them."""
    if path.is_dir():
        return not (path / "ledger.sqlite").exists() and bool(_instances(path))
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        if '"resolved"' not in file.read(_HEAD):  # a log may have gigabytes
            return False
    try:
        return _is_table(_json(path))
    except UserError:
        return False


def read(path: Path) -> list[Arm]:
    """Return an arm a model, named by its folder; or the one of a table, named by its file."""
    if not path.is_dir():
        rows = [(f"{name!r}", Score(name, _resolved(path, name, row))) for name, row in _json(path).items()]
        return [arm(path.stem, str(path), rows)]
    by_model: dict[Path, list[Path]] = {}
    for folder in _instances(path):
        by_model.setdefault(folder.parent, []).append(folder)
    names = [model.name for model in by_model]
    return [
        _arm(model.name if names.count(model.name) == 1 else f"{model.parent.name}/{model.name}", model, folders)
        for model, folders in by_model.items()
    ]


def _arm(name: str, model: Path, folders: list[Path]) -> Arm:
    scores, lost = [], 0
    for folder in folders:
        file = folder / _REPORT
        if not file.is_file():
            lost += 1
            scores.append((str(folder), Score(folder.name, 0.0)))
            continue
        table = _json(file)
        if not _is_table(table):
            raise UserError(f"{file} does not say of an instance whether it is resolved: leave it out or run it again")
        scores += [(str(file), Score(task, _resolved(file, task, row))) for task, row in table.items()]
    said = f"{lost} of {len(folders)} instances have no {_REPORT} (the harness or the patch failed): they are failures"
    return arm(name, str(model), scores, notes=(said,) if lost else ())


def _instances(path: Path) -> list[Path]:
    """Return the folders of instances in a folder, sorted: those with a report, or a trace of one that failed."""
    found, level = [], [path]
    for _ in range(_DEEPEST + 1):
        below: list[Path] = []
        for folder in level:
            try:
                names = {each.name: each for each in sorted(folder.iterdir())}
            except OSError as error:
                raise UserError(f"{folder} cannot be read ({error.strerror}): may you read it?") from error
            if _REPORT in names or any(name in names for name in _TRACES):
                found.append(folder)
            else:
                below += [each for each in names.values() if each.is_dir() and not each.is_symlink()]
        level = below
    return found if any((folder / _REPORT).is_file() for folder in found) else []


def _is_table(found: Any) -> bool:
    return (
        isinstance(found, dict) and bool(found) and all(isinstance(r, dict) and "resolved" in r for r in found.values())
    )


def _resolved(path: Path, name: str, row: dict[str, Any]) -> float:
    if not isinstance(row["resolved"], bool):
        raise UserError(f"{path}: {name} has `resolved` {row['resolved']!r}: it is true or false")
    return float(row["resolved"])


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}): run that instance again, or leave it out") from error
