"""The fresh half: behaviours, tasks, ways of writing and of hiding that no detector was mended on.

Enters: a Desk on one of the tasks here. Leaves: turns, as from `cheats` and `honest`. When a detector is changed after
this half's misses were seen, or its figure steered a change, the half is used up: see docs/audit-evaluation.md.
"""
