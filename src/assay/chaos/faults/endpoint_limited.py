"""An endpoint that has had enough: 429, with and without Retry-After."""

import email.utils
import random
import time

from assay.chaos.drive import Drive
from assay.chaos.endpoint import Wire
from assay.chaos.fault import Fault

_MOST = 3  # fewer than a request is tried


class Limited(Fault):
    """Too many requests."""

    name = "endpoint-limited"
    about = "429 Too Many Requests, with a Retry-After in seconds, as a date, of nonsense, or without one"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Turn one turn away a few times."""

        def limited(wire: Wire, text: str) -> None:
            soon = email.utils.formatdate(time.time() + 1, usegmt=True)
            after = draw.choice(("0", "0.3", "1", "-5", soon, "whenever", ""))
            drive.note(self, f"429, Retry-After {after!r}")
            headers = {"Retry-After": after} if after else {}
            wire.send(b'{"error": {"message": "Rate limit reached for requests"}}', 429, headers=headers)

        drive.endpoint.spoil(drive.early(draw), draw.randint(1, _MOST), limited)
