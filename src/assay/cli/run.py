"""`assay run`: run an experiment file, or go on with a run that was stopped."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import BudgetAttempts, BudgetTokens, BudgetWall, ExecutorOption, SandboxOption


def run(
    experiment: Annotated[Path, typer.Argument(help="The experiment file, such as experiments/twins.toml.")],
    scale: Annotated[str, typer.Option("--scale", help="The one dial: a table [scale.N] of the file.")] = "1",
    out: Annotated[Path | None, typer.Option("--out", help="The run directory; runs/NAME by default.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes; 0 takes one a core.")] = 0,
    executor: ExecutorOption = "local",
    budget_tokens: BudgetTokens = None,
    budget_wall: BudgetWall = "",
    budget_attempts: BudgetAttempts = None,
    sandbox: SandboxOption = None,
) -> None:
    """Run an experiment: draw tasks, teach, train every arm, test every checkpoint, draw the report.

    Run again in the same directory it goes on where it stopped; finished work is reused.
    """
    import os

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from assay.cli.stopping import STOPPED, command, stoppable
    from assay.experiments.config import read_experiment
    from assay.experiments.scaling import run_scaling, totals
    from assay.report.build import build
    from assay.rollout.budget import Limits
    from assay.rollout.budget_words import seconds

    wall_s = seconds(budget_wall) if budget_wall else None
    limits = Limits(tokens=budget_tokens, wall_s=wall_s, attempts=budget_attempts)
    chosen = read_experiment(experiment, scale)
    count = workers or len(os.sched_getaffinity(0))
    directory = out or Path("runs") / chosen.name
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description:>24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[budgets]}"),
        console=console,
    )
    # A bar shows once its work moves, so that a run with nothing left to do shows none.
    bars = {
        kind: progress.add_task(kind, total=total, visible=False, budgets="") for kind, total in totals(chosen).items()
    }

    def say(text: str) -> None:
        progress.console.print(text, highlight=False, soft_wrap=True)

    def show(kind: str, done: int) -> None:
        bar = progress.tasks[bars[kind]]
        progress.update(bar.id, completed=min(bar.completed + done, bar.total or 0), visible=True)

    def tell(budgets: str) -> None:
        *others, last = [bar for bar in progress.tasks if bar.visible] or progress.tasks
        for bar in others:
            progress.update(bar.id, budgets="")
        progress.update(last.id, budgets=budgets)

    with stoppable("what is finished is kept; to go on") as stopping, progress:
        why = run_scaling(
            chosen,
            directory,
            workers=count,
            say=say,
            show=show,
            executor=executor,
            limits=limits,
            tell=tell,
            run=stopping.run,
        )
        if why:
            say(f"{why}: {command()}")
            raise typer.Exit(STOPPED)
        say("drawing the report from the ledger")
        report = build(directory)
    typer.echo(f"report: {report.index}")
