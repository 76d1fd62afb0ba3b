"""The run directory: where an experiment's ledger, data and checkpoints lie."""

from dataclasses import dataclass
from pathlib import Path


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
