"""A clock that steps back under the driver; `assay.chaos.stepping` says what that covers."""

import random
import sys

from assay.chaos.drive import Drive
from assay.chaos.fault import Fault
from assay.chaos.stepping import VARIABLE


class ClockBack(Fault):
    """Time that was is again."""

    name = "clock-back"
    about = "the driver's clock steps back by seconds, hours or years in the middle of the run"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Start the driver through the module that steps, and tell it when."""
        seconds = draw.choice((2.0, 3600.0, 86_400.0, 20 * 365 * 86_400.0))
        flag = drive.place / "clock-back"
        flag.unlink(missing_ok=True)
        drive.program = [sys.executable, "-m", "assay.chaos.stepping"]
        drive.env[VARIABLE] = f"{seconds}:{flag}"

        def act() -> str:
            flag.touch()
            return f"the clock {seconds:g} s back"

        drive.at(self, drive.early(draw), 0.0, act)
