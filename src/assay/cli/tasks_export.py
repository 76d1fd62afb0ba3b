"""`assay tasks export`: every task of a source as a directory that assay, and where it can Harbor's own tool, runs."""

import json
from pathlib import Path
from typing import Annotated

import typer


def export(
    where: Annotated[
        str,
        typer.Argument(metavar="SOURCE|DIR|NAME:PLACE", help="Which tasks: drills, a directory, humaneval:FILE, ..."),
    ],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write: one task directory in it each.")],
    split: Annotated[str, typer.Option("--split", help="The source's split: train, seen, unseen.")] = "train",
    count: Annotated[int | None, typer.Option("--count", min=1, help="How many tasks; else all, of drills 50.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other tasks.")] = 0,
    assay: Annotated[
        str,
        typer.Option(
            "--assay",
            metavar="REQUIREMENT|WHEEL",
            help="What the verifier's image installs with pip; a wheel is put beside each Dockerfile.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a task and one for all.")] = False,
) -> None:
    """Write every task as a Harbor task directory; exit status 1 when one could not be.

    What a foreign tool can and cannot run of it is in docs/tasks.md.
    """
    from assay.errors import UserError
    from assay.tasks.chosen import chosen
    from assay.tasks.folder_save import named, runs_elsewhere, save

    wheel = Path(assay) if assay.endswith(".whl") else None
    if wheel is not None and not wheel.is_file():
        raise UserError(f"--assay {assay}: there is no such wheel: make one with pip wheel --no-deps")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: name a folder to write the tasks to")
    found = chosen(where, split=split, count=count, seed=seed)
    failed = list(found.broken)
    written = 0
    taken: set[str] = set()
    for task in found.tasks:
        place = out / named(task, taken)
        taken.add(place.name)
        try:
            save(task, place, "" if wheel else assay, wheel=wheel)
        except UserError as error:
            failed.append((task.id, str(error)))
            continue
        written += 1
        why = runs_elsewhere(task)
        if as_json:
            typer.echo(json.dumps({"id": task.id, "directory": str(place), "elsewhere": not why, "reason": why}))
        elif why:
            typer.echo(f"{task.id}: only assay can run it: {why}")
    if as_json:
        lines = [{"id": name, "directory": None, "elsewhere": False, "reason": why} for name, why in failed]
        typer.echo("\n".join(json.dumps(line) for line in [*lines, {"tasks": written, "failed": len(failed)}]))
    else:
        for name, why in failed:
            typer.echo(f"{name}: {why}", err=True)
        typer.echo(f"{written} tasks written to {out}" + (f", {len(failed)} not" if failed else ""))
    if failed:
        raise typer.Exit(1)
