"""Outcomes in Inspect's logs: `.eval`, a zip with a file a sample, or the older `.json`; one arm a log.

https://inspect.aisi.org.uk/eval-logs.html. An epoch is a trial. A sample that ended in an error has no valid score.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile  # Inspect packs its logs with Zstandard

from assay.errors import UserError
from assay.ledger.outcomes.arms import Arm, Score, arm

WHAT = "an Inspect log (.eval or .json)"
_VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}


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
    try:
        head, samples = _zipped(path) if path.suffix == ".eval" else _plain(path)
        scores, scorers = _scores(path, samples)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, RecursionError, NotImplementedError) as error:
        raise UserError(f"{path} cannot be read as a log of Inspect ({error}): is it whole?") from error
    about = head.get("eval") if isinstance(head.get("eval"), dict) else {}
    name = str(about.get("model") or path.stem) if isinstance(about, dict) else path.stem
    notes = [f"the scorer {scorers[0]} decides, of {', '.join(scorers)}"] if len(scorers) > 1 else []
    status = head.get("status")
    if status not in (None, "success"):
        notes.append(f"the log's status is {status}: samples that are missing in it are not counted")
    return [arm(name, str(path), scores, notes=tuple(notes))]


def _zipped(path: Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    def samples() -> Iterator[dict[str, Any]]:
        with zipfile.ZipFile(path) as file:
            names = [name for name in file.namelist() if name.startswith("samples/") and name.endswith(".json")]
            if "summaries.json" in file.namelist():
                yield from json.loads(file.read("summaries.json"))
            else:
                for name in names:
                    yield json.loads(file.read(name))

    with zipfile.ZipFile(path) as file:
        start = "header.json" if "header.json" in file.namelist() else "_journal/start.json"
        return json.loads(file.read(start)), samples()


def _plain(path: Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    whole = json.loads(path.read_text(encoding="utf-8"))
    return whole, iter(whole.get("samples") or [])


def _scores(path: Path, samples: Iterator[dict[str, Any]]) -> tuple[list[tuple[str, Score]], list[str]]:
    found: list[tuple[str, Score]] = []
    scorers: list[str] = []
    for number, sample in enumerate(samples, 1):
        task, epoch = str(sample["id"]), int(sample.get("epoch", 1))
        scores = sample.get("scores") or {}
        scorers += [name for name in scores if name not in scorers]
        failed = bool(sample.get("error"))
        value = math.nan if failed or not scores else _value(path, task, scores.get(scorers[0], {}).get("value"))
        found.append((f"sample {number}", Score(task, value, "", epoch - 1)))
    return found, scorers


def _value(path: Path, task: str, value: Any) -> float:
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str) and value in _VALUES:
        return _VALUES[value]
    if value is None:
        return math.nan
    raise UserError(f"{path}: sample {task} has the score {value!r}, which is no number and none of C, I, P, N")
