"""`assay chaos`: inject faults into real runs, and say which laws held."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.chaos.trial import Outcome


def chaos(
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="NAME", help="A fault, or NAME+NAME for some in one run; may be repeated."),
    ] = None,
    faults: Annotated[int, typer.Option("--faults", min=0, help="So many faults at random.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is drawn: which faults, when, and how.")] = 0,
    together: Annotated[int, typer.Option("--together", min=1, help="Faults drawn for one run, at most.")] = 4,
    listed: Annotated[bool, typer.Option("--list", help="Name the faults that there are, and stop.")] = False,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep the runs in which a law broke here.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a run, and the summary as the last.")
    ] = False,
) -> None:
    """Disturb real runs of `assay solve` on small tasks against an endpoint on this machine, and check the laws.

    After each fault: every planned attempt has exactly one status, no fault became a score, the ledger is whole,
    nothing is left on the machine, and a restart finishes the plan. Exit status 1 when one of them did not hold.
    """
    import json

    from assay.chaos.campaign import campaign, drawn, named
    from assay.chaos.registry import fault_names, find_fault
    from assay.errors import UserError

    if listed:
        for name in fault_names():
            found = find_fault(name)
            lack = found.lacking()
            typer.echo(f"{name:22} {found.about}{f' (not here: {lack})' if lack else ''}")
        return
    plans = [*named(fault or [], seed), *drawn(faults, seed, together)]
    if not plans:
        raise UserError("no fault is asked for: name some with --fault (--list shows them), or draw some with --faults")
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    typer.echo(f"{sum(len(names) for names, _ in plans)} faults in {len(plans)} runs, seed {seed}", err=True)
    report = campaign(plans, folder=keep, keep=keep is not None, done=lambda one: _say(one, as_json))
    if as_json:
        typer.echo(json.dumps(report.total))
    else:
        typer.echo(f"{report.injected} faults injected in {len(plans)} runs; laws broken in {report.broken}")
    if report.broken:
        raise typer.Exit(1)


def _say(outcome: "Outcome", as_json: bool) -> None:
    import json
    from dataclasses import asdict

    if as_json:
        typer.echo(json.dumps({**asdict(outcome), "broken": outcome.broken}))
        return
    again = f"--fault {outcome.name} --seed {outcome.seed}"
    if outcome.skipped:
        typer.echo(f"{again}: skipped: {outcome.skipped}")
        return
    typer.echo(f"{again}: {'BROKEN' if outcome.broken else 'held'}, {outcome.wall_s:.1f} s")
    for note in outcome.notes:
        typer.echo(f"  {note.at:6.2f} s  {note.fault}: {note.what}")
    for law, why in outcome.laws.items():
        typer.echo(f"  {law}: {'; '.join(why) if why else 'held'}")
