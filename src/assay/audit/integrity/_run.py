"""What a check of integrity sees: the tally of the attempts, the ledger where there is one, and a way to speak."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.audit.findings import INTEGRITY, Finding
from assay.audit.tally import Tally
from assay.ledger.reading import LedgerReader
from assay.nouns import Task


@dataclass(frozen=True)
class AuditedRun:
    """One run, its attempts in the tally; `against` are other runs of the same tasks, each a ledger or its folder."""

    tally: Tally
    ledger: Path | None
    against: tuple[Path, ...] = ()

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks that the ledger keeps, one at a time."""
        if self.ledger is None:
            return
        with LedgerReader(self.ledger) as reader:
            for (task_id,) in list(self.tally.ask("SELECT DISTINCT task_id FROM planned ORDER BY task_id")):
                task = reader.task(task_id)
                if task is not None:
                    yield task

    def finding(
        self, mechanism: str, confidence: float, evidence: str, *, attempt: str = "", task_id: str = ""
    ) -> Finding:
        """Return a finding on the run."""
        return Finding(
            attempt=attempt,
            task_id=task_id,
            kind=INTEGRITY,
            mechanism=mechanism,
            where="plan",
            evidence=evidence,
            confidence=round(confidence, 3),
            detector=f"integrity.{mechanism}",
        )
