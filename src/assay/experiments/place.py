"""The run directory: where an experiment's ledger, data, checkpoints and lock lie."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.errors import UserError


@dataclass(frozen=True)
class Place:
    """Paths inside one run directory."""

    root: Path

    @property
    def ledger(self) -> Path:
        """The ledger of the evaluation: plan, attempts, facts."""
        return self.root / "ledger.sqlite"

    @property
    def teacher(self) -> Path:
        """The ledger of the teacher's trajectories."""
        return self.root / "teacher.sqlite"

    def data(self, tokenizer_hash: str) -> Path:
        """The tokenised examples of one tokenizer."""
        return self.root / "data" / f"{tokenizer_hash[:12]}.npz"

    def checkpoints(self, arm: str, seed: int) -> Path:
        """The directory that holds one checkpoint directory a dose."""
        return self.root / "checkpoints" / f"{arm}-{seed}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory alone; raises UserError when another process runs in it or it cannot be made."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / ".lock").open("w")
        except OSError as error:
            raise UserError(
                f"The run directory {self.root} cannot be made ({error}): name another with --out."
            ) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"Another run is at work in {self.root}: wait for it, stop it, or name another with --out."
                ) from None
            yield
