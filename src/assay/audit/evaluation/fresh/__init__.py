"""The fresh half: behaviours, tasks, ways of writing and of hiding that no detector was mended on.

Enters: a Desk on one of the tasks here. Leaves: turns, as from `cheats` and `honest`. When a detector is changed after
this half's numbers were seen, the half is used up: move its modules to `cheats` and `honest`, and write another.
"""
