"""What a trial's analysis reads: a row an item that has a time, from a register or from anybody's CSV."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import UserError
from assay.experiments.trial.register import Register

# The columns of the public trial of 2025, and ours.
_TREATED = ("treated", "treatment", "ai_treatment", "condition")
_FORECAST = ("forecast", "predicted_time_no_ai")
_PERSON = ("person", "dev_id", "developer")
_TIMES = (("minutes",), ("initial_implementation_time", "post_review_implementation_time"))
_FEW = 2


@dataclass(frozen=True)
class Row:
    """An item. `times` are the parts of its time in minutes, NaN where missing; `ended` says how, if it is not done."""

    place: str
    treated: bool
    times: tuple[float, ...]
    forecast: float
    person: str
    parallel: bool = False
    ended: str = ""


def rows_of_register(register: Register) -> list[Row]:
    """Return a row for every planned item; one that has no time says how it ended."""
    treatment = register.conditions[1]
    items = register.items().values()
    reviewed = any(item.review is not None for item in items)
    rows = []
    for item in items:
        ended = "" if item.done else item.state
        parts = (item.minutes, math.nan if item.review is None else item.review) if reviewed else (item.minutes,)
        forecast = item.forecast if item.forecast is not None else math.nan
        rows.append(Row(item.name, item.condition == treatment, parts, forecast, item.person, item.parallel, ended))
    return rows


def rows_of_csv(
    path: Path, *, treatment: str = "", times: Sequence[str] = (), forecast: str = "", person: str = ""
) -> list[Row]:
    """Return the rows of a CSV; columns that are not named are looked for under their usual names.

    Raises UserError for columns that are missing and for values that are no numbers, with the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            names = list(table.fieldnames or ())
            treated = _column(path, names, treatment, _TREATED, "treatment")
            predicted = _column(path, names, forecast, _FORECAST, "forecast", needed=False)
            who = _column(path, names, person, _PERSON, "person", needed=False)
            parts = _parts(path, names, times)
            rows = []
            for row in table:
                place = f"line {table.line_num}"
                if None in row or None in row.values():
                    raise UserError(f"{path}: {place} has another number of fields than the head")
                rows.append(
                    Row(
                        place,
                        _arm(path, place, row[treated]),
                        tuple(_number(path, place, name, row[name]) for name in parts),
                        _number(path, place, predicted, row[predicted]) if predicted else math.nan,
                        (row[who] or "").strip() if who else "",
                    )
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8") from error
    if not rows:
        raise UserError(f"{path} has no rows: give a row an item")
    return rows


def _column(
    path: Path, names: Sequence[str], asked: str, known: Sequence[str], what: str, *, needed: bool = True
) -> str:
    if asked:
        if asked not in names:
            raise UserError(f"{path} has no column {asked!r}: it has {', '.join(names)}")
        return asked
    there = [name for name in known if name in names]
    if len(there) >= _FEW:
        raise UserError(f"{path}: {' and '.join(there)} could both be the {what}: name one with --{what}")
    if not there and needed:
        raise UserError(
            f"{path} has no column that is known as the {what}: name it with --{what}, of {', '.join(names)}"
        )
    return there[0] if there else ""


def _parts(path: Path, names: Sequence[str], asked: Sequence[str]) -> Sequence[str]:
    if asked:
        for name in asked:
            _column(path, names, name, (), "time")
        return asked
    for known in _TIMES:
        if known[0] in names:
            return [name for name in known if name in names]
    raise UserError(f"{path} has no column that is known as a time: name it with --time, of {', '.join(names)}")


def _arm(path: Path, place: str, word: str | None) -> bool:
    said = (word or "").strip().lower()
    if said in ("1", "1.0", "true", "yes", "with", "treatment", "treated"):
        return True
    if said in ("0", "0.0", "false", "no", "without", "control"):
        return False
    raise UserError(f"{path}: {place} has the treatment {word!r}: write 1 or 0, with or without")


def _number(path: Path, place: str, name: str, word: str | None) -> float:
    said = (word or "").strip()
    if said.lower() in ("", "na", "nan"):
        return math.nan
    try:
        return float(said)
    except ValueError:
        raise UserError(f"{path}: {place} has {word!r} in the column {name}: write a number, or nothing") from None
