"""ATIF trajectories, a JSON file each: read in every version 1, written as 1.6."""

from collections.abc import Iterator
from pathlib import Path

from assay.errors import UserError
from assay.ledger.exchange.atif import harbor_result, is_atif, read_plainly, to_atif, written_beside
from assay.ledger.exchange.entry import Account, Entry, as_written, ended, planned
from assay.ledger.exchange.mini import file_name, write_json
from assay.ledger.exchange.run import Run, Written, fresh
from assay.ledger.exchange.sniff import both_ends, files, some
from assay.ledger.exchange.text import whole

NAME, RANK = "atif", 40
WHAT = "ATIF trajectories (.json, or a folder of them)"


def holds(path: Path) -> bool:
    """Whether a file of it says that it is ATIF."""
    return any('"ATIF-v' in both_ends(file) for file in some(path, "*.json"))


def read(path: Path, account: Account) -> Iterator[Entry]:
    """Yield an attempt for each trajectory; other JSON files below a folder are passed over."""
    for file in files(path, "*.json"):
        where = file.name if path.is_file() else file.relative_to(path).as_posix()
        if path.is_dir() and "ATIF-v" not in both_ends(file):
            continue
        try:
            yield read_file(file, where, account)
        except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
            account.fault(where, error)


def read_file(file: Path, where: str, account: Account) -> Entry:
    """Return the attempt in a file. Raises UserError or ValueError."""
    data = whole(file, account)
    if not is_atif(data):
        raise UserError(f"{where}: it does not say that it is ATIF: give trajectories with a schema_version")
    found = read_plainly(data, str(file))
    if (ours := as_written(where, written_beside(data), found, "trajectories", account)) is not None:
        return ours
    told = harbor_result(file)
    plan = planned(found.model or found.agent, str(told.get("task") or found.task_id))
    value = told.get("value")
    if value is not None and not 0.0 <= value <= 1.0:
        raise ValueError(f"its reward {value:g} is not in [0, 1]")
    # The format does not say how a run ended, so that nothing but a verdict makes it a failure.
    return Entry(where, plan, ended(plan, found, value=value), found)


def write(run: Run, out: Path) -> Written:
    """Write one file an attempt that has a trajectory, named by the task and the attempt's id."""
    fresh(out)
    written = Written()
    for entry, attempt, trajectory in run.told(written):
        name = f"{file_name(entry.plan.task_id)[:120]}-{entry.plan.id}.json"
        write_json(out / name, to_atif(attempt, trajectory, entry.tokenizer), indent=None)
        written.attempts += 1
        written.files += 1
    return written
