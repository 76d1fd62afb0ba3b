"""The list of attempts: a filter from a query, one page of rows by position, what the filter could be."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import UserError
from assay.ledger.browse import Coverage, Filter, Row
from assay.ledger.reading import LedgerReader
from assay.report.web.overview import statuses
from assay.report.web.runs import Run

PAGE = 50
_WORD_CHARS = 200
_MOST_CHOICES = 200


@dataclass(frozen=True)
class Wanted:
    """A filter as a query gives it, and the query's own words for links."""

    filter: Filter
    query: Mapping[str, Any]

    @property
    def any(self) -> bool:
        """Whether anything is filtered."""
        return self.filter != Filter()


def wanted(values: Mapping[str, Sequence[str]]) -> Wanted:
    """Return the filter of a query. Raises UserError where a number is none."""

    def words(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word[:_WORD_CHARS] for word in values.get(name, ()) if word))[:_MOST_CHOICES]

    def numbers(name: str) -> tuple[int, ...]:
        try:
            return tuple(number(word) for word in words(name))
        except ValueError:
            raise UserError(
                f"{name} is a whole number in a list's address: mend it, or start from all attempts"
            ) from None

    flagged = {"yes": True, "no": False}.get((words("flagged") or ("",))[0])
    one = {name: (words(name) or ("",))[0] for name in ("task", "text")}
    found = Filter(
        arms=words("arm"),
        statuses=words("status"),
        splits=words("split"),
        seeds=numbers("seed"),
        doses=numbers("dose"),
        flagged=flagged,
        **one,
    )
    query = {
        "arm": found.arms,
        "status": found.statuses,
        "split": found.splits,
        "seed": found.seeds,
        "dose": found.doses,
        "flagged": "" if flagged is None else ("yes" if flagged else "no"),
        **one,
    }
    return Wanted(found, query)


def number(word: str) -> int:
    """Return a whole number that SQLite can hold. Raises ValueError."""
    found = int(word)
    if abs(found) > 2**62:
        raise ValueError(word)
    return found


def listing(run: Run, asked: Wanted, after: int, backwards: bool = False) -> dict[str, Any]:
    """Return the context of a page of attempts behind position `after`, or before it where it goes `backwards`."""
    cells = run.coverage()
    total = sum(cell.count for cell in cells)
    matching, known = run.matches(asked.filter) if asked.any else (total, None)
    with run.open() as reader:
        rows, more, before = _page(reader, asked.filter, known, after, backwards)
    found = run.findings()
    return {
        "rows": rows,
        "matching": matching,
        "total": total,
        "query": asked.query,
        "filtered": asked.any,
        "choices": choices(cells),
        "next": rows[-1].position if more else None,
        "previous": rows[0].position if before else None,
        "flags": found.among(row.id for row in rows),
        "audited": bool(found),
    }


def _page(
    reader: LedgerReader, asked: Filter, known: tuple[int, ...] | None, after: int, backwards: bool
) -> tuple[tuple[Row, ...], bool, bool]:
    """Return the rows of a page, and whether there are more behind and before it; `known` are all positions, if few."""
    if known is not None:
        side = [each for each in known if not after or (each < after if backwards else each > after)]
        here = side[-PAGE:] if backwards else side[:PAGE]
        return reader.at(here), bool(here) and here[-1] < known[-1], bool(here) and here[0] > known[0]
    if backwards:
        rows = tuple(reversed(reader.browse(asked, after=after, limit=PAGE, newest_first=True)))
        more = bool(rows) and bool(reader.browse(asked, after=rows[-1].position, limit=1))
    else:
        rows = reader.browse(asked, after=after, limit=PAGE + 1)
        rows, more = rows[:PAGE], len(rows) > PAGE
    before = after and rows and reader.browse(asked, after=rows[0].position, limit=1, newest_first=True)
    return rows, more, bool(before)


def choices(cells: tuple[Coverage, ...]) -> dict[str, list[Any]]:
    """Return what each field of the filter can be."""
    return {
        "arm": list(dict.fromkeys(cell.arm for cell in cells)),
        "status": list(statuses(cells)),
        "split": list(dict.fromkeys(cell.split for cell in cells)),
        "dose": sorted({cell.dose for cell in cells}),
        "seed": sorted({cell.seed for cell in cells}),
    }


def beside(run: Run, asked: Wanted, position: int) -> tuple[str | None, str | None]:
    """Return the ids of the attempts before and after a position, under the same filter."""
    known = run.matches(asked.filter)[1] if asked.any else None
    with run.open() as reader:
        if known is not None:
            place = bisect_left(known, position)
            near = known[max(0, place - 1) : place + 2]
            ids = {row.position: row.id for row in reader.at(near)}
            before_it = [each for each in near if each < position]
            after_it = [each for each in near if each > position]
            return (ids[before_it[-1]] if before_it else None, ids[after_it[0]] if after_it else None)
        after = reader.browse(asked.filter, after=position, limit=1)
        # Position 0 would mean the end: nothing stands before the first.
        before = reader.browse(asked.filter, after=position, limit=1, newest_first=True) if position > 0 else ()
    return (before[0].id if before else None, after[0].id if after else None)
