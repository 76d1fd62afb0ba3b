"""An endpoint that takes its time: within what a reply may take, and beyond it."""

import random
import time

from assay.chaos.drive import Drive
from assay.chaos.endpoint import Wire
from assay.chaos.fault import Fault

_REPLY_S = 3


class Slow(Fault):
    """Late answers."""

    name = "endpoint-slow"
    about = "a reply that comes late, or so late that it is asked for again"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Delay one reply."""
        over = draw.random() < 0.3
        seconds = _REPLY_S + 1.0 if over else draw.uniform(0.2, 2.0)
        if over:
            drive.words += ["--reply-seconds", str(_REPLY_S)]

        def late(wire: Wire, text: str) -> None:
            drive.note(self, f"a reply {seconds:.1f} s late")
            time.sleep(seconds)
            wire.say(text)

        drive.endpoint.spoil(drive.early(draw), 1, late)
