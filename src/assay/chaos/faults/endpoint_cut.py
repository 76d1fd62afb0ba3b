"""An endpoint that hangs up in the middle of its answer, of a stream or of a whole one."""

import random

from assay.chaos.drive import Drive
from assay.chaos.endpoint import Wire, completion
from assay.chaos.fault import Fault

_MOST = 3  # fewer than a request is tried


class Cut(Fault):
    """Answers that break off."""

    name = "endpoint-cut"
    about = "an answer that is cut in the middle: of its stream, or of its bytes"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Cut the answers to one turn."""
        streams = draw.random() < 0.6
        if streams:
            drive.words.append("--stream")

        def cut(wire: Wire, text: str) -> None:
            if wire.streams:
                words = draw.randint(0, len(text.split(" ")) - 1)
                drive.note(self, f"a stream cut after {words} words")
                wire.stream(text, words=words)
            else:
                body = completion(text)
                place = draw.randint(0, len(body) - 1)
                drive.note(self, f"an answer cut after {place} of {len(body)} bytes")
                wire.send(body, cut=place)

        drive.endpoint.spoil(drive.early(draw), draw.randint(1, _MOST - 1), cut)
