"""Predictions as SWE-bench's evaluation takes them: a JSON table or list, or JSONL, of patches by instance.

https://www.swebench.com/SWE-bench/guides/evaluation: `instance_id`, `model_name_or_path`, `model_patch`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import UserError

_LARGEST = 1 << 30


@dataclass(frozen=True)
class Prediction:
    """One patch for one instance; "" is an empty one."""

    instance_id: str
    patch: str
    model: str = ""


@dataclass(frozen=True)
class Predictions:
    """The predictions of a file in its order, one an instance, and where something is none, and why."""

    good: list[Prediction]
    broken: list[tuple[str, str]]


def read_predictions(path: Path) -> Predictions:
    """Return the predictions in a file. Raises UserError when it cannot be read as a whole.

    Of two predictions for one instance the first counts, and the other is listed: the better one is nobody's choice.
    """
    good: dict[str, Prediction] = {}
    broken: list[tuple[str, str]] = []
    for where, row, named in _rows(path):
        try:
            found = prediction_of(row, named)
        except ValueError as error:
            broken.append((where, str(error)))
            continue
        if found.instance_id in good:
            broken.append((where, f"a second prediction for {found.instance_id}: the first one counts"))
        else:
            good[found.instance_id] = found
    if not good and not broken:
        raise UserError(f"{path} holds no prediction: name a file such as preds.json")
    return Predictions(list(good.values()), broken)


def _rows(path: Path) -> Iterator[tuple[str, Any, str]]:
    """Yield where a prediction stands, what stands there and, in a table, its key."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path} has over {_LARGEST >> 20} MB: split it")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}): name a file of predictions") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}): write it again as UTF-8") from error
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or text.lstrip()[:1] != "{" or lines[0][1].strip() == "{":
            raise UserError(f"{path} is not JSON ({error}): mend it, or write one prediction on each line") from error
        for number, line in lines:
            try:
                yield f"{path}, line {number}", json.loads(line), ""
            except (ValueError, RecursionError) as problem:
                yield f"{path}, line {number}", f"it is not JSON ({problem})", ""
        return
    if isinstance(whole, list):
        for number, row in enumerate(whole):
            yield f"{path}, item {number}", row, ""
    elif isinstance(whole, dict) and isinstance(whole.get("instance_id"), str):
        yield f"{path}, line 1", whole, ""  # JSONL of one line
    elif isinstance(whole, dict):
        for name, row in whole.items():
            yield f"{path}, {name}", row, name
    else:
        raise UserError(f"{path} holds neither a table nor a list of predictions: name a file such as preds.json")


def prediction_of(row: Any, named: str) -> Prediction:
    """Return one prediction. Raises ValueError saying what is wrong."""
    if not isinstance(row, dict):
        raise ValueError(row if isinstance(row, str) and row.startswith("it is not JSON") else "it is not an object")
    name = row.get("instance_id", named)
    if not isinstance(name, str) or not name:
        raise ValueError("it has no instance_id")
    if named and name != named:
        raise ValueError(f"its key is {named}, but its instance_id {name}")
    if "model_patch" not in row:
        raise ValueError(f"{name} has no model_patch")
    patch = row["model_patch"]
    if patch is not None and not isinstance(patch, str):
        raise ValueError(f"the model_patch of {name} is not text but {type(patch).__name__}")
    try:
        (patch or "").encode()
    except UnicodeEncodeError:
        raise ValueError(f"the model_patch of {name} is not UTF-8 text") from None
    return Prediction(name, patch or "", str(row.get("model_name_or_path") or ""))
