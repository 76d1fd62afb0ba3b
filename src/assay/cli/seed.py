"""`assay tasks seed`: seed bugs into packages or repositories that have tests, and write them as task directories."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import ExecutorOption, SandboxOption

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assay.tasks.seeding.rewrite import Ask
    from assay.tasks.seeding.seed import Seeded


def seed(
    packages: Annotated[
        list[str],
        typer.Argument(metavar="PACKAGE[==VERSION]|PATH...", help="Packages of the index, or paths of repositories."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to write the tasks into.")] = Path("seeded-tasks"),
    count: Annotated[int, typer.Option("--count", min=1, help="At most so many tasks of each package.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives other bugs.")] = 0,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="Try no further bugs after so long.")] = 60.0,
    more: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="REQUIREMENT", help="What the tests need and the package does not say."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Sandboxes at once; 0: one a core.")] = 0,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="openai:URL#NAME", help="A model that writes the issues, else a template."),
    ] = None,
    key_from: Annotated[
        str | None,
        typer.Option("--key-from", help="A variable with its API key, or keyring:SERVICE/NAME; else $OPENAI_API_KEY."),
    ] = None,
    executor: ExecutorOption = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a package and one at the end.")] = False,
    sandbox: SandboxOption = None,
) -> None:
    """Seed bugs into packages that have tests; keep those that some of the tests see and others do not.

    Downloads the packages that are named, and wheels of what they need. Setup scripts do not run, tests run in the
    sandbox. The tasks are of the kind `tests`; `assay tasks check OUT` proves them.
    """
    import time

    from assay.cli.stopping import stoppable
    from assay.errors import UserError
    from assay.executors.chosen import LOCAL, open_cluster
    from assay.tasks.folder import save
    from assay.tasks.seeding.seed import seed_all, seed_on

    began = time.monotonic()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is already there and not empty: name another folder with --out")

    if executor != LOCAL and model is not None:
        raise UserError("a model writes issues where the command runs: leave out --model or --executor")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    wanted: dict[str, Any] = {"count": count, "seed": seed, "more": more or (), "minutes": minutes, "workers": workers}

    async def run(ask: "Ask | None" = None) -> "list[Seeded]":
        if executor == LOCAL:
            return await seed_all(packages, **wanted, say=say, ask=ask)
        async with open_cluster(executor) as cluster:
            return await seed_on(cluster, packages, **wanted, say=say)

    with stoppable("no task is written; to begin again") as stopping:
        found = stopping.run(run() if model is None else _with_model(model, key_from, seed, run))
    for each in found:
        for task in each.tasks:
            save(task, out / task.id.removeprefix("seeding/").replace("/", "-"))
        if each.refused:
            typer.echo(f"{each.where}: {each.refused}", err=True)
        if as_json:
            line = {"package": each.where, "candidates": each.counted.tried, "valid": len(each.tasks)}
            typer.echo(json.dumps({**line, "dropped": dict(each.counted.dropped), "refused": each.refused}))
        elif not each.refused:
            typer.echo(f"{each.where}: {len(each.tasks)} tasks of {each.counted.tried} bugs tried")
    candidates, valid = sum(each.counted.tried for each in found), sum(len(each.tasks) for each in found)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        typer.echo(json.dumps({"candidates": candidates, "valid": valid, "seconds": seconds}))
    else:
        typer.echo(f"{valid} tasks of {candidates} bugs tried in {seconds:.0f} s, in {out}")
    if not valid:
        raise typer.Exit(2)


async def _with_model(
    word: str, key_from: str | None, seed: int, run: "Callable[[Ask], Awaitable[list[Seeded]]]"
) -> "list[Seeded]":
    """Run with a model that writes the issues. Raises UserError when there is none where `word` says."""
    from assay.models.chosen import open_model, which
    from assay.models.keys import named_key
    from assay.nouns import Message, Role

    def tell(why: str) -> None:
        typer.echo(why, err=True)

    async with open_model(which(word, **named_key(key_from)), tell=tell, check=True) as model:

        async def ask(prompt: str) -> str:
            return (await model.reply([Message(role=Role.USER, content=prompt)], seed=seed)).text

        return await run(ask)
