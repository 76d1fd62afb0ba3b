"""`assay compare`: arms of anybody's runs on the same tasks, with intervals and paired differences."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import ExecutorOption

if TYPE_CHECKING:
    from assay.report.comparison import Comparison


def compare(
    arms: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]PATH[:ARM]...",
            help="Runs, ledgers, Inspect logs, SWE-bench reports, JSON lines or CSV; the first arm is the baseline.",
        ),
    ],
    common: Annotated[
        bool, typer.Option("--common", help="Compare on the tasks that all arms have, and say what was dropped.")
    ] = False,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Count attempts that `assay audit` flags as known cheats.")
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option("--margin", min=0, max=1, help="Arms within this difference are called equal (0.05 is 5 points)."),
    ] = None,
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="The level of intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Bootstrap resamples.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="The seed of the resampling.")] = 0,
    forest: Annotated[Path | None, typer.Option("--forest", help="Draw the forest plot into this PNG file.")] = None,
    executor: ExecutorOption = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as one JSON object.")] = False,
) -> None:
    """Compare arms on the same tasks: scores with intervals, paired differences, equivalence, what could be detected.

    Attempts without a valid score (failures of the machinery) are in no rate and are counted. A known cheat is a
    failure; the score with cheats removed and as successes stands beside it.
    """
    import json

    from assay.errors import UserError
    from assay.executors.spread import spread_over
    from assay.ledger.outcomes import read_arms
    from assay.report.comparison import as_json as plain
    from assay.report.comparison import compare as compared

    read = [arm.audited() if flagged else arm for word in arms for arm in read_arms(word)]
    if margin == 0:
        raise UserError("--margin is a difference above 0 below which arms are called equal: say 0.05, or leave it out")
    spread = spread_over(executor)
    found = compared(read, common=common, margin=margin, level=level, resamples=resamples, seed=seed, spread=spread)
    if forest is not None:
        from assay.report.forest import forest as drawn

        try:
            forest.write_bytes(drawn(found))
        except OSError as error:
            raise UserError(f"the plot {forest} cannot be written ({error}): name another --forest") from error
    if as_json:
        typer.echo(json.dumps(plain(found)))
    else:
        _say(found, level)
        if forest is not None:
            typer.echo(f"The forest plot is {forest}.")


def _say(found: "Comparison", level: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from assay.report.words import between, count, finding, p_value, percent, points

    console = Console()
    table = Table(title=f"{found.tasks} tasks, intervals at {level:.0%}", title_justify="left")
    for name, side in (("arm", "left"), ("n", "right"), ("coverage", "right"), ("score", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for name in ("interval", "rank"):
        table.add_column(name, justify="right")
    for row in found.rows:
        rank = (
            str(row.rank.place)
            if row.rank.low == row.rank.high
            else f"{row.rank.place} ({row.rank.low}-{row.rank.high})"
        )
        size = f"{row.score.n}" + (f" of {row.planned}" if row.score.n != row.planned else "")
        table.add_row(row.name, size, f"{row.coverage:.0%}", percent(row.score.estimate), between(row.score), rank)
    console.print(table)
    for row in found.rows:
        shape = f"{count(row.seeds, 'seed')}, {count(row.trials, 'trial')} a task"
        said = f"{row.name}: {shape}; {row.score.method}"
        if row.clustered is not None:
            said += f"; clustered by task and repository {between(row.clustered)}"
        if row.cheats is not None:
            removed, passed = row.cheats
            said += (
                f"; cheats as failures {percent(row.score.estimate)}, removed {percent(removed.estimate)}, "
                f"as successes {percent(passed.estimate)}"
            )
        console.print(said, style="dim", highlight=False, markup=False)
    if found.pairs:
        differences = Table(title=f"paired differences to {found.pairs[0].baseline}", title_justify="left")
        for name in ("arm", "difference", "interval", "p", "p (Holm)", "can detect"):
            differences.add_column(name, justify="left" if name == "arm" else "right")
        differences.add_column("finding")
        for pair in found.pairs:
            differences.add_row(
                pair.name,
                points(pair.difference.interval.estimate),
                between(pair.difference.interval, points),
                p_value(pair.p) + (" (exact)" if pair.exact is not None else ""),
                p_value(pair.p_holm),
                points(pair.detectable).lstrip("+"),
                finding(pair.verdict, found.margin),
            )
        console.print(differences)
    for note in found.notes:
        console.print(f"Note: {note}.", highlight=False, markup=False)
