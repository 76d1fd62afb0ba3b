"""`assay power`: what a design can find before it is run."""

from typing import Annotated

import typer


def power(
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like", metavar="[NAME=]PATH[:ARM]", help="Take the spread from two arms of a run; give it twice."
        ),
    ] = None,
    rates: Annotated[
        tuple[float, float] | None, typer.Option("--rates", help="Or guess the two pass rates, such as 0.30 0.36.")
    ] = None,
    correlation: Annotated[
        float, typer.Option("--correlation", min=0, max=1, help="A guess how alike the arms solve tasks.")
    ] = 0.5,
    seed_sd: Annotated[
        float | None, typer.Option("--seed-sd", min=0, help="A guess how much the difference varies by seed.")
    ] = None,
    tasks: Annotated[int | None, typer.Option("--tasks", min=1, help="Tasks of the design.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Training seeds of each arm.")] = 1,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials a task and seed.")] = 1,
    difference: Annotated[
        float | None, typer.Option("--difference", help="The true difference to be found; 0.05 is 5 points.")
    ] = None,
    wanted: Annotated[float, typer.Option("--power", min=0.01, max=0.999, help="The power wanted.")] = 0.8,
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="The level of the interval.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what difference a design can find, with what power, and how many tasks it would need."""
    import json
    from dataclasses import replace

    from assay.errors import UserError
    from assay.ledger.outcomes import read_arms
    from assay.report.comparison import paired_tables
    from assay.statistics.design import detectable, guessed, spread_of, tasks_needed
    from assay.statistics.design import power as chance

    if (like is None) == (rates is None):
        raise UserError("say what the spread is from: two arms with --like A --like B, or two guessed --rates")
    if tasks is None and difference is None:
        raise UserError("give --tasks (what can they find?), --difference (how many tasks does it need?), or both")
    source = "guesses"
    try:
        if rates is not None:
            spread = guessed(*rates, correlation=correlation)
        else:
            arms = [arm for word in like or () for arm in read_arms(word)]
            if len(arms) != 2:
                raise UserError(f"--like names {len(arms)} arms and a difference is of two: name each as PATH:ARM")
            spread = spread_of(*paired_tables(*arms))
            source = f"{arms[0].name} and {arms[1].name}"
        if seed_sd is not None:
            spread = replace(spread, seed_sd=seed_sd)
        found: dict[str, object] = {
            "spread": {"task_sd": spread.task_sd, "seed_sd": spread.seed_sd, "noise_sd": spread.noise_sd},
            "from": source,
            "tasks": tasks,
            "seeds": seeds,
            "trials": trials,
        }
        if tasks is not None:
            found["detectable"] = detectable(spread, tasks, seeds=seeds, trials=trials, wanted=wanted, level=level)
        if difference is not None:
            found["difference"] = difference
            found["tasks_needed"] = tasks_needed(
                difference, spread, seeds=seeds, trials=trials, wanted=wanted, level=level
            )
            if tasks is not None:
                found["power"] = chance(difference, spread, tasks, seeds=seeds, trials=trials, level=level)
    except ValueError as error:
        raise UserError(f"the design cannot be judged: {error}") from error
    if as_json:
        typer.echo(json.dumps(found))
        return
    design = f"{seeds} seed{'s' * (seeds > 1)} and {trials} trial{'s' * (trials > 1)} a task"
    typer.echo(
        f"Spread of the difference, from {source}: {100 * spread.task_sd:.1f} points between tasks, "
        f"{100 * spread.seed_sd:.1f} between seeds, {100 * spread.noise_sd:.1f} of one trial."
    )
    if tasks is not None:
        least = 100 * float(found["detectable"])  # type: ignore[arg-type]
        typer.echo(f"{tasks} tasks with {design} find a difference of {least:.1f} points with {wanted:.0%} power.")
    if difference is not None:
        if tasks is not None:
            typer.echo(f"They find {100 * difference:.1f} points with {found['power']:.0%} power.")
        needed = found["tasks_needed"]
        typer.echo(
            f"For {wanted:.0%} power at {100 * difference:.1f} points the design needs {needed} tasks."
            if needed is not None
            else f"No number of tasks gives {wanted:.0%} power at {100 * difference:.1f} points: seeds differ too "
            "much, take more of them."
        )
