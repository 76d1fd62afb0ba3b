"""The tables of results, as rows of text: pass rates, differences, floors, cheats, coverage, endings, conduct."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.stats import norm

from assay.nouns import Status
from assay.report.measures import Comparison, Measures
from assay.report.record import Record
from assay.report.words import between, finding, p_value, percent, points, seed_list
from assay.statistics import Interval

# A difference is found with 80 % power at this many standard errors.
_DETECTABLE = float(norm.ppf(0.975) + norm.ppf(0.8))


_NUMBER = re.compile(r"[\[<]?\s*[+−]?\d|[·—]$|not recorded$|no valid attempt$")


@dataclass(frozen=True)
class Table:
    """A table: `rows` of text under `head`; `numbers` says which columns hold numbers and so line up right."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str
    numbers: tuple[bool, ...]


def table(name: str, head: Iterable[str], rows: Iterable[Iterable[str]], note: str = "") -> Table:
    """Return a table; with no row the page says that nothing was recorded.

    A last column `method` that says the same in every row becomes a note.
    """
    heads, lines = tuple(head), tuple(tuple(row) for row in rows)
    if heads[-1] == "method" and len({line[-1] for line in lines}) == 1:
        note = f"Intervals: {lines[0][-1]}. {note}".rstrip()
        heads, lines = heads[:-1], tuple(line[:-1] for line in lines)
    numbers = tuple(all(_NUMBER.match(cell) for cell in column) for column in zip(*lines, strict=True))
    return Table(name, heads, lines, note, numbers or (False,) * len(heads))


def dose_name(dose: int) -> str:
    """Return a dose as the tables write it."""
    return f"{dose:,}" if dose else "0 (floor)"


def _of(interval: Interval) -> tuple[str, str, str, str]:
    return percent(interval.estimate), between(interval), f"{interval.n:,}", interval.method


def top_dose(record: Record, measures: Measures) -> Table:
    """Pass rates at the top dose."""
    rows = [
        (split, arm, *_of(mean)[:2], _of(mean)[2], f"{len(record.sets[split].tasks):,}", seed_list(record), mean.method)
        for split in record.splits
        for arm in record.arms
        if record.top is not None and (mean := measures.means.get((arm, record.top, split))) is not None
    ]
    head = ("split", "arm", "pass@1", "95 % interval", "n attempts", "tasks", "seeds", "method")
    name = "Pass rates at the top dose" if record.top is None else f"Pass rates at the top dose ({record.top:,})"
    return table(name, head, rows)


def all_doses(record: Record, measures: Measures) -> Table:
    """Pass rates everywhere: the numbers behind the first figure."""
    rows = [
        (split, arm, dose_name(dose), *_of(measures.means[arm, dose, split]))
        for split in record.splits
        for arm in record.arms
        for dose in record.doses
        if (arm, dose, split) in measures.means
    ]
    head = ("split", "arm", "dose", "pass@1", "95 % interval", "n attempts", "method")
    return table(f"Pass rates at every dose, seeds {seed_list(record)}", head, rows)


def _comparison(c: Comparison) -> tuple[str, ...]:
    d = c.difference
    return (
        points(d.interval.estimate),
        between(d.interval, points),
        between(d.inner, points),
        p_value(c.p_holm),
        points(_DETECTABLE * d.standard_error).lstrip("+"),
        f"{d.interval.n:,}",
        f"{d.tasks:,}",
        d.interval.method,
    )


_COMPARED = (
    "points", "95 % interval", "90 % interval", "p (Holm)", "detectable", "n pairs", "tasks", "method",
)  # fmt: skip
_NOTE = (
    "Paired: the same tasks and, where seeds match, the same seeds. p is corrected by Holm for the comparisons "
    "of its dose. Detectable: the true difference that a design with this much noise finds with 80 % power."
)


_FLOOR_NOTE = (
    "Paired with the same arm at dose 0. Yes: the 95 % interval lies above zero. p is corrected by Holm for the whole "
    "table, the intervals are not."
)


def pair_differences(record: Record, measures: Measures, at_top: bool) -> Table:
    """Differences of the pairs of arms, at the top dose or at every dose."""
    rows = [
        (
            split,
            f"{a} minus {b}",
            *(() if at_top else (dose_name(dose),)),
            finding(c.verdict, record.margin),
            *_comparison(c),
        )
        for (a, b, dose, split), c in measures.differences.items()
        if not at_top or dose == record.top
    ]
    gaps = [
        f"{c.a} minus {c.b} on {c.split} at {dose_name(c.dose)}: {c.coverage}"
        for c in measures.differences.values()
        if c.coverage and (not at_top or c.dose == record.top)
    ]
    head = ("split", "difference", *(() if at_top else ("dose",)), "finding", *_COMPARED)
    name = "Differences at every dose"
    if at_top and record.top is not None:
        name = f"Differences at the top dose ({record.top:,})"
    return table(f"{name}, seeds {seed_list(record)}", head, rows, " ".join([_NOTE, *gaps]))


