"""The audit of a run, a ledger or a folder: every attempt once, findings written as they come, memory flat."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from assay.audit.cases import Source, open_source
from assay.audit.conduct import conduct_findings, measured, rates
from assay.audit.findings import CONDUCT, FLAGGED_FROM, Finding, cheat_score
from assay.audit.running import looked
from assay.audit.tally import Row, Tally, measures_of, row_of
from assay.audit.views import View
from assay.errors import UserError
from assay.ledger.browse import AUDIT

CONDUCT_FILE = "audit-conduct.jsonl"
LEAST = 0.2  # findings below this confidence are not written
Tell = Callable[[Finding], None]


@dataclass
class Totals:
    """What an audit came to."""

    attempts: int = 0
    planned: int = 0
    flagged: int = 0
    findings: int = 0
    broken: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mechanisms: Counter[tuple[str, str]] = field(default_factory=Counter)
    conduct: dict[str, dict[str, Any]] = field(default_factory=dict)
    arms: dict[str, tuple[int, int]] = field(default_factory=dict)
    written: Path | None = None

    def line(self) -> dict[str, Any]:
        """Return the totals as the last line of --json."""
        kinds: Counter[str] = Counter()
        for (kind, _), count in self.mechanisms.items():
            kinds[kind] += count
        return {
            "attempts": self.attempts,
            "planned": self.planned,
            "flagged": self.flagged,
            "findings": self.findings,
            "kinds": dict(sorted(kinds.items())),
            "unreadable": self.broken,
            "conduct": self.conduct,
        }


@dataclass
class _Part:
    """What the attempts of one block came to."""

    findings: list[Finding] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    conduct: list[tuple[str, str, float]] = field(default_factory=list)
    flagged: int = 0
    broken: int = 0
    faults: list[str] = field(default_factory=list)


def audit(
    path: Path,
    *,
    out: Path | None = None,
    processes: int = 1,
    contrast: bool = True,
    against: Sequence[Path] = (),
    tell: Tell,
) -> Totals:
    """Audit what lies at `path` and write the findings to `out`, by default `audit.jsonl` beside the ledger.

    `against` are other runs of the same tasks, to be told where an image, a limit or a machine is another one. `tell`
    gets every finding that is written. Raises UserError for what is no source, or cannot be written.
    """
    for other in against:
        open_source(other)
    source = open_source(path)
    target = out if out is not None else source.findings
    totals = Totals(written=target)
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("w", encoding="utf-8") as stream, Tally() as tally:
            _all(source, tally, totals, processes, _both(stream, totals, tell))
            _together(source, tally, totals, contrast, tuple(against), _both(stream, totals, tell))
            for arm, measure, values in tally.conduct():
                totals.conduct.setdefault(arm, {}).update(rates({measure: values}))
        part.replace(target)
        lines = (json.dumps({"arm": arm, **told}) + "\n" for arm, told in totals.conduct.items())
        beside(target, CONDUCT_FILE).write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"the findings cannot be written to {target} ({why}): name another place with --out") from error
    finally:
        part.unlink(missing_ok=True)
    return totals


def beside(target: Path, name: str) -> Path:
    """Return the place of another file of the same audit: `x.audit.jsonl` has `x.audit-conduct.jsonl` beside it."""
    if target.name.endswith(AUDIT):
        return target.with_name(target.name.removesuffix(AUDIT) + name)
    return target.with_name(f"{target.stem}-{name}")


def _both(stream: TextIO, totals: Totals, tell: Tell) -> Tell:
    def put(found: Finding) -> None:
        stream.write(found.model_dump_json() + "\n")
        totals.findings += 1
        totals.mechanisms[(found.kind, found.mechanism)] += 1
        tell(found)

    return put


def _all(source: Source, tally: Tally, totals: Totals, processes: int, put: Tell) -> None:
    tally.plan(
        (name, plan.arm, plan.seed, plan.dose, plan.task_id, plan.split, plan.trial) for name, plan in source.plan()
    )
    for block in _parts(source, processes):
        tally.add(block.rows, block.conduct)
        totals.attempts += len(block.rows)
        totals.flagged += block.flagged
        totals.broken += block.broken
        totals.faults += block.faults[: max(20 - len(totals.faults), 0)]
        for found in block.findings:
            put(found)
    tally.ready()
    (planned,) = next(tally.ask("SELECT COUNT(*) FROM planned"))
    totals.planned = planned or totals.attempts
    sql = "SELECT arm, COUNT(*), SUM(score >= ?) FROM attempts GROUP BY arm ORDER BY arm"
    totals.arms = {arm: (count, flagged) for arm, count, flagged in tally.ask(sql, FLAGGED_FROM)}


def _together(
    source: Source, tally: Tally, totals: Totals, contrast: bool, against: tuple[Path, ...], put: Tell
) -> None:
    """Ask what only the attempts together can tell."""
    from assay.audit.integrity import AuditedRun, checked

    for found in checked(AuditedRun(tally, source.ledger, against)):
        put(found)
    if not contrast:
        return
    try:
        from assay.audit.contrast import contrasted

        for found in contrasted(tally):
            put(found)
    except ModuleNotFoundError as error:
        totals.notes.append(f"attempts were not contrasted: it needs {error.name}: pip install 'assay[audit]'")


def _parts(source: Source, processes: int) -> Iterator[_Part]:
    ranges = source.ranges()
    if processes < 2 or len(ranges) < 2:
        for first, last in ranges:
            yield from _streamed(source, first, last)
        return
    with ProcessPoolExecutor(processes) as pool:
        waiting = []
        for bounds in ranges:  # at most a few blocks wait, so that memory stays flat
            waiting.append(pool.submit(_examined, source, *bounds))
            if len(waiting) > 2 * processes:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _examined(source: Source, first: int, last: int) -> _Part:
    """Return one block as a whole; runs in a process of its own."""
    whole = _Part()
    for part in _streamed(Source(source.path, source.ledger, source.format), first, last):
        whole.findings += part.findings
        whole.rows += part.rows
        whole.conduct += part.conduct
        whole.flagged += part.flagged
        whole.broken += part.broken
        whole.faults += part.faults
    return whole


def _streamed(source: Source, first: int, last: int, size: int = 64) -> Iterator[_Part]:
    from assay.audit.contrast import signed

    before, told = source.account.broken, len(source.account.faults)
    part = _Part()
    for record in source.records(first, last):
        case = record.case()
        view = View(case)
        found = looked(view)
        measures = measured(view)
        worth = [one for one in [*found, *conduct_findings(view, measures)] if _worth(one)]
        part.findings += worth
        part.flagged += cheat_score(found) >= FLAGGED_FROM
        part.rows.append(row_of(record, found, signed(view) if case.trajectory is not None else ""))
        part.conduct += measures_of(case.arm, measures)
        if len(part.rows) >= size:
            yield part
            part = _Part()
    part.broken = source.account.broken - before
    part.faults = source.account.faults[told:]
    yield part


def _worth(found: Finding) -> bool:
    return found.confidence >= LEAST or (found.kind == CONDUCT and found.mechanism == "not_looked_at")


def six(found: Finding) -> dict[str, Any]:
    """Return a finding as a line of --json."""
    return {
        "attempt": found.attempt,
        "kind": found.kind,
        "mechanism": found.mechanism,
        "step": found.step,
        "line": found.line,
        "confidence": found.confidence,
    }
