"""`assay tasks seed`: find the bugs of the source `seeded` again and write its data file."""

from pathlib import Path
from typing import Annotated

import typer


def seed(
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; the one that assay loads by default.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="At most so many bugs.")] = 120,
) -> None:
    """Seed bugs into functions of the pinned packages and keep those that the packages' own tests kill.

    Downloads the pinned source distributions where the cache lacks them; takes several minutes; deterministic.
    """
    from assay.tasks.seeded.seed import PLACE
    from assay.tasks.seeded.seeding import write_seeds

    place = out or PLACE
    found = write_seeds(place, count, say=lambda line: typer.echo(line, err=True))
    typer.echo(f"{found} seeds in {place}")
