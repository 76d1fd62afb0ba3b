"""The kinds of faults: one module a kind, found by `assay.chaos.registry`."""
