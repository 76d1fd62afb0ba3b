"""The register of a trial: a file of JSON lines that only grows, from the drawn plan to the last stop.

A condition is told only after a forecast was given: a forecast made knowing it would measure hope. Conditions are drawn
within each person, half of the items to each and the odd one by chance, from a stored seed.
"""

import csv
import fcntl
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.errors import UserError

CONDITIONS = ("without", "with")  # the second is the treatment
_SCHEMA = 1
# What may follow what; an item's state is its last event.
_AFTER = {
    "forecast": ("planned",),
    "start": ("forecast",),
    "pause": ("start", "resume"),
    "resume": ("pause",),
    "stop": ("start", "resume", "pause"),
    "review": ("stop",),
    "refuse": ("planned", "forecast", "start", "resume", "pause"),
    "withhold": ("planned", "forecast", "start", "resume", "pause"),
}
EVENTS = tuple(_AFTER)


@dataclass
class Item:
    """One work item and what became of it. `minutes` are those worked, pauses left out, `review` those after it."""

    name: str
    person: str
    condition: str
    state: str = "planned"
    forecast: float | None = None
    minutes: float = 0.0
    review: float | None = None
    parallel: bool = False
    why: str = ""
    since: datetime | None = field(default=None, repr=False)

    @property
    def done(self) -> bool:
        """Whether it has a time."""
        return self.state in ("stop", "review")


