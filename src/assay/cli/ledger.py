"""The `assay ledger` commands: check a ledger, look through it, save what can be read of a damaged one."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.ledger.browse import Filter, Row
    from assay.ledger.reading import LedgerReader

app = typer.Typer(help="Check ledgers and look through them.", no_args_is_help=True)

_PATH = typer.Argument(metavar="RUN|LEDGER", readable=False, help="A run's folder, or a ledger's file.")
_SHOWN = 10  # findings of a kind, for people


@app.command()
def check(
    path: Annotated[Path, _PATH],
    partial: Annotated[
        bool, typer.Option("--partial", help="Planned attempts without an end are no fault: the run goes on.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a finding a line, and the counts last.")] = False,
) -> None:
    """Verify the file, its schema, every trajectory's hash, and that every planned attempt has exactly one end.

    Exit status 0 when the ledger is whole, 1 when it is not. Nothing is changed.
    """
    from collections import Counter

    from assay.ledger.check import LEFT_OVER, OPEN, Check

    found = Check(_ledger(path))
    said: Counter[str] = Counter()
    for finding in found.findings():
        if as_json:
            line = {"kind": finding.kind, "where": finding.where, "what": finding.what, "damage": finding.damage}
            typer.echo(json.dumps(line))
            continue
        said[finding.kind] += 1
        if said[finding.kind] <= _SHOWN:
            typer.echo(_plain(f"{finding.kind}: {finding.where}: {finding.what}"))
    counts = found.counts
    whole = not counts["damaged"] and (partial or not counts[OPEN])
    if as_json:
        names = ("planned", "recorded", "trajectories", OPEN, "damaged", "left over bytes")
        told = {name.replace(" ", "_"): counts[name] for name in names}
        typer.echo(json.dumps({"ledger": str(found.path), "schema": found.version, **told, "whole": whole}))
    else:
        for kind, number in said.items():
            if number > _SHOWN:
                typer.echo(f"{kind}: {number - _SHOWN} more (--json prints all)")
        over = f", {counts['left over bytes']} bytes left over" if counts[LEFT_OVER] else ""
        typer.echo(
            f"{found.path}: {counts['recorded']} of {counts['planned']} planned attempts recorded, "
            f"{counts['trajectories']} trajectories read, {counts[OPEN]} unfinished, {counts['damaged']} damaged{over}"
            f": {'whole' if whole else 'not whole'}"
        )
    if not whole:
        raise typer.Exit(1)


@app.command()
def show(
    path: Annotated[Path, _PATH],
    attempt: Annotated[str, typer.Argument(help="An attempt's id: show it step by step.")] = "",
    arm: Annotated[list[str] | None, typer.Option("--arm", help="Only of this arm; may be repeated.")] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only with this status, or unfinished; may be repeated.")
    ] = None,
    split: Annotated[list[str] | None, typer.Option("--split", help="Only of this split; may be repeated.")] = None,
    seed: Annotated[list[int] | None, typer.Option("--seed", help="Only of this seed; may be repeated.")] = None,
    dose: Annotated[list[int] | None, typer.Option("--dose", help="Only of this dose; may be repeated.")] = None,
    task: Annotated[str, typer.Option("--task", help="Only tasks with this in their name.")] = "",
    text: Annotated[str, typer.Option("--text", help="Only with this in detail, reason or task.")] = "",
    flagged: Annotated[
        bool | None, typer.Option("--flagged/--not-flagged", help="Only what the audit found something in, or not.")
    ] = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Go on behind this position.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.")] = 50,
    last: Annotated[bool, typer.Option("--last", help="From the end of the plan backwards.")] = False,
    events: Annotated[bool, typer.Option("--events", help="What happened to the run instead, by time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the planned attempts with how they ended, those of a filter, or one of them step by step."""
    from contextlib import closing

    from assay.ledger.browse import Filter
    from assay.ledger.reading import LedgerReader

    wanted = Filter(
        arms=tuple(arm or ()),
        statuses=_statuses(status or []),
        splits=tuple(split or ()),
        seeds=tuple(seed or ()),
        doses=tuple(dose or ()),
        task=task,
        flagged=flagged,
        text=text,
    )
    with closing(LedgerReader(_ledger(path))) as reader:
        if events:
            _events(reader, as_json)
        elif attempt:
            _attempt(reader, attempt, as_json)
        else:
            _list(reader, wanted, reader.browse(wanted, after=after, limit=limit, newest_first=last), as_json)


