"""A run whose reader gives everything redacted: the pages are made from it as from any other."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

from assay.audit.findings import Finding
from assay.ledger.browse import Coverage, Filter, Row
from assay.ledger.reading import LedgerReader
from assay.nouns import Attempt, Task, Trajectory
from assay.report.web.redact import Redactor
from assay.report.web.runs import Findings, Run

_KEPT = 8  # traces, redacted, since an attempt is shown on several pages


class _Reader:
    """A reader of a ledger whose texts are redacted. Tasks are asked for by their own names, not by redacted ones."""

    def __init__(self, reader: LedgerReader, redactor: Redactor, traces: dict[str, Trajectory | None]) -> None:
        self._reader, self._redactor, self._traces = reader, redactor, traces

    def fact(self, name: str) -> Any:
        return self._redactor.value(self._reader.fact(name))

    def coverage(self) -> tuple[Coverage, ...]:
        return tuple(self._plain(cell) for cell in self._reader.coverage())

    def count(self, wanted: Filter) -> int:
        return self._reader.count(self._meant(wanted))

    def matches(self, wanted: Filter, most: int) -> tuple[int, tuple[int, ...] | None]:
        return self._reader.matches(self._meant(wanted), most)

    def at(self, positions: Sequence[int]) -> tuple[Row, ...]:
        return tuple(self._plain(row) for row in self._reader.at(positions))

    def browse(self, wanted: Filter, *, after: int = 0, limit: int = 50, newest_first: bool = False) -> tuple[Row, ...]:
        found = self._reader.browse(self._meant(wanted), after=after, limit=limit, newest_first=newest_first)
        return tuple(self._plain(row) for row in found)

    def rows(self, wanted: Filter | None = None) -> Iterator[Row]:
        return (self._plain(row) for row in self._reader.rows(None if wanted is None else self._meant(wanted)))

    def _meant(self, wanted: Filter) -> Filter:
        """Return a filter by the names that stand in the ledger, of which several may be shown alike."""
        if not wanted.arms and not wanted.splits:
            return wanted
        cells = self._reader.coverage()
        arms = tuple({cell.arm for cell in cells if self._redactor.text(cell.arm) in wanted.arms}) or wanted.arms
        splits = tuple({c.split for c in cells if self._redactor.text(c.split) in wanted.splits}) or wanted.splits
        return replace(wanted, arms=arms if wanted.arms else (), splits=splits if wanted.splits else ())

    def same_task(self, task_id: str, *, limit: int = 200) -> tuple[Row, ...]:
        return tuple(self._plain(row) for row in self._reader.same_task(task_id, limit=limit))

    def neighbours(self, attempt_id: str, *, limit: int = 200) -> tuple[Row, ...]:
        return tuple(self._plain(row) for row in self._reader.neighbours(attempt_id, limit=limit))

    def row(self, attempt_id: str) -> Row | None:
        found = self._reader.row(attempt_id)
        return None if found is None else self._plain(found)

    def attempt(self, attempt_id: str) -> Attempt | None:
        found = self._reader.attempt(attempt_id)
        return None if found is None else self._redactor.noun(found)

    def trajectory(self, attempt_id: str) -> Trajectory | None:
        """Return a trajectory; a reply of which something was taken loses its ids, which would spell it."""
        if attempt_id not in self._traces:
            if len(self._traces) >= _KEPT:
                self._traces.pop(next(iter(self._traces)))
            self._traces[attempt_id] = self._redacted(self._reader.trajectory(attempt_id))
        return self._traces[attempt_id]

    def _redacted(self, found: Trajectory | None) -> Trajectory | None:
        if found is None:
            return None
        redacted = self._redactor.noun(found)
        steps = []
        for before, after in zip(found.steps, redacted.steps, strict=True):
            if (before.reply.text, before.reply.calls) != (after.reply.text, after.reply.calls):
                reply = after.reply.model_copy(update={"token_ids": None, "logprobs": None})
                after = after.model_copy(update={"reply": reply})
            steps.append(after)
        return redacted.model_copy(update={"steps": tuple(steps)})

    def task(self, task_id: str) -> Task | None:
        found = self._reader.task(task_id)
        return None if found is None else self._redactor.noun(found)

    def repositories(self) -> dict[str, str]:
        return self._redactor.value(self._reader.repositories())

    def _plain(self, found: Any) -> Any:
        texts = {f.name: getattr(found, f.name) for f in fields(found) if isinstance(getattr(found, f.name), str)}
        changed = {
            n: r for n, text in texts.items() if n not in ("id", "status") and (r := self._redactor.text(text)) != text
        }
        return replace(found, **changed) if changed else found


class _Findings(Findings):
    """Findings whose texts are redacted."""

    redactor: Redactor

    def of(self, attempt: str) -> list[Finding]:
        return [self.redactor.noun(finding) for finding in super().of(attempt)]


@dataclass(frozen=True)
class RedactedRun(Run):
    """A run as it is published."""

    redactor: Redactor | None = None
    _traces: dict[str, Trajectory | None] = field(default_factory=dict, compare=False, repr=False)

    @contextmanager
    def open(self) -> Iterator[LedgerReader]:
        """Open the ledger for reading; what is read comes redacted."""
        assert self.redactor is not None
        with super().open() as reader:
            yield cast(LedgerReader, _Reader(reader, self.redactor, self._traces))

    def findings(self) -> Findings:
        """Return what the audit found, redacted."""
        assert self.redactor is not None
        found = super().findings()
        mechanisms: Counter[tuple[str, str]] = Counter()
        for (kind, mechanism), count in found.mechanisms.items():
            mechanisms[self.redactor.text(kind), self.redactor.text(mechanism)] += count
        redacted = _Findings(found.path, found.places, mechanisms, found.unread)
        object.__setattr__(redacted, "redactor", self.redactor)
        return redacted
