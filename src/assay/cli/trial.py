"""The `assay trial` commands: draw a trial's conditions, record what happens to each item, read the effect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.experiments.trial import Analysis

app = typer.Typer(help="Measure how much a tool changes the time that work takes.", no_args_is_help=True)


@app.command()
def plan(
    items: Annotated[Path, typer.Argument(help="CSV with the column item, and person where several take part.")],
    out: Annotated[Path, typer.Option("--out", help="The register to write, JSON lines.")],
    seed: Annotated[int, typer.Option("--seed", help="The seed of the draw; it is stored.")],
    conditions: Annotated[
        tuple[str, str], typer.Option("--conditions", help="Their names; the second is the treatment.")
    ] = ("without", "with"),
) -> None:
    """Draw a condition for every item, half of each person's to either, and write the register."""
    from assay.experiments.trial.register import Register, read_items

    found = read_items(items)
    Register.planned(out, found, seed, conditions)
    people = len({person for _, person in found})
    typer.echo(
        f"{len(found)} items of {people} {'person' if people == 1 else 'people'} are drawn into {out}. A condition is "
        f"told after a forecast: assay trial record {out} ITEM forecast --minutes 60"
    )


@app.command()
def record(
    register: Annotated[Path, typer.Argument(help="The register.")],
    item: Annotated[str, typer.Argument(help="The item.")],
    event: Annotated[str, typer.Argument(help="forecast, start, pause, resume, stop, review, refuse or withhold.")],
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Of the forecast, made as if without; or of the review after.")
    ] = None,
    parallel: Annotated[bool, typer.Option("--parallel", help="Other work went on beside it.")] = False,
    why: Annotated[str, typer.Option("--why", help="Why it is refused or withheld.")] = "",
) -> None:
    """Write down what happens to an item, at this moment. The first is its forecast; then its condition is told."""
    from assay.experiments.trial import Register

    found = Register(register).record(item, event, minutes=minutes, parallel=parallel, why=why)
    if event == "forecast":
        typer.echo(f"{item} is to be done {found.condition}.")
    elif found.done:
        typer.echo(f"{item} took {found.minutes + (found.review or 0):.1f} minutes.")
    else:
        typer.echo(f"{item}: {event} is written down ({found.minutes:.1f} minutes so far).")


@app.command()
def analyse(
    where: Annotated[Path, typer.Argument(metavar="REGISTER|CSV", help="A register, or a table with a row an item.")],
    treatment: Annotated[str, typer.Option("--treatment", help="CSV: the column with 1 or 0.")] = "",
    time: Annotated[
        list[str] | None, typer.Option("--time", help="CSV: the column with minutes; several are added.")
    ] = None,
    forecast: Annotated[str, typer.Option("--forecast", help="CSV: the column with forecasts.")] = "",
    person: Annotated[str, typer.Option("--person", help="CSV: the column that says who.")] = "",
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="The level of intervals.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Estimate the effect on the time that items take, by least squares of log time on treatment and log forecast."""
    import json

    from assay.experiments.trial import Register, rows_of_csv, rows_of_register
    from assay.experiments.trial import analyse as analysed

    if where.suffix.lower() == ".csv":
        rows = rows_of_csv(where, treatment=treatment, times=time or (), forecast=forecast, person=person)
    else:
        rows = rows_of_register(Register(where))
    found = analysed(rows, level=level)
    typer.echo(json.dumps(_plain(found))) if as_json else _say(found)


def _plain(found: "Analysis") -> dict[str, object]:
    effect = found.effect
    clustered = effect.clustered
    return {
        "effect": effect.homoskedastic.estimate,
        "ci": [effect.homoskedastic.low, effect.homoskedastic.high],
        "ci_hc3": [effect.hc3.low, effect.hc3.high],
        "ci_clustered": None if clustered is None else [clustered.low, clustered.high],
        "n": effect.homoskedastic.n,
        "p": effect.p,
        "treated": effect.treated,
        "clusters": effect.clusters,
        "imputed": found.imputed,
        "parallel": found.parallel,
        "effect_without_parallel": None if found.alone is None else found.alone.homoskedastic.estimate,
        "unforecast": found.unforecast,
        "attrition": [{"planned": arm.planned, "done": arm.done, **arm.others} for arm in found.attrition],
        "attrition_p": found.attrition_p,
    }


def _say(found: "Analysis") -> None:
    effect = found.effect
    shown = [("homoskedastic", effect.homoskedastic), ("HC3", effect.hc3)]
    shown += [(f"clustered by {effect.clusters} people", effect.clustered)] if effect.clustered is not None else []
    typer.echo(
        f"With the treatment the time of items changes by {100 * effect.homoskedastic.estimate:+.1f} % "
        f"(n = {effect.homoskedastic.n}, {effect.treated} with it; p = {effect.p:.3g})."
    )
    for name, interval in shown:
        typer.echo(
            f"  {interval.level:.0%} interval, {name}: [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}] %"
        )
    if not found.adjusted:
        typer.echo(
            "  No item has a forecast, so the estimate is not adjusted for how long items were expected to take."
        )
    for name, arm in zip(("without", "with"), found.attrition, strict=True):
        ended = "".join(f", {count} {how}" for how, count in sorted(arm.others.items()))
        typer.echo(f"  {name}: {arm.done} of {arm.planned} items have a time{ended}")
    typer.echo(f"  That both lose alike has p = {found.attrition_p:.2g}.")
    if found.imputed:
        typer.echo(f"  {found.imputed} missing parts of times took the mean of their arm.")
    if found.unforecast:
        typer.echo(f"  {found.unforecast} items without a forecast were left out.")
    if found.alone is not None:
        typer.echo(
            f"  Without the {found.parallel} items that other work went on beside: "
            f"{100 * found.alone.homoskedastic.estimate:+.1f} %."
        )
