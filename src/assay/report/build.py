"""Builds the report of a run from its ledger: reads once, measures, draws, renders, writes each file whole."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from assay.errors import UserError
from assay.ledger import Ledger
from assay.report import figures
from assay.report.measures import measure
from assay.report.page import render
from assay.report.reading import show
from assay.report.record import read
from assay.report.summary import summarise


@dataclass(frozen=True)
class Report:
    """Where the report lies."""

    index: Path
    summary: Path
    figures: tuple[Path, ...]


def build(run_dir: Path) -> Report:
    """Write `report/index.html`, `report/*.png` and `summary.json` into a run directory.

    Raises UserError when there is no ledger, or when the files cannot be written.
    """
    ledger_path = run_dir / "ledger.sqlite"
    if not ledger_path.is_file():
        raise UserError(
            f"There is no run in {run_dir} (it holds no ledger.sqlite): name a run's directory, or start a run first."
        )
    with Ledger(ledger_path) as ledger:
        record = read(ledger)
        picked = record.shelf.pick(record.arms, record.splits, ledger.trajectory)
    measures = measure(record)
    drawn = {
        "pass_rates": figures.pass_rates(record, measures),
        "differences": figures.differences(record, measures),
        "endings": figures.endings(record),
    }
    pngs = {name: png for name, png in drawn.items() if png is not None}
    page = render(record, measures, pngs, [show(attempt, trajectory) for attempt, trajectory in picked])
    summary = json.dumps(summarise(record, measures), indent=2, allow_nan=False) + "\n"

    folder = run_dir / "report"
    paths = {name: folder / f"{name}.png" for name in pngs}
    try:
        folder.mkdir(exist_ok=True)
        for name, png in pngs.items():
            _write(paths[name], png)
        for name in drawn.keys() - pngs.keys():
            (folder / f"{name}.png").unlink(missing_ok=True)
        _write(folder / "index.html", page.encode("utf-8"))
        _write(run_dir / "summary.json", summary.encode("utf-8"))
    except OSError as error:
        raise UserError(
            f"The report in {run_dir} could not be written ({error}): free space or mend the permissions and build "
            "it again; the ledger is untouched."
        ) from error
    return Report(folder / "index.html", run_dir / "summary.json", tuple(paths.values()))


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once, so that a reader never sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
