"""mini-swe-agent's trajectories before 2.0, format 1: texts alone, in the same folders as those of format 1.1."""

import re
from collections.abc import Iterator
from pathlib import Path

from assay.ledger.exchange.entry import Account, Entry
from assay.ledger.exchange.mini import FORMAT_1, to_traj_1
from assay.ledger.exchange.minifiles import read_files, write_files
from assay.ledger.exchange.run import Run, Written
from assay.ledger.exchange.sniff import both_ends, head, some

NAME, RANK = "mini", 31
WHAT = "mini-swe-agent's trajectories of format 1 (ID.traj.json, or a folder of them)"
_UNNAMED = re.compile(r'"info"\s*:.*"messages"\s*:', re.DOTALL)  # before the format had a name


def holds(path: Path) -> bool:
    """Whether a trajectory of it says that it is of format 1, or looks like it."""
    found = list(some(path, "*.traj.json", "*.traj"))
    return any(f'"{FORMAT_1}"' in both_ends(file) or _UNNAMED.search(head(file)) for file in found)


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each file, also one of format 1.1."""
    return read_files(path, account)


def write(run: Run, out: Path) -> Written:
    """Write a folder for each group and trial where there are several, with a folder for each task in it."""
    return write_files(run, out, to_traj_1)
