"""The `assay tasks` commands: look at tasks, make them of a benchmark's records, see that they may be admitted."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import ExecutorOption, SandboxOption

app = typer.Typer(help="Show tasks, and check that gold scores 1 and no change scores 0.", no_args_is_help=True)

if TYPE_CHECKING:
    from assay.tasks.admission import Proof
    from assay.tasks.chosen import Chosen

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE|DIR|SOURCE:FILE",
        help="A task source (drills, say), a task directory, a folder of them, or a benchmark's file (swebench:FILE).",
    ),
]
Split = Annotated[str, typer.Option("--split", help="The source's split: train, seen, unseen.")]
Seed = Annotated[int, typer.Option("--seed", help="Another seed draws other tasks.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Mirrors = Annotated[
    str | None,
    typer.Option(
        "--mirrors",
        metavar="DIR",
        help="Git directories of repositories, as DIR/owner+name or DIR/owner__name; without it they are cloned.",
    ),
]
Instances = Annotated[
    str | None,
    typer.Option("--instances", metavar="IDS", help="Only these records of a benchmark, with commas between."),
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="How many tasks are built or checked side by side.")]


@app.command()
def show(
    name: Source,
    split: Split = "train",
    count: Annotated[int, typer.Option("--count", min=0, help="How many tasks.")] = 3,
    seed: Seed = 0,
    mirrors: Mirrors = None,
    instances: Instances = None,
    as_json: Json = False,
) -> None:
    """Print tasks as an agent meets them, with the bug and its cure."""
    from assay.tasks.chosen import chosen

    found = chosen(name, split=split, count=count, seed=seed, options=_options(mirrors, instances, None))
    for task_id, why in found.broken:
        typer.echo(f"{task_id}: {why}", err=True)
    if as_json:
        typer.echo(json.dumps([task.model_dump(mode="json") for task in found.tasks]))
        return
    for task in found.tasks:
        facts = [f"{key} {task.metadata[key]}" for key in ("template", "operator", "line") if key in task.metadata]
        typer.echo(f"== {task.id} ({', '.join([task.family, *facts])})")
        typer.echo(task.instruction)
        for path, text in task.files.items():
            typer.echo(f"-- {path}\n{text.rstrip()}")
        if "before" in task.metadata:
            typer.echo(f"-- bug:  {task.metadata['before'].strip()}\n-- cure: {task.metadata['after'].strip()}")
            typer.echo("\n".join(f"-- no cure: {line.strip()}" for line in task.metadata.get("wrong", [])))
        typer.echo("")


@app.command("import")
def import_(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A source that reads a benchmark's file: swebench, say.")
    ],
    dataset: Annotated[str, typer.Option("--dataset", metavar="FILE|hf:NAME", help="Its records.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write each task as a directory here.")
    ] = None,
    instances: Instances = None,
    mirrors: Mirrors = None,
    workers: Workers = 2,
    executor: ExecutorOption = "local",
    as_json: Json = False,
) -> None:
    """Make tasks of a benchmark's records, and all that they need; exit status 1 when one cannot be made.

    Downloads what the records name: packages of the index, and without --mirrors clones of the repositories.
    """
    from assay.errors import UserError
    from assay.tasks.chosen import Chosen, chosen
    from assay.tasks.folder import save

    found = chosen(f"{source}:{dataset}", options=_options(mirrors, instances, workers, executor))
    broken = list(found.broken)
    if out is not None:
        saved = []
        for task in found.tasks:
            place = out / task.id.replace("/", "__")
            try:
                save(task, place)
                saved.append(task)
            except UserError as error:
                broken.append((task.id, str(error)))
        found = Chosen(saved, broken)
    if as_json:
        for task in found.tasks:
            typer.echo(json.dumps({"id": task.id, "made": True, "reason": ""}))
        for name, why in broken:
            typer.echo(json.dumps({"id": name, "made": False, "reason": why}))
        total = len(found.tasks) + len(broken)
        typer.echo(json.dumps({"tasks": total, "made": len(found.tasks), "refused": len(broken)}))
    else:
        for name, why in broken:
            typer.echo(f"{name}: {why}")
        typer.echo(f"{len(found.tasks)} of {len(found.tasks) + len(broken)} made" + (f" in {out}" if out else ""))
    if broken:
        raise typer.Exit(1)


@app.command()
def check(
    name: Source,
    split: Split = "train",
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="How many tasks: of a source that draws them 50, else all.")
    ] = None,
    seed: Seed = 0,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="How often each is graded.")] = 3,
    instances: Instances = None,
    mirrors: Mirrors = None,
    workers: Workers = 2,
    executor: ExecutorOption = "local",
    as_json: Json = False,
    sandbox: SandboxOption = None,
) -> None:
    """Grade gold and no change of each task in the sandbox; exit status 1 when one is refused.

    A verdict that is not the same each time refuses a task too, and so does a test that must turn and passes before.
    With a benchmark's file this makes the tasks first, as `tasks import` does: what they need is downloaded and built.
    """
    import time

    from assay.cli.stopping import stoppable
    from assay.executors.chosen import LOCAL, open_cluster
    from assay.tasks.admission import prove, prove_on
    from assay.tasks.chosen import chosen

    began = time.monotonic()
    refused: list[tuple[str, str]] = []

    def told(proof: "Proof") -> None:
        if proof.reason:
            refused.append((proof.id, proof.reason))
        if as_json:
            _line(proof.id, proof.gold, proof.noop, proof.flaky, proof.seconds, proof.reason)

    with stoppable("what is built is kept, what is proven is not; to begin again") as stopping:
        options = _options(mirrors, instances, workers, executor)
        found = chosen(name, split=split, count=count, seed=seed, options=options)
        refused += found.broken
        if as_json:
            for task_id, why in found.broken:
                _line(task_id, None, None, False, 0.0, why)

        async def prove_there() -> None:
            async with open_cluster(executor) as cluster:
                await prove_on(cluster, found.tasks, repeats=repeats, told=told)

        here = executor == LOCAL
        stopping.run(prove(found.tasks, repeats=repeats, workers=workers, told=told) if here else prove_there())
    total = len(found.tasks) + len(found.broken)
    if as_json:
        typer.echo(json.dumps({"tasks": total, "proven": total - len(refused), "refused": len(refused)}))
    else:
        _table(name, found, refused, repeats)
        typer.echo(f"{total - len(refused)} of {total} admitted in {time.monotonic() - began:.1f} s")
    if refused:
        raise typer.Exit(1)


def _options(
    mirrors: str | None, instances: str | None, workers: int | None, executor: str | None = None
) -> dict[str, str]:
    given = {"mirrors": mirrors, "instances": instances, "workers": workers, "executor": executor}
    return {key: str(value) for key, value in given.items() if value is not None}


def _line(task_id: str, gold: float | None, noop: float | None, flaky: bool, seconds: float, reason: str) -> None:
    """Print what is known of one task, as soon as it is."""
    from sys import stdout

    said = {"id": task_id, "gold": gold, "noop": noop, "flaky": flaky, "seconds": seconds, "reason": reason}
    typer.echo(json.dumps(said))
    stdout.flush()


def _table(name: str, found: "Chosen", refused: list[tuple[str, str]], repeats: int) -> None:
    """Print how many tasks of each family came in, and why the others did not."""
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    out = {task_id for task_id, _ in refused}
    planned = Counter(task.family for task in found.tasks)
    admitted = Counter(task.family for task in found.tasks if task.id not in out)
    table = Table("family", "tasks", "admitted", title=f"{name}, {repeats} times each")
    for family in sorted(planned):
        table.add_row(family, str(planned[family]), str(admitted[family]))
    table.add_row("all", str(len(found.tasks) + len(found.broken)), str(admitted.total()), end_section=True)
    Console().print(table)
    for task_id, why in refused:
        typer.echo(f"{task_id}: {why}")
