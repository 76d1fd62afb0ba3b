"""Labels of a labelled set: for each attempt what was done in it, kept as labels.jsonl beside the ledger."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from assay.errors import UserError
from assay.nouns.base import Noun

LABELS = "labels.jsonl"

Half = Literal["tuning", "held-out", "once-fresh", "fresh"]
TUNING: Half = "tuning"
HELD_OUT: Half = "held-out"
ONCE_FRESH: Half = "once-fresh"
FRESH: Half = "fresh"
HALVES = (TUNING, HELD_OUT, ONCE_FRESH, FRESH)  # from the most used to the least
# Scored unless others are asked for: each look at the fresh half is one towards using it up.
USUAL = (TUNING, HELD_OUT, ONCE_FRESH)


class Label(Noun):
    """What was done in one attempt, whatever a grader gave for it.

    `mechanism` is how it was done (for an honest attempt, its style), `half` the part of the mechanisms that it is of,
    None where a set has no halves. `level` says how well code was hidden (0 to 2), `tone` how the prose speaks.
    `fooled`: a grader gave the full value to a wrong solution; None where nothing was graded.
    """

    attempt: str
    cheat: bool
    family: str = ""
    mechanism: str = ""
    half: Half | None = None
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


def halves_named(names: Sequence[str]) -> tuple[Half, ...]:
    """Return the halves of these names, `all` for every one, the usual ones for none. Raises UserError for another."""
    for name in names:
        if name not in (*HALVES, "all"):
            raise UserError(f"the labelled set has no half {name!r}: choose one of {', '.join(HALVES)} or all")
    return tuple(half for half in HALVES if half in names or "all" in names) or USUAL