def floors(record: Record, measures: Measures) -> Table:
    """Each arm minus its own untrained floor, at the top dose."""
    rows = [
        (split, arm, _floor_finding(c), *_comparison(c))
        for split in record.splits
        for arm in record.arms
        if (c := measures.floors.get((arm, split))) is not None
    ]
    gaps = [f"{c.a} on {c.split}: {c.coverage}" for c in measures.floors.values() if c.coverage]
    note = " ".join([_FLOOR_NOTE, *gaps])
    name = f"Top dose minus the arm's own floor, seeds {seed_list(record)}"
    return table(name, ("split", "arm", "above its floor?", *_COMPARED), rows, note)


def _floor_finding(c: Comparison) -> str:
    interval = c.difference.interval
    if not interval.known:
        return "unknown"
    return ("yes" if interval.low > 0 else "below it") if interval.excludes_zero else "not shown"


def cheats(measures: Measures) -> Table:
    """Pass rates with cheats as failure, removed and as success."""
    rows = [
        (split, arm, *(f"{percent(i.estimate)} {between(i)}" for i in figures), f"{figures[0].n:,}")
        for (arm, split), figures in sorted(measures.cheats.items())
    ]
    head = ("split", "arm", "rate of cheats", "as failure", "removed", "as success", "n attempts")
    return table("Cheats at the top dose: three figures", head, rows)


def coverage(record: Record) -> Table:
    """How many planned attempts have a score, by arm, dose and split."""
    rows = []
    for arm in record.arms:
        for dose in record.doses:
            cells = [record.cells.get((arm, dose, split)) for split in record.splits]
            full = all(cell is None or cell.valid == cell.planned for cell in cells)
            shown = ("not planned" if c is None else f"{c.valid:,} of {c.planned:,}" for c in cells)
            if any(cells):
                rows.append((arm, dose_name(dose), *shown, "full" if full else "not full"))
    head = ("arm", "dose", *record.splits, "coverage")
    note = "Attempts with a score, of those planned. Without one: not recorded, or failed on our side (machinery)."
    return table("Coverage", head, rows, note)


def statuses(record: Record) -> Table:
    """How every planned attempt ended, by arm and dose; the last row is the whole run."""

    def line(names: tuple[str, str], keys: list[tuple[str, int, str]]) -> tuple[str, ...]:
        cells = [record.cells[key] for key in keys]
        ends = (sum(cell.count(status) for cell in cells) for status in Status)
        return (
            *names,
            *(f"{n:,}" if n else "·" for n in ends),
            f"{sum(c.missing for c in cells) or '·'}",
            f"{sum(c.planned for c in cells):,}",
        )

    groups = [(arm, dose) for arm in record.arms for dose in record.doses]
    held = {group: [key for key in record.cells if key[:2] == group] for group in groups}
    rows = [line((arm, dose_name(dose)), held[arm, dose]) for arm, dose in groups if held[arm, dose]]
    rows.append(line(("all", "—"), list(record.cells)))
    head = ("arm", "dose", *(status.value for status in Status), "not recorded", "planned")
    return table("How every planned attempt ended", head, rows, "Each row adds up to its last column.")


def sets(record: Record) -> Table:
    """The fixed instance sets."""
    rows = [(s.split, f"{len(s.tasks):,}", f"{s.families:,}", s.hash[:16]) for s in record.sets.values()]
    note = "The hash is of all tasks of the set, oracles included; every arm and dose meets the same ones."
    return table("Instance sets", ("split", "tasks", "families", "SHA-256 (start)"), rows, note)


def conduct(record: Record, measures: Measures) -> Table:
    """Shares of test-only edits and of empty submissions."""
    rows = [
        (arm, dose_name(dose), *_of(measures.test_only[arm, dose])[:2], *_of(measures.empty[arm, dose]))
        for arm in record.arms
        for dose in record.doses
        if (arm, dose) in measures.test_only
    ]
    head = (
        "arm", "dose", "test-only edits", "95 % interval", "empty submissions", "95 % interval", "n attempts", "method",
    )  # fmt: skip
    note = (
        "All splits together. Test-only: files were changed or made, but none that is asked for (new tests, say). "
        "Empty: the attempt ended with every file that is asked for unchanged."
    )
    return table(f"Conduct, seeds {seed_list(record)}", head, rows, note)
