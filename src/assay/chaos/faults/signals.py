"""Signals to the driver: Ctrl-C, a polite end, and the one that nobody can answer."""

import random
import signal

from assay.chaos.drive import Drive
from assay.chaos.fault import Fault


class _Signal(Fault):
    ends = True
    number: signal.Signals

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Send it once."""
        drive.at(self, *drive.moment(draw), lambda: drive.signal(self.number))


class Interrupted(_Signal):
    """SIGINT, as Ctrl-C sends it."""

    name = "driver-interrupted"
    about = "SIGINT to the driver, as by Ctrl-C, at any moment"
    exits = frozenset({130, -signal.SIGINT})  # by the signal itself before the command line is loaded
    number = signal.SIGINT


class Terminated(_Signal):
    """SIGTERM, as a scheduler sends it."""

    name = "driver-terminated"
    about = "SIGTERM to the driver, as a scheduler sends it, at any moment"
    exits = frozenset({130, -signal.SIGTERM})  # by the signal itself before the run has begun
    number = signal.SIGTERM


class Killed(_Signal):
    """SIGKILL."""

    name = "driver-killed"
    about = "SIGKILL to the driver at any moment"
    exits = frozenset({-signal.SIGKILL})
    number = signal.SIGKILL
