"""Every number of the report with its interval: pass rates, differences, floors, conduct, cheats, coverage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.nouns import Status
from assay.report.record import NOT_PLANNED, Cell, Record
from assay.statistics import Interval, PairedDifference, Verdict, decide, holm, mean_interval, paired_difference

# The draws of every bootstrap start here, so that the same ledger gives the same page.
_SEED = 0

Key = TypeVar("Key")


@dataclass(frozen=True)
class Comparison:
    """The difference of two cells on one split. `p_holm` is p after Holm's correction within its table."""

    a: str
    b: str
    dose: int
    split: str
    difference: PairedDifference
    verdict: Verdict
    p_holm: float
    coverage: str  # in words, where the two differ in coverage or something is left out; else empty


@dataclass(frozen=True)
class Measures:
    """The numbers behind the page. Keys: (arm, dose, split), (a, b, dose, split), (arm, split), (arm, dose)."""

    means: Mapping[tuple[str, int, str], Interval]
    differences: Mapping[tuple[str, str, int, str], Comparison]
    floors: Mapping[tuple[str, str], Comparison]
    test_only: Mapping[tuple[str, int], Interval]
    empty: Mapping[tuple[str, int], Interval]
    cheats: Mapping[tuple[str, str], tuple[Interval, ...]]  # rate; pass rate as failure, removed, as success


def measure(record: Record) -> Measures:
    """Compute all numbers of the report."""
    cells, top = record.cells, record.top
    means = {key: mean_interval(cell.scores(), seed=_SEED) for key, cell in cells.items()}
    differences: dict[tuple[str, str, int, str], Comparison] = {}
    for a, b in record.pairs:
        for dose in record.doses:
            found = {
                (a, b, dose, split): _compare(record, (a, dose), (b, dose), split)
                for split in record.splits
                if (a, dose, split) in cells and (b, dose, split) in cells
            }
            differences |= _corrected(found)
    floors = {}
    if top:
        floors = {
            (arm, split): _compare(record, (arm, top), (arm, 0), split)
            for arm in record.arms
            for split in record.splits
            if (arm, top, split) in cells and (arm, 0, split) in cells
        }
    groups = {(arm, dose) for arm, dose, _ in cells}
    test_only = {group: _share(record, group, lambda cell: cell.test_only_STK) for group in groups}
    empty = {group: _share(record, group, lambda cell: cell.is_status(Status.EMPTY)) for group in groups}
    cheats = {
        (arm, split): _three_figures(cell)
        for (arm, dose, split), cell in cells.items()
        if dose == top and cell.count(Status.CHEATED)
    }
    return Measures(means, differences, _corrected(floors), test_only, empty, cheats)


def _compare(record: Record, a: tuple[str, int], b: tuple[str, int], split: str) -> Comparison:
    cell_a, cell_b = record.cells[(*a, split)], record.cells[(*b, split)]
    rows_a, rows_b = ((cell.status_STK != NOT_PLANNED).any(axis=(1, 2)) for cell in (cell_a, cell_b))
    # Runs with the same seed read the same data in the same order: they are pairs. Where an arm was planned
    # with other seeds (a floor that was sampled once, say), each side's seeds stand for themselves.
    matched = bool(np.array_equal(rows_a, rows_b))
    difference = paired_difference(cell_a.scores()[rows_a], cell_b.scores()[rows_b], matched=matched, seed=_SEED)
    verdict = decide(difference, record.margin)
    return Comparison(
        a[0], b[0], a[1], split, difference, verdict, difference.p, _coverage_words(a, b, cell_a, cell_b, difference)
    )


def _coverage_words(
    a: tuple[str, int], b: tuple[str, int], cell_a: Cell, cell_b: Cell, difference: PairedDifference
) -> str:
    if cell_a.valid == cell_a.planned == cell_b.planned == cell_b.valid and difference.matched:
        return ""
    names = [f"{arm} at {dose:,}" if a[0] == b[0] else arm for arm, dose in (a, b)]
    sides = " and ".join(
        f"{cell.valid:,} of {cell.planned:,} for {name}" for name, cell in zip(names, (cell_a, cell_b), strict=True)
    )
    differs = cell_a.valid * cell_b.planned != cell_b.valid * cell_a.planned or cell_a.planned != cell_b.planned
    kind = "pairs of attempts" if difference.matched else "tasks, the seeds being unlike"
    start = "Coverage differs" if differs else "Coverage is not full"
    return f"{start}: {sides} have a score; compared are the {difference.interval.n:,} {kind} that both have."


def _corrected(family: dict[Key, Comparison]) -> dict[Key, Comparison]:
    """Holm's correction over the comparisons that stand in one table."""
    adjusted = holm([comparison.difference.p for comparison in family.values()])
    return {
        key: replace(comparison, p_holm=float(p)) for (key, comparison), p in zip(family.items(), adjusted, strict=True)
    }


def _share(record: Record, group: tuple[str, int], hit: Callable[[Cell], NDArray[np.bool_]]) -> Interval:
    """The share of an arm's attempts at one dose, over all splits; tasks of all splits side by side."""
    marks = [
        cell.marks(hit(cell)) for split in record.splits if (cell := record.cells.get((*group, split))) is not None
    ]
    return mean_interval(np.concatenate(marks, axis=1), seed=_SEED)


def _three_figures(cell: Cell) -> tuple[Interval, ...]:
    rate = mean_interval(cell.marks(cell.is_status(Status.CHEATED)), seed=_SEED)
    return (rate, *(mean_interval(cell.scores(cheat), seed=_SEED) for cheat in (0.0, np.nan, 1.0)))
