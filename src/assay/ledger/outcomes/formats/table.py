"""Outcomes in a CSV: a row an attempt, with the columns task and outcome, and trial, seed, arm, cluster, cheated."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assay.errors import UserError
from assay.ledger.outcomes.arms import Arm, Score, arm

WHAT = "a CSV with the columns task and outcome (and trial, seed, arm, cluster, cheated)"
_NAMES = {
    "task": ("task", "task_id", "instance_id", "instance", "problem"),
    "outcome": ("outcome", "resolved", "passed", "solved", "score", "value"),
    "trial": ("trial", "attempt", "epoch", "sample"),
    "seed": ("seed", "run"),
    "arm": ("arm", "model", "system", "agent"),
    "cluster": ("cluster", "repository", "repo"),
    "cheated": ("cheated", "cheat"),
}
_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "pass", "passed", "resolved", "solved", "c", "correct"), 1.0),
    **dict.fromkeys(("0", "false", "no", "fail", "failed", "unresolved", "i", "incorrect"), 0.0),
    **dict.fromkeys(("", "nan", "na", "none", "null", "invalid", "error", "machinery"), math.nan),
}


def holds(path: Path) -> bool:
    """Whether the name says that it is such a table."""
    return path.is_file() and path.suffix.lower() in (".csv", ".tsv")


def read(path: Path) -> list[Arm]:
    """Return an arm for each name in the column `arm`, or one by the file's name.

    Without a column `trial`, rows of one task (and seed) are its trials in their order. Raises UserError, with the
    line, for what cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            columns = _columns(path, rows.fieldnames or ())
            notes = _ignored(rows.fieldnames or (), columns)
            by_arm: dict[str, list[tuple[str, Score]]] = defaultdict(list)
            for name, place, score in _scores(path, rows, columns):
                by_arm[name or path.stem].append((place, score))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UserError(f"{path} cannot be read as a table of text ({error}): save it as CSV in UTF-8") from error
    if not by_arm:
        raise UserError(f"{path} has no rows: give a row an attempt, with {', '.join(columns.values())}")
    return [arm(name, str(path), scores, notes=notes, paired=True) for name, scores in by_arm.items()]


def _columns(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return our name -> the table's, for the columns that are there."""
    lower = {name.strip().lower(): name for name in names if name}
    if len(lower) < len([name for name in names if name]):
        raise UserError(f"{path}: two columns have one name: {', '.join(names)}")
    found = {}
    for ours, known in _NAMES.items():
        there = [lower[name] for name in known if name in lower]
        if len(there) > 1:
            raise UserError(f"{path}: the columns {' and '.join(there)} both say the {ours}: keep one")
        if there:
            found[ours] = there[0]
    for needed in ("task", "outcome"):
        if needed not in found:
            raise UserError(
                f"{path} has no column for the {needed} (one of {', '.join(_NAMES[needed])}): it has "
                f"{', '.join(name for name in names if name) or 'none'}"
            )
    return found


def _ignored(names: Sequence[str], columns: Mapping[str, str]) -> tuple[str, ...]:
    left = [name for name in names if name and name not in columns.values()]
    return (f"the columns {', '.join(left)} were not used",) if left else ()


def _scores(path: Path, rows: csv.DictReader, columns: Mapping[str, str]) -> Iterator[tuple[str, str, Score]]:
    counted: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        place = f"line {rows.line_num}"
        if None in row or None in row.values():
            raise UserError(f"{path}: {place} has another number of fields than the head")
        said = {ours: row[name].strip() for ours, name in columns.items()}
        if not said["task"]:
            raise UserError(f"{path}: {place} names no task")
        key = (said.get("arm", ""), said.get("seed", ""), said["task"])
        trial = _whole(path, place, said["trial"]) if "trial" in columns else counted[key]
        counted[key] += 1
        cheated = _value(path, place, "cheated", said.get("cheated", "0") or "0") == 1.0
        value = _value(path, place, "outcome", said["outcome"])
        score = Score(said["task"], value, said.get("seed", ""), trial, cheated, said.get("cluster", ""))
        yield said.get("arm", ""), place, score


def _value(path: Path, place: str, what: str, word: str) -> float:
    known = _WORDS.get(word.lower())
    if known is not None:
        return known
    try:
        return float(word)
    except ValueError:
        raise UserError(
            f"{path}: {place} has the {what} {word!r}: write a number in [0, 1], true, false, or nothing for invalid"
        ) from None


def _whole(path: Path, place: str, word: str) -> int:
    # Of digits only: int() reads "1_0" and "-1" too, and refuses thousands of digits with words of its own.
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise UserError(f"{path}: {place} has the trial {word[:40]!r}: number trials 0, 1, 2")
    return int(word)
