"""`assay export`: a run's ledger as the files of another tool."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", readable=False, help="A run's folder, or its ledger.sqlite.")],
    to: Annotated[
        str,
        typer.Option("--to", metavar="FORMAT", help="inspect, mini, mini-1.1, swebench, atif, harbor or chat."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="PATH", help="A new folder; for chat a .jsonl, for inspect perhaps one .eval."),
    ],
    arms: Annotated[list[str] | None, typer.Option("--arm", help="Only this arm; may be given several times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Write a run in another tool's format. What each format cannot hold is in docs/formats.md.

    Texts, sampled token ids and log-probabilities are written where the format has a place for them; a failure of our
    machinery is written as one, and never as a score of zero.
    """
    import json

    from assay.ledger.exchange.registry import named
    from assay.ledger.exchange.run import Run

    form = named(to)
    written = form.write(Run(run, arms or ()), out)
    if as_json:
        left = dict(written.left)
        told = {"format": form.NAME, "out": str(out), "attempts": written.attempts, "files": written.files}
        typer.echo(json.dumps({**told, "left_out": left}))
        return
    for what, count in written.left.items():
        typer.echo(f"{count} {what}, for which the format has no sample of its own", err=True)
    typer.echo(f"{written.attempts} attempts written to {out} as {form.NAME}, {written.files} files")
