"""Report: the figures, the page and the summary of a run, made only from its ledger.

Enters: a run directory with `ledger.sqlite`. Leaves: `report/index.html` (one self-contained page),
`report/*.png` and `summary.json`; the same ledger gives the same bytes.
"""

from assay.report.build import Report, build

__all__ = ["Report", "build"]
