"""mini-swe-agent's trajectories since 2.0, format 1.1: a folder an instance with ID.traj.json, and preds.json."""

from collections.abc import Iterator
from pathlib import Path

from assay.ledger.exchange.entry import Account, Entry
from assay.ledger.exchange.mini import FORMAT, to_traj
from assay.ledger.exchange.minifiles import read_files, write_files
from assay.ledger.exchange.run import Run, Written
from assay.ledger.exchange.sniff import both_ends, some

NAME, RANK = "mini-1.1", 30
WHAT = "mini-swe-agent's trajectories of format 1.1 (ID.traj.json, or a folder of them)"


def holds(path: Path) -> bool:
    """Whether a trajectory of it says that it is of format 1.1."""
    return any(f'"{FORMAT}"' in both_ends(file) for file in some(path, "*.traj.json", "*.traj"))


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each file."""
    return read_files(path, account)


def write(run: Run, out: Path) -> Written:
    """Write a folder for each group and trial where there are several, with a folder for each task in it."""
    return write_files(run, out, to_traj)
