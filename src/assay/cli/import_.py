"""`assay import`: a run of another tool as a ledger of ours."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from assay.ledger.exchange.importing import Imported


def import_(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", readable=False, help="A log, a file or a folder that another tool wrote.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="The run's folder, which gets a ledger.sqlite.")],
    word: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="inspect, harbor, mini, mini-1.1, atif, swebench or chat; detected by default.",
        ),
    ] = "",
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            readable=False,
            help="A report of SWE-bench's evaluation that grades the attempts, by instance.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as one JSON object.")] = False,
) -> None:
    """Make a ledger of another tool's run: its plan, its attempts, their trajectories, and where they came from.

    What cannot be read is named and counted, and the rest is read. An attempt that the other tool's machinery failed,
    or that nobody graded, has no score.
    """
    import json

    from assay.ledger.exchange.importing import bring
    from assay.ledger.exchange.reports import read_report

    found = bring(path, out, word=word, results=None if results is None else read_report(results))
    if as_json:
        typer.echo(json.dumps(_plain(found)))
        return
    for line in found.account.faults:
        typer.echo(f"not read: {line}", err=True)
    if (more := found.account.broken - len(found.account.faults)) > 0:
        typer.echo(f"not read: {more} more", err=True)
    typer.echo("\n".join(_words(found)))


def _plain(found: "Imported") -> dict[str, Any]:
    account = found.account
    return {
        "format": found.format,
        "ledger": str(found.ledger),
        "arms": sorted(found.arms),
        "read": account.read,
        "before": found.before,
        "unfinished": found.unfinished,
        "statuses": dict(sorted(found.statuses.items())),
        "ungraded": found.ungraded,
        "broken": account.broken,
        "faults": account.faults,
        "notes": dict(account.notes),
    }


def _words(found: "Imported") -> list[str]:
    account = found.account
    counts = ", ".join(f"{count} {name}" for name, count in sorted(found.statuses.items()))
    lines = [f"{found.format}: {account.read} attempts of {len(found.arms)} arms" + (f" ({counts})" if counts else "")]
    if found.before:
        lines.append(f"{found.before} of them were there from before")
    if found.unfinished:
        lines.append(f"{found.unfinished} attempts were planned and have no result there")
    if found.ungraded:
        lines.append(f"{found.ungraded} were graded by nobody and have no score: they count as machinery")
    lines += [f"{count} {what}" for what, count in account.notes.items()]
    if account.broken:
        lines.append(f"{account.broken} could not be read and are not in the ledger")
    return [*lines, f"ledger: {found.ledger}"]
