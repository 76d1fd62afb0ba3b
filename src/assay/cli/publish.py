"""`assay publish`: a run as a folder of files that open from disk or any web host, without secrets and paths."""

from pathlib import Path
from typing import Annotated

import typer


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", readable=False, help="A run directory, or a ledger.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write: empty, or published before.")],
    attempts: Annotated[
        int, typer.Option("--attempts", min=0, help="At most so many attempts get a page of their own.")
    ] = 500,
    listed: Annotated[int, typer.Option("--listed", min=0, help="At most so many stand in the index.")] = 200_000,
    redact: Annotated[
        list[str] | None, typer.Option("--redact", help="A word that must not be published either; may be repeated.")
    ] = None,
) -> None:
    """Write the pages of `assay view` as files, with keys, secret variables, home directories and names taken out.

    What it knows to take out is in docs/view.md; read the pages before you show them to the world.
    """
    from assay.errors import UserError
    from assay.report.web.publish import publish as published
    from assay.report.web.redact import Redactor
    from assay.report.web.runs import runs_of

    found = runs_of([run])
    if len({each.folder for each in found}) > 1:
        names = ", ".join(each.name for each in found[:4])
        raise UserError(f"{run} holds {len(found)} runs ({names}): name one of them")
    chosen = found[0]
    redactor = Redactor(paths={str(chosen.folder.resolve()): "RUN"}, words=redact or [])

    def say(text: str) -> None:
        typer.echo(text, err=True)

    made = published(chosen, folder, attempts=attempts, listed=listed, redactor=redactor, say=say)
    taken = ", ".join(f"{what} ×{count:,}" for what, count in made.redacted.most_common())
    typer.echo(
        f"{made.folder / 'index.html'}: {made.attempts:,} of {made.planned:,} attempts with a page, "
        f"{made.listed:,} listed; {made.files:,} files, {made.size / 1e6:.1f} MB"
    )
    typer.echo(f"taken out: {taken or 'nothing was found'}")
    if made.attempts < made.planned:
        typer.echo("the attempts without a page: raise --attempts (planned ones without a result have none)")
