"""Report: the figures, the page and the summary of a run, made only from its ledger.

Enters: a run directory with `ledger.sqlite`. Leaves: `report/index.html` (one self-contained page),
`report/*.png` and `summary.json`; the same ledger gives the same bytes. `assay.report.build.build` makes them; it is
not imported here, for it takes matplotlib along.
"""
