"""The page of what the audit found in a run: how often each mechanism, and the attempts with the surest findings."""

from typing import Any

from assay.report.web.attempt import MOST_STEPS, ShownFinding, shown_finding
from assay.report.web.runs import Run

_LOOKED_AT = 3_000  # attempts whose findings are read to find the surest
_SHOWN = 200


def findings_page(run: Run) -> dict[str, Any]:
    """Return the context of the page."""
    found = run.findings()
    each: list[ShownFinding] = []
    for attempt in list(found.places)[:_LOOKED_AT]:
        best = found.of(attempt)[: 1 if attempt else None]  # those of the run as a whole name no attempt
        each += [shown_finding(finding, MOST_STEPS) for finding in best]
    each.sort(key=lambda shown: (shown.finding.kind == "conduct", -shown.finding.confidence))
    return {
        "found": found,
        "mechanisms": found.mechanisms.most_common(),
        "shown": each[:_SHOWN],
        "more": len(found.places) - len(each[:_SHOWN]),
    }
