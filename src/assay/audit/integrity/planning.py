"""When the plan was made: tasks that were added to an arm, or tried again, after its results could be seen.

The ledger writes down each time that its plan grows how many results the arms concerned had by then. Other tools' logs
say nothing of it: an import plans what it reads in blocks, each after the one before it was recorded.
"""

from collections.abc import Iterator

from assay.audit.findings import Finding
from assay.audit.integrity._run import AuditedRun
from assay.ledger.events import PLANNED
from assay.ledger.reading import LedgerReader


def check(run: AuditedRun) -> Iterator[Finding]:
    """Yield what was planned after results."""
    if run.ledger is None:
        return
    tasks = again = results = 0
    with LedgerReader(run.ledger) as reader:
        if reader.fact("import") is not None:
            return
        for event in reader.events():
            if event.kind == PLANNED:
                tasks += int(event.body.get("tasks_after_results", 0))
                again += int(event.body.get("tasks_again", 0))
                results = max(results, int(event.body.get("results", 0)))
    if tasks:
        said = f"{tasks} tasks were added to arms that had {results} results by then: they may have been chosen by them"
        yield run.finding("chosen_after_results", 0.5, said)
    if again:
        said = f"{again} tasks were tried again where arms had results for them: report all attempts, not the best"
        yield run.finding("tried_again_after_results", 0.5, said)
