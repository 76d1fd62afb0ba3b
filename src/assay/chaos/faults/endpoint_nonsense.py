"""An endpoint that answers with what is no answer: not JSON, another JSON, a proxy's page, nothing."""

import random

from assay.chaos.drive import Drive
from assay.chaos.endpoint import Wire
from assay.chaos.fault import MACHINERY, Fault

_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_BODIES = (
    (200, b""),
    (200, _PAGE),
    (200, b"not JSON"),
    (200, b'{"choices": [{"message": {"role": "assistant", "content": "cut he'),
    (200, b"\xff\xfe\x00"),
    (200, b"null"),
    (200, b"[]"),
    (200, b"{}"),
    (200, b'{"choices": []}'),
    (200, b'{"choices": [null]}'),
    (200, b'{"choices": [{"message": null}]}'),
    (200, b'{"choices": [{"message": {"content": 5}}]}'),
    (200, b"[" * 100_000),
    (500, _PAGE),
    (502, b""),
    (503, b'{"error": {"message": "overloaded"}}'),
)
_TRIES = 3  # of an answer that is not what the protocol allows
_ALWAYS = 0.15


class Nonsense(Fault):
    """Answers that mean nothing."""

    name = "endpoint-nonsense"
    about = "answers that are not JSON, another JSON, a proxy's page, empty, or a server's error"

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Spoil the answers to one turn, mostly fewer than it is asked for."""
        times = _TRIES + 1 if draw.random() < _ALWAYS else draw.randint(1, _TRIES - 1)
        if len(drive.faults) > 1:
            times = 1  # another fault may take tries of the same turn
        if times > _TRIES:
            self.may, self.exits = MACHINERY, frozenset({3})
        bodies = [draw.choice(_BODIES) for _ in range(times)]

        def spoilt(wire: Wire, text: str) -> None:
            status, body = bodies.pop()
            drive.note(self, f"the status {status} with {body[:40]!r}")
            wire.send(body, status)

        drive.endpoint.spoil(drive.early(draw), times, spoilt)
