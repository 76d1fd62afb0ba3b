"""`assay doctor`: look at a run, a training set or a checkpoint, and say in words what is wrong with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.training.doctor import Finding


def doctor(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|DATASET|MODEL", help="A directory of `assay train`, `assay data build`, or a model."
        ),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATASET", help="The training set, where the run does not name it.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="DIR", help="A checkpoint: the tokenizer that a training set is for."),
    ] = None,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="DIR", help="The model that a run or an adapter began with.")
    ] = None,
    prompts: Annotated[int, typer.Option("--prompts", min=1, help="Held-out prompts to answer.")] = 8,
    most: Annotated[int, typer.Option("--most", min=16, help="Tokens an answer may have.")] = 128,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of {check, status, value, advice}.")] = False,
) -> None:
    """Run every check that fits and print what it found: ok, warn, fail, or skipped with the reason.

    Nothing is changed. Exit status 1 when a check fails.
    """
    import json

    import torch

    from assay.training.doctor import Patient, Status, examine

    torch.set_num_threads(1)  # the same numbers every time, and on small models faster than two
    patient = Patient(path, data=data, model=model, base=base, prompts=prompts, most=most)
    found = examine(patient, tell=lambda name: None if as_json else typer.echo(f"looking at {name}", err=True))
    if as_json:
        typer.echo(json.dumps([finding.model_dump(mode="json") for finding in found], indent=1))
    else:
        _say(found)
    if any(finding.status is Status.FAIL for finding in found):
        raise typer.Exit(1)


def _say(found: "list[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from assay.training.doctor import Status

    styles = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red", Status.SKIPPED: "dim"}
    table = Table("check", "status", "measured")
    for finding in found:
        if finding.status is not Status.SKIPPED:
            table.add_row(
                finding.check, Text(finding.status.value, styles[finding.status]), Text(_short(finding.value))
            )
    Console().print(table)
    for finding in found:
        if finding.status in (Status.FAIL, Status.WARN):
            typer.echo(f"{finding.status.value}: {finding.check}: {finding.advice}")
    skipped = [finding for finding in found if finding.status is Status.SKIPPED]
    for reason in dict.fromkeys(finding.advice for finding in skipped):
        names = ", ".join(finding.check for finding in skipped if finding.advice == reason)
        typer.echo(f"skipped: {names}: {reason}")
    failed = sum(finding.status is Status.FAIL for finding in found)
    warned = sum(finding.status is Status.WARN for finding in found)
    looked = len(found) - len(skipped)
    typer.echo(f"{looked} checks: {failed} failed, {warned} warned" if failed or warned else f"{looked} checks, all ok")


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return " ".join(_short(one) for one in value)
    return "-" if value is None else str(value)
