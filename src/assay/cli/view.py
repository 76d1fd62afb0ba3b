"""`assay view`: runs as a local web page; with `--report` the static report of one, as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket

    from starlette.applications import Starlette

    from assay.report.web.runs import Run

_PORT = 8484
_TRIED = 20


def view(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN...", readable=False, help="Run directories, ledgers, or folders of runs; runs/ by default."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help=f"Else {_PORT}, or the next free one.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Where to listen; other machines are let in at your risk.")] = (
        "127.0.0.1"
    ),
    report: Annotated[
        bool, typer.Option("--report", help="Print where the run's static report lies, made anew if it is old.")
    ] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the static report anew from the ledger.")] = False,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open a browser if there is a display.")
    ] = True,
) -> None:
    """Show runs in a browser: arms, curves, every attempt step by step, two side by side. Ctrl-C ends it.

    The page is served on this machine, reads the ledgers and changes nothing; a run may be at work meanwhile.
    """
    named = runs or [Path("runs")]
    if report:
        _report(named, rebuild, open_browser)
        return
    from assay.errors import UserError

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"assay view needs {error.name}: pip install 'assay[web]'") from error
    from assay.models.serving.run import serve
    from assay.report.web.runs import runs_of

    found = runs_of(named)
    if rebuild:
        _rebuild(found)
    bound = _bound(host, port)
    try:
        place = bound.getsockname()
        shown = f"[{place[0]}]" if ":" in place[0] else place[0]
        address = f"http://{shown}:{place[1]}/" + (f"{found[0].slug}/" if len(found) == 1 else "")
        several = f"{len(found)} ledgers" if len(found) > 1 else found[0].name
        typer.echo(f"{several} at {address} (Ctrl-C ends it)")
        if open_browser and _display():
            import webbrowser

            webbrowser.open(address)
        serve(_application(found, host, place[0]), bound)
    finally:
        bound.close()
    typer.echo("ended")


def _application(found: "list[Run]", host: str, address: str) -> "Starlette":
    """Return the application; where other machines are let in, it answers to this one's name and addresses too."""
    import ipaddress
    import socket

    from assay.report.web.app import application

    if ipaddress.ip_address(address).is_loopback:
        return application(found, names=[host])
    return application(found, names=[host, socket.gethostname(), socket.getfqdn()], addresses=True)


def _bound(host: str, port: int | None, first: int = _PORT) -> "socket.socket":
    """Return a listening socket: at the port that was asked for, else at the first free one from `first` on."""
    from assay.errors import UserError
    from assay.models.serving.run import listen

    if port is not None:
        return listen(host, port)
    for number in range(first, first + _TRIED):
        try:
            bound = listen(host, number)
        except UserError as error:
            if "in use" not in str(error):
                raise
            continue
        if number != first:
            typer.echo(f"port {first} is in use, so this is at {number}")
        return bound
    return listen(host, 0)


def _report(named: list[Path], rebuild: bool, open_browser: bool) -> None:
    """Print the path of a run's report and open it; it is made anew when the ledger has grown since."""
    import os
    import webbrowser

    from assay.errors import UserError
    from assay.report.web.runs import no_run

    if len(named) != 1:
        raise UserError("--report is about one run: name one directory")
    run = named[0] / "twins" if named[0] == Path("runs") else named[0]
    ledger = run / "ledger.sqlite"
    if not os.path.isfile(ledger):
        raise no_run(run)
    index = run / "report" / "index.html"
    if rebuild or _older(index, ledger):
        from assay.report.build import build

        index = build(run).index
    typer.echo(index)
    if open_browser and _display():
        webbrowser.open(index.resolve().as_uri())


def _rebuild(runs: "list[Run]") -> None:
    """Make the reports of the runs anew; one that cannot be made is said, for its page says why too."""
    from assay.errors import UserError
    from assay.report.build import build
    from assay.report.web.runs import LEDGER

    for run in runs:
        if run.path.name == LEDGER:
            try:
                build(run.folder)
            except UserError as error:
                typer.echo(f"{run.name} has no new report: {error}", err=True)


def _older(index: Path, ledger: Path) -> bool:
    """Whether the page is missing, or was made before the ledger's last write."""
    if not index.is_file():
        return True
    log = ledger.with_name(ledger.name + "-wal")  # where SQLite writes first, while a run goes on
    written = [path.stat().st_mtime_ns for path in (ledger, log) if path.is_file() and path.stat().st_size]
    return index.stat().st_mtime_ns < max(written, default=0)


def _display() -> bool:
    """Whether a browser could show itself: never open a text browser in somebody's terminal."""
    import os
    import sys

    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
