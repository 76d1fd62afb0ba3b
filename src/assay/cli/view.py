"""`assay view`: open the report of a run in a browser, making it first where it is missing or out of date."""

from pathlib import Path
from typing import Annotated

import typer


def view(
    run: Annotated[Path, typer.Argument(help="The run directory.")] = Path("runs/twins"),
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the report anew from the ledger.")] = False,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open a browser if there is a display.")
    ] = True,
) -> None:
    """Print where the report of a run lies and open it in a browser.

    The report is made from the run's ledger alone; it is made anew when the ledger has grown since.
    """
    import webbrowser

    from assay.errors import UserError

    ledger = run / "ledger.sqlite"
    if not ledger.is_file():
        raise UserError(
            f"There is no run in {run} (it holds no ledger.sqlite): name a run's directory, or start one with "
            "`assay run experiments/twins.toml`."
        )
    index = run / "report" / "index.html"
    if rebuild or _older(index, ledger):
        from assay.report import build

        index = build(run).index
    typer.echo(index)
    if open_browser and _display():
        webbrowser.open(index.resolve().as_uri())


def _older(index: Path, ledger: Path) -> bool:
    """Whether the page is missing, or was made before the ledger's last write."""
    if not index.is_file():
        return True
    log = ledger.with_name(ledger.name + "-wal")  # where SQLite writes first, while a run goes on
    written = [path.stat().st_mtime_ns for path in (ledger, log) if path.is_file() and path.stat().st_size]
    return index.stat().st_mtime_ns < max(written)


def _display() -> bool:
    """Whether a browser could show itself: never open a text browser in somebody's terminal."""
    import os
    import sys

    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
