"""The `assay tasks` commands: look at the tasks of a source, check whether they may be admitted."""

import json
from typing import Annotated

import typer

app = typer.Typer(help="Show tasks, and check that gold scores 1 and no change scores 0.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(help="The task source, drills for one.")]
Split = Annotated[str, typer.Option("--split", help="The source's split: train, seen, unseen.")]
Seed = Annotated[int, typer.Option("--seed", help="Another seed draws other tasks.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command()
def show(
    name: Source,
    split: Split = "train",
    count: Annotated[int, typer.Option("--count", min=0, help="How many tasks.")] = 3,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Print tasks as an agent meets them, with the bug and its cure."""
    from assay.tasks import source

    tasks = source(name).load(split, count, seed)
    if as_json:
        typer.echo(json.dumps([task.model_dump(mode="json") for task in tasks]))
        return
    for task in tasks:
        facts = [f"{key} {task.metadata[key]}" for key in ("template", "operator", "line") if key in task.metadata]
        typer.echo(f"== {task.id} ({', '.join([task.family, *facts])})")
        typer.echo(task.instruction)
        for path, text in task.files.items():
            typer.echo(f"-- {path}\n{text.rstrip()}")
        if "before" in task.metadata:
            typer.echo(f"-- bug:  {task.metadata['before'].strip()}\n-- cure: {task.metadata['after'].strip()}")
            typer.echo("\n".join(f"-- no cure: {line.strip()}" for line in task.metadata.get("wrong", [])))
        typer.echo("")


@app.command()
def check(
    name: Source,
    split: Split = "train",
    count: Annotated[int, typer.Option("--count", min=1, help="How many tasks.")] = 50,
    seed: Seed = 0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How often each is graded.")] = 1,
    as_json: Json = False,
) -> None:
    """Grade gold and no change of each task in the sandbox; exit status 1 when one is refused."""
    import asyncio
    import time
    from collections import Counter

    from assay.tasks import source
    from assay.tasks.admission import admit

    tasks = source(name).load(split, count, seed)
    began = time.monotonic()
    found = asyncio.run(admit(tasks, repeats=repeats))
    wall_s = time.monotonic() - began
    admitted = Counter(task.family for task in found.admitted)
    planned = Counter(task.family for task in tasks)
    if as_json:
        counts = {family: {"tasks": planned[family], "admitted": admitted[family]} for family in sorted(planned)}
        summary = {
            "source": name,
            "split": split,
            "seed": seed,
            "tasks": len(tasks),
            "admitted": len(found.admitted),
            "refused": [{"id": task_id, "why": why} for task_id, why in found.refused],
            "families": counts,
            "wall_s": round(wall_s, 3),
        }
        typer.echo(json.dumps(summary))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("family", "tasks", "admitted", title=f"{name} {split}, seed {seed}, {repeats} times each")
        for family in sorted(planned):
            table.add_row(family, str(planned[family]), str(admitted[family]))
        table.add_row("all", str(len(tasks)), str(len(found.admitted)), end_section=True)
        Console().print(table)
        for task_id, why in found.refused:
            typer.echo(f"{task_id}: {why}")
        typer.echo(f"{len(found.admitted)} of {len(tasks)} admitted in {wall_s:.1f} s")
    if found.refused:
        raise typer.Exit(1)
