"""`assay atlas`: a map of checkpoints of one base by where training has moved them."""

from pathlib import Path
from typing import Annotated

import typer


def atlas(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="The checkpoint that all others were trained from.")],
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="[FAMILY=]DIR...", help="Checkpoints, runs of `assay train`, or folders that hold one a dose."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the page, the map and the numbers go.")
    ] = Path("atlas"),
    weights: Annotated[
        bool, typer.Option("--weights/--no-weights", help="Compare the changes of the weights beside.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as one JSON object.")] = False,
) -> None:
    """Measure how each checkpoint's last layer answers five general prompts, against its base, and map the changes.

    Near checkpoints were moved the same way. Checkpoints of another architecture or tokenizer are refused; adapters
    are merged into the base. Writes index.html, atlas.png and atlas.json.
    """
    import torch

    from assay.experiments.atlas import chart, find
    from assay.report.atlas import finding, write_atlas

    torch.set_num_threads(1)  # the same numbers every time
    named = find(checkpoints)
    made = chart(base, named, weights=weights, tell=lambda folder: typer.echo(f"reading {folder}", err=True))
    paths = write_atlas(made, out)
    if as_json:
        typer.echo(made.model_dump_json())
        return
    typer.echo(finding(made))
    typer.echo(f"map and page: {paths[-1]}")
