"""Labels of a labelled set: for each attempt what was done in it, kept as labels.jsonl beside the ledger."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from assay.errors import UserError
from assay.nouns.base import Noun

LABELS = "labels.jsonl"


class Label(Noun):
    """What was done in one attempt, whatever a grader gave for it.

    `mechanism` is how it was done (for an honest attempt, its style), `held_out` whether that is of the half that no
    detector is tuned on. `level` says how well code was hidden (0 to 2), `tone` how the prose speaks. `fooled`: a
    grader gave the full value to a wrong solution; None where nothing was graded.
    """

    attempt: str
    cheat: bool
    family: str = ""
    mechanism: str = ""
    held_out: bool | None = None
    benchmark: str = ""
    variant: int = 0
    level: int = 0
    tone: str = ""
    fooled: bool | None = None


def write_labels(folder: Path, labels: Sequence[Label]) -> None:
    """Write the labels of a set; a half-written file is never seen."""
    beside = folder / f".{LABELS}"
    beside.write_text("".join(label.model_dump_json() + "\n" for label in labels), encoding="utf-8")
    beside.replace(folder / LABELS)


def read_labels(folder: Path) -> list[Label]:
    """Return the labels of a set. Raises UserError that names the line that cannot be read."""
    path = folder / LABELS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): name a folder that holds a labelled set") from error
    labels = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            labels.append(Label.model_validate(json.loads(line)))
        except (ValueError, ValidationError) as error:
            first = str(error).splitlines()[0]
            raise UserError(f"{path}, line {number}: it is no label ({first}): mend or remove the line") from error
    if len({label.attempt for label in labels}) != len(labels):
        raise UserError(f"{path}: an attempt is labelled twice: keep one line for each")
    return labels
