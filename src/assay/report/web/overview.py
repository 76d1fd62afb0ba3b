"""The overview of a run and the list of runs: what was planned and how it ended, the curves, what the audit found."""

from collections import Counter
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.browse import UNFINISHED, Coverage
from assay.nouns import Status
from assay.report import tables, words
from assay.report.measures import Measures
from assay.report.record import Record
from assay.report.web.curves import HEIGHT, WIDTH, Panel, curves
from assay.report.web.measured import Measured, status_words
from assay.report.web.runs import Run

_WAIT_S = 3.0  # that a page waits for the intervals before it says that they are being made
_MECHANISMS = 8
_ROWS = 400


@dataclass(frozen=True)
class Ending:
    """How many attempts of a row ended with a status, and where its piece of the bar lies, in percent."""

    status: str
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class Group:
    """An arm at a dose: what was planned of it and how it ended."""

    arm: str
    dose: int
    planned: int
    recorded: int
    endings: tuple[Ending, ...]

    def of(self, status: str) -> int:
        """How many ended so."""
        return next((each.count for each in self.endings if each.status == status), 0)


@dataclass(frozen=True)
class Listed:
    """A run in the list of runs; `broken` says why it cannot be read."""

    run: Run
    question: str = ""
    arms: tuple[str, ...] = ()
    total: Group | None = None
    broken: str = ""


def statuses(cells: tuple[Coverage, ...]) -> tuple[str, ...]:
    """Return the statuses that occur, in their usual order, those without a final row last."""
    seen = {cell.status for cell in cells}
    return tuple(s for s in (*status_words(), UNFINISHED) if (None if s == UNFINISHED else s) in seen)


def groups(cells: tuple[Coverage, ...], arms: tuple[str, ...]) -> list[Group]:
    """Return a row for each arm and dose, in the arms' order."""
    held: dict[tuple[str, int], Counter[str]] = {}
    for cell in cells:
        held.setdefault((cell.arm, cell.dose), Counter())[cell.status or UNFINISHED] += cell.count
    order = {arm: n for n, arm in enumerate(arms)}
    keys = sorted(held, key=lambda key: (order.get(key[0], len(order)), key[0], key[1]))
    return [_group(arm, dose, held[arm, dose]) for arm, dose in keys]


def _group(arm: str, dose: int, ended: Counter[str]) -> Group:
    planned = ended.total()
    endings = []
    start = 0.0
    for status in (*status_words(), UNFINISHED):
        if ended[status]:
            width = 100 * ended[status] / planned
            endings.append(Ending(status, ended[status], round(start, 3), round(width, 3)))
            start += width
    return Group(arm, dose, planned, planned - ended[UNFINISHED], tuple(endings))


def listed(run: Run) -> Listed:
    """Return a run as the list of runs shows it; one that cannot be read says why."""
    try:
        cells = run.coverage()
        experiment = run.experiment()
    except UserError as error:
        return Listed(run, broken=str(error))
    every: Counter[str] = Counter()
    for cell in cells:
        every[cell.status or UNFINISHED] += cell.count
    arms = tuple(dict.fromkeys(cell.arm for cell in cells))
    return Listed(run, str(experiment.get("question") or ""), arms, _group("all", 0, every))


def overview(run: Run, made: Future[Measured] | None, report: Path | None) -> dict[str, Any]:
    """Return the context of a run's overview; `made` are the measures, waited for a moment, None for none."""
    cells = run.coverage()
    experiment = run.experiment()
    named = [arm.get("name") for arm in experiment.get("arms") or () if isinstance(arm, dict)]
    arms = tuple(dict.fromkeys([str(name) for name in named] + [cell.arm for cell in cells]))
    every = groups(cells, arms)
    planned, recorded = sum(group.planned for group in every), sum(group.recorded for group in every)
    found = run.findings()
    context: dict[str, Any] = {
        "question": str(experiment.get("question") or ""),
        "experiment": str(experiment.get("name") or run.name),
        "scale": experiment.get("scale"),
        "planned": planned,
        "recorded": recorded,
        "seeds": sorted({cell.seed for cell in cells}),
        "statuses": statuses(cells),
        "groups": every[:_ROWS],
        "more_groups": max(0, len(every) - _ROWS),
        "several_doses": len({group.dose for group in every}) > 1,
        "report": report is not None,
        "mechanisms": found.mechanisms.most_common(_MECHANISMS),
        "found": found,
        "waiting": False,
        "panels": (),
        "answers": (),
        "cautions": (),
        "differences": None,
        "cheats": None,
        "width": WIDTH,
        "height": HEIGHT,
    }
    if made is not None and planned:
        try:
            context |= _measured(made.result(timeout=_WAIT_S))
        except NotYet:
            context["waiting"] = True
    return context


def _measured(found: Measured) -> dict[str, Any]:
    record, measures = found.record, found.measures
    if measures is None:
        return {}
    panels: tuple[Panel, ...] = curves(record, measures)
    return {
        "panels": panels,
        "arms": tuple(dict.fromkeys(line.arm for panel in panels for line in panel.lines)),
        "looks": {line.arm: line for panel in panels for line in panel.lines},
        "answers": words.answers(record, measures) if _is_scaling(record) else (),
        "cautions": words.cautions(record, measures) if _is_scaling(record) else _cautions(record),
        "differences": _differences(record, measures),
        "cheats": found_cheats if (found_cheats := tables.cheats(measures)).rows else None,
        "methods": sorted({mean.method for mean in measures.means.values() if mean.known}),
    }


def _cautions(record: Record) -> list[str]:
    """Return what to know of a run that trained nothing."""
    said = []
    if record.missing:
        said.append(f"{record.missing:,} of {record.planned:,} planned attempts have no result yet.")
    ended = record.statuses()
    if ended[Status.MACHINERY]:
        said.append(f"{words.count(ended[Status.MACHINERY], 'attempt')} failed on our side: no score, in no rate.")
    if ended[Status.CHEATED]:
        said.append(f"{words.count(ended[Status.CHEATED], 'attempt')} cheated; they count as failures.")
    return said


def _is_scaling(record: Record) -> bool:
    return bool(record.experiment) and record.top is not None


def _differences(record: Record, measures: Measures) -> tables.Table | None:
    found = tables.pair_differences(record, measures, at_top=True) if measures.differences else None
    return found if found is not None and found.rows else None
