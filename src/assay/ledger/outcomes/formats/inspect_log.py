"""Outcomes in Inspect's logs: `.eval`, a zip with a file a sample, or the older `.json`; one arm a log.

An epoch is a trial. A sample that ended in an error has no valid score.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.exchange.atif import table
from assay.ledger.exchange.entry import Account
from assay.ledger.exchange.inspectlog import InspectLog, score_of
from assay.ledger.outcomes.arms import Arm, Score, arm

WHAT = "an Inspect log (.eval or .json)"


def holds(path: Path) -> bool:
    """Whether it is a zip of Inspect's, or a JSON object with its fields."""
    if path.suffix == ".eval":
        return path.is_file()
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(4096)
    return '"eval"' in head and '"version"' in head


def read(path: Path) -> list[Arm]:
    """Return the log's arm, named by its model. The first scorer decides where there are several, and that is said."""
    account = Account()
    log = InspectLog(path, account)
    scores, scorers = _scores(path, log.summaries())
    if account.broken:
        raise UserError(f"{path} cannot be read as a log of Inspect ({account.faults[0]}): is it whole?")
    notes = [f"the scorer {scorers[0]} decides, of {', '.join(scorers)}"] if len(scorers) > 1 else []
    status = log.header.get("status")
    if status not in (None, "success") or log.cut:
        said = f"status is {status}" if status else "end is missing"
        notes.append(f"the log's {said}: samples that are missing in it are not counted")
    return [arm(str(log.spec.get("model") or path.stem), str(path), scores, notes=tuple(notes))]


def _scores(path: Path, samples: Iterator[tuple[str, dict[str, Any]]]) -> tuple[list[tuple[str, Score]], list[str]]:
    found: list[tuple[str, Score]] = []
    scorers: list[str] = []
    for number, (_, sample) in enumerate(samples, 1):
        try:
            task, epoch = str(sample["id"]), int(sample.get("epoch", 1))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{path} cannot be read as a log of Inspect ({error}): is it whole?") from error
        scores = table(sample.get("scores"))
        scorers += [name for name in scores if name not in scorers]
        failed = bool(sample.get("error"))
        value = math.nan if failed or not scores else _value(path, task, table(scores.get(scorers[0])).get("value"))
        found.append((f"sample {number}", Score(task, value, "", epoch - 1)))
    return found, scorers


def _value(path: Path, task: str, value: Any) -> float:
    try:
        found = score_of(value)
    except ValueError as error:
        raise UserError(f"{path}: sample {task} has {error}") from error
    return math.nan if found is None else found
