"""The once-fresh half: behaviours, tasks, ways of writing and of hiding that were a fresh half and were read since.

Enters: a Desk on one of the tasks here. Leaves: turns, as from `cheats` and `honest`. One side of it was read on
2026-11-22 while the other was kept apart; the other was read later that day, and detectors were mended on it.
"""