class Register:
    """The register at `path`. Every change is one line, written under a lock and synced before it is answered."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self._now = now

    @classmethod
    def planned(cls, path: Path, items: Sequence[tuple[str, str]], seed: int, conditions: Sequence[str]) -> "Register":
        """Draw the conditions of (item, person) pairs and write a new register. Raises UserError where one is there."""
        _check(items, conditions)
        drawn = _drawn(items, seed, conditions)
        head = {"schema": _SCHEMA, "seed": seed, "conditions": list(conditions)}
        rows = [
            {"event": "planned", "item": i, "person": p, "condition": c} for (i, p), c in zip(items, drawn, strict=True)
        ]
        text = "".join(json.dumps(row) + "\n" for row in [head, *rows])
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise UserError(f"{path} is there already, and a plan is drawn once: name another --out") from None
        except OSError as error:
            path.unlink(missing_ok=True)
            raise UserError(f"the register {path} cannot be written ({error}): free space or name another") from error
        return cls(path)

    @property
    def conditions(self) -> tuple[str, str]:
        """The two conditions, the treatment second."""
        first, second = self._rows()[0]["conditions"]
        return str(first), str(second)

    def items(self) -> dict[str, Item]:
        """Return the items as they stand. Raises UserError for a file that is no register, with the line."""
        items: dict[str, Item] = {}
        for number, row in enumerate(self._rows()[1:], 2):
            try:
                if row["event"] == "planned":
                    items[row["item"]] = Item(row["item"], row["person"], row["condition"])
                else:
                    _apply(items[row["item"]], row)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{self.path}: line {number} is no entry of a register ({error})") from error
        return items

    def record(
        self, item: str, event: str, *, minutes: float | None = None, parallel: bool = False, why: str = ""
    ) -> Item:
        """Write an event down and return the item after it. Raises UserError for one that cannot follow."""
        if event not in _AFTER:
            raise UserError(f"{event!r} is no event: say one of {', '.join(EVENTS)}")
        if (event in ("forecast", "review")) != (minutes is not None):
            raise UserError(f"{event} {'needs the minutes' if minutes is None else 'takes no minutes'}")
        if minutes is not None and not (minutes > 0 or (event == "review" and minutes == 0)):
            raise UserError(f"{minutes:g} minutes cannot be: a forecast is above 0, and a review not below")
        if event in ("refuse", "withhold") and not why.strip():
            raise UserError(f"say why with --why: a trial whose {event}s have no reason cannot be read")
        try:
            with self.path.open("r+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                found = self.items()
                if item not in found:
                    raise UserError(f"{self.path} has no item {item!r}: it has {', '.join(list(found)[:5])} and so on")
                known = found[item]
                if known.state not in _AFTER[event]:
                    raise UserError(f"{event} cannot come after {known.state} (item {item}): {_remedy(known)}")
                row: dict[str, Any] = {"event": event, "item": item, "at": self._now().isoformat()}
                row |= {"minutes": minutes} if minutes is not None else {}
                row |= {"parallel": True} if parallel else {}
                row |= {"why": why} if why else {}
                file.seek(0, os.SEEK_END)
                if end := _cut(self.path.read_bytes()):
                    file.truncate(end)
                    file.seek(0, os.SEEK_END)
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(
                f"the register {self.path} cannot be written ({error}): mend that and say it again"
            ) from error
        _apply(known, row)
        return known

    def _rows(self) -> list[dict[str, Any]]:
        try:
            data = self.path.read_bytes()
            lines = data[: _cut(data) or len(data)].decode("utf-8").splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
            ours = bool(rows) and rows[0].get("schema") == _SCHEMA and len(rows[0]["conditions"]) == 2
        except (OSError, ValueError, AttributeError, KeyError) as error:
            raise UserError(
                f"{self.path} cannot be read as a trial's register ({error}): make one by `assay trial plan`"
            ) from error
        if not ours:
            raise UserError(f"{self.path} is no register of a trial: make one by `assay trial plan`")
        return rows


def _cut(data: bytes) -> int:
    """Return where a last line begins that was cut as its writer ended, 0 where none was.

    Nobody was told that such a line stands. A last line without its end that is whole JSON was edited by hand, and
    counts.
    """
    end = data.rfind(b"\n") + 1
    try:
        json.loads(data[end:] or b"{}")
    except ValueError:
        return end
    return 0


def _apply(item: Item, row: dict[str, Any]) -> None:
    event = row["event"]
    at = datetime.fromisoformat(row["at"])
    if event in ("start", "resume"):
        item.since = at
    elif item.since is not None and event in ("pause", "stop", "refuse", "withhold"):
        item.minutes += (at - item.since).total_seconds() / 60
        item.since = None
    if event == "forecast":
        item.forecast = float(row["minutes"])
    elif event == "review":
        item.review = float(row["minutes"])
    item.parallel = item.parallel or bool(row.get("parallel"))
    item.why = row.get("why", item.why)
    item.state = event


def _remedy(item: Item) -> str:
    next_ = [event for event, before in _AFTER.items() if item.state in before]
    return f"what can come now is {', '.join(next_)}" if next_ else "nothing more can be said of it"


def _check(items: Sequence[tuple[str, str]], conditions: Sequence[str]) -> None:
    if len(conditions) != 2 or conditions[0] == conditions[1] or not all(conditions):
        raise UserError(
            f"a trial has two conditions, not {', '.join(conditions) or 'none'}: the second is the treatment"
        )
    names = [name for name, _ in items]
    doubled = sorted(name for name, count in Counter(names).items() if count > 1)
    if doubled:
        raise UserError(f"the item {doubled[0]!r} is listed {names.count(doubled[0])} times: give each its own name")
    if len(items) < 2:
        raise UserError(f"a trial of {len(items)} items draws nothing: list more")


def _drawn(items: Sequence[tuple[str, str]], seed: int, conditions: Sequence[str]) -> list[str]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, (_, person) in enumerate(items):
        places[person].append(place)
    drawn = [""] * len(items)
    for person in sorted(places):
        chance = random.Random(f"{seed}:{person}")
        mine = places[person]
        turns = [conditions[number % 2] for number in range(len(mine))]
        if len(mine) % 2:
            turns[-1] = chance.choice(list(conditions))
        chance.shuffle(turns)
        for place, condition in zip(mine, turns, strict=True):
            drawn[place] = condition
    return drawn


def read_items(path: Path) -> list[tuple[str, str]]:
    """Return (item, person) of a CSV with the column `item` and perhaps `person`. Raises UserError with the line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if "item" not in (rows.fieldnames or ()):
                raise UserError(f"{path} has no column `item`: give one, and `person` where several take part")
            found = []
            for row in rows:
                name = (row["item"] or "").strip()
                if not name:
                    raise UserError(f"{path}: line {rows.line_num} names no item")
                found.append((name, (row.get("person") or "").strip()))
            return found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a list of items ({error}): save it as CSV in UTF-8") from error