@app.command()
def salvage(
    path: Annotated[Path, _PATH],
    out: Annotated[Path, typer.Argument(metavar="NEW", help="The ledger to write; it must not be there.")],
) -> None:
    """Write what can be read of a damaged ledger into a new one, and name and count the rest.

    An attempt whose trajectory is lost keeps its result. Exit status 1 when something was lost.
    """
    from assay.ledger.salvage import salvage as saved

    found = saved(_ledger(path), out)
    for said in found.lost:
        typer.echo(_plain(said), err=True)
    typer.echo(
        f"{found.attempts} attempts and {found.trajectories} trajectories, {found.tasks} tasks and {found.facts} facts "
        f"are in {out}; {len(found.lost)} things were lost"
    )
    if found.lost:
        raise typer.Exit(1)


def _ledger(path: Path) -> Path:
    return path / "ledger.sqlite" if os.path.isdir(path) else path


def _statuses(given: list[str]) -> tuple[str, ...]:
    from assay.errors import UserError
    from assay.ledger.browse import UNFINISHED
    from assay.nouns import Status

    known = [*(status.value for status in Status), UNFINISHED]
    for each in given:
        if each not in known:
            raise UserError(f"--status {each}: the statuses are {', '.join(known)}")
    return tuple(given)


def _list(reader: "LedgerReader", wanted: "Filter", rows: "tuple[Row, ...]", as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from assay.ledger.browse import UNFINISHED

    if as_json:
        for row in rows:
            typer.echo(json.dumps(asdict(row)))
        return
    table = Table()
    for name in ("id", "status", "value", "of", "detail"):
        table.add_column(name, no_wrap=name in ("id", "status"))
    for row in rows:
        of = f"{row.task_id}, {row.arm}, seed {row.seed}, dose {row.dose}, trial {row.trial}"
        value = "" if row.value is None else f"{row.value:g}"
        cells = (row.id, row.status or UNFINISHED, value, of, row.detail[:80])
        table.add_row(*(_cell(cell) for cell in cells))
    console = Console()
    console.print(table)
    typer.echo(f"{len(rows)} of {reader.count(wanted)} rows")


def _cell(text: str) -> str:
    from rich.markup import escape

    return escape(_plain(text).replace("\n", " "))


def _attempt(reader: "LedgerReader", attempt_id: str, as_json: bool) -> None:
    from assay.errors import UserError
    from assay.ledger.browse import UNFINISHED

    row = reader.row(attempt_id)
    if row is None:
        raise UserError(f"{reader.path} has no attempt {attempt_id}: `assay ledger show` lists those it has")
    ended, trajectory = reader.attempt(attempt_id), None
    try:
        trajectory = reader.trajectory(attempt_id)
    except UserError as error:
        typer.echo(_plain(str(error)), err=True)
    if as_json:
        told = {
            "id": attempt_id,
            "attempt": None if ended is None else ended.model_dump(mode="json"),
            "trajectory": None if trajectory is None else trajectory.model_dump(mode="json"),
        }
        typer.echo(json.dumps(told))
        return
    said = [f"{row.arm}, seed {row.seed}, dose {row.dose}, {row.task_id} ({row.split}), trial {row.trial}"]
    said.append(f"{row.status or UNFINISHED}{f': {row.reason}' if row.reason else ''}")
    if ended is not None and ended.detail:
        said.append(ended.detail)
    for number, step in enumerate(trajectory.steps if trajectory else (), 1):
        said += ["", f"step {number}: {step.reply.text}", f"-> {step.returncode}", step.observation]
    if trajectory is not None and trajectory.diff:
        said += ["", trajectory.diff]
    typer.echo(_plain("\n".join(said)))


def _events(reader: "LedgerReader", as_json: bool) -> None:
    from dataclasses import asdict
    from datetime import UTC, datetime

    for event in reader.events(attempts=as_json):
        if as_json:
            typer.echo(json.dumps(asdict(event)))
            continue
        when = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="seconds")
        said = ", ".join(f"{name} {value}" for name, value in event.body.items())
        typer.echo(_plain(f"{when} {event.host} {event.process} {event.kind}{f': {said}' if said else ''}"))


def _plain(text: str) -> str:
    """Escape what would steer a terminal: what a candidate wrote is shown here."""
    from assay.nouns.verdict import plain

    return plain(text)
