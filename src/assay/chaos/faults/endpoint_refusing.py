"""An endpoint that is gone for a while: connections are refused, and those that are open break off."""

import random

from assay.chaos.drive import Drive
from assay.chaos.fault import MACHINERY, Fault

_LONG = 0.2  # of all: longer than a request is tried
_LONG_S = 12.0


class Refusing(Fault):
    """Connection refused."""

    name = "endpoint-refusing"
    about = "no server at the endpoint for a while: connection refused, open connections broken off"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Shut the endpoint at a request."""
        long = draw.random() < _LONG
        seconds = _LONG_S if long else draw.uniform(0.2, 2.5)
        if long:
            self.may, self.exits = MACHINERY, frozenset({2, 3})

        def act() -> str:
            drive.endpoint.refuse(seconds)
            return f"connections refused for {seconds:.1f} s"

        drive.at(self, drive.early(draw), 0.0, act)
