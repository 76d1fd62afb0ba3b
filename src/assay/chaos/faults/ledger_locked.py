"""A ledger in which another process holds a write transaction."""

import random
import sqlite3
import time
from contextlib import closing

from assay.chaos.drive import Drive
from assay.chaos.fault import Fault

_PATIENCE_S = 60.0  # how long the ledger waits for its turn


class Locked(Fault):
    """Locked for less than the ledger waits."""

    name = "ledger-locked"
    about = "another process holds a write transaction in the ledger for a moment"
    shortest, longest = 0.2, 3.0

    def arm(self, drive: Drive, draw: random.Random) -> None:
        """Take the lock at a request and hold it."""
        seconds = draw.uniform(self.shortest, self.longest)

        def act() -> str:
            with closing(sqlite3.connect(drive.ledger, timeout=5, isolation_level=None)) as db:
                db.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                db.execute("ROLLBACK")
            return f"the ledger locked for {seconds:.1f} s"

        drive.at(self, drive.early(draw), draw.uniform(0.001, 0.2), act)


class LockedLong(Locked):
    """Locked for longer."""

    name = "ledger-locked-long"
    about = "the same for longer than the ledger waits for its turn, which is a minute"
    long = True
    exits = frozenset({2})
    shortest, longest = _PATIENCE_S + 5, _PATIENCE_S + 10
