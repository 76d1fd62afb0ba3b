"""Folders of mini-swe-agent's trajectories, of either format: found, read and written, with preds.json beside them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.ledger.exchange.entry import Account, Entry, as_written, ended, planned
from assay.ledger.exchange.mini import FORMAT_1, FORMATS, read_plainly, trajectory_path, write_json, written_beside
from assay.ledger.exchange.preds import Patches
from assay.ledger.exchange.run import Run, Written, fresh
from assay.ledger.exchange.sniff import files
from assay.ledger.exchange.text import whole
from assay.nouns import Attempt, Exit, Trajectory

Write = Callable[[Attempt, Trajectory, Mapping[str, Any], str], dict[str, Any]]


def read_files(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each trajectory in a file or below a folder."""
    for file in files(path, "*.traj.json", "*.traj"):
        where = file.name if path.is_file() else file.relative_to(path).as_posix()
        try:
            yield _entry(file, where, account)
        except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
            account.fault(where, error)


def _entry(file: Path, where: str, account: Account) -> Entry:
    data = whole(file, account)
    if isinstance(data, dict) and data.get("trajectory_format", FORMAT_1) not in FORMATS:
        raise ValueError(
            f"its format is {data['trajectory_format']}, and mini-swe-agent-1 and 1.1 are read: convert it"
        )
    found = read_plainly(data, str(file))
    if (ours := as_written(where, written_beside(data), found, "trajectories", account)) is not None:
        return ours
    plan = planned(found.model, found.task_id)
    broken = (found.error or "it has no exit status: it was not finished") if found.exit is Exit.MACHINERY else ""
    attempt = ended(plan, found, value=None, exit=found.exit, broken=broken, empty=not found.diff)
    return Entry(where, plan, attempt, found)


def write_files(run: Run, out: Path, form: Write) -> Written:
    """Write a run's trajectories and predictions. Raises UserError where `out` is not new."""
    fresh(out)
    written = Written()
    with Patches(out) as patches:
        for entry, attempt, trajectory in run.told(written):
            group = run.label(entry.plan, trials=True)
            place = trajectory_path(out / group, entry.plan.task_id)
            if place.exists():  # two ids that are one name for the file system
                place = trajectory_path(out / group, f"{entry.plan.task_id}-{entry.plan.id[:8]}")
            config = {"model": {"model_name": trajectory.model}}
            write_json(place, form(attempt, trajectory, config, entry.tokenizer))
            patches.add(group, entry)
            written.attempts += 1
            written.files += 1
        written.files += patches.files
    return written
