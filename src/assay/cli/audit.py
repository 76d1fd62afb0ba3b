"""`assay audit`: who cheated, whether a run is whole, and how agents went about their work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import SandboxOption

if TYPE_CHECKING:
    from assay.audit.findings import Finding
    from assay.audit.whole import Totals

_SHOWN = 25  # findings in the table
_EVALUATE = "evaluate"


def audit(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|LEDGER|FOLDER|evaluate",
            help="A run's directory, a ledger, or trajectories of other tools; `evaluate` measures the audit itself.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the findings go: by default audit.jsonl beside the ledger.")
    ] = None,
    judge: Annotated[
        str, typer.Option("--judge", metavar="MODEL", help="Ask this model last, as for `assay solve`; kept apart.")
    ] = "",
    perturb: Annotated[
        bool, typer.Option("--perturb", help="Run changed functions in the sandbox with other inputs as well.")
    ] = False,
    contrast: Annotated[
        bool, typer.Option("--contrast/--no-contrast", help="Compare the attempts at a task with one another.")
    ] = True,
    processes: Annotated[int, typer.Option("--processes", min=1, help="How many processes read a ledger.")] = 1,
    against: Annotated[
        list[Path] | None, typer.Option("--against", metavar="RUN", help="Another run of these tasks; may be repeated.")
    ] = None,
    labelled: Annotated[
        Path | None, typer.Option("--labelled", metavar="DIR|PARQUET", help="With evaluate: the labelled attempts.")
    ] = None,
    half: Annotated[
        list[str] | None,
        typer.Option(
            "--half",
            metavar="tuning|held-out|once-fresh|fresh|all",
            help="With evaluate: the halves of the labelled set to score; may be repeated. By default all but fresh.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The judge's seed, and with evaluate that of its set.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one finding a line, and the totals last.")] = False,
    sandbox: SandboxOption = None,
) -> None:
    """Look for cheats, for a run that is not whole, and at conduct; the findings are written beside the ledger.

    An attempt is flagged when a finding of the kind harness or task is at least 0.65 sure. Findings are grounds to
    look, each names its step and line; none of them changes a verdict. docs/audit.md says what each mechanism means.
    """
    if str(path) == _EVALUATE:
        _evaluate(labelled, half or [], seed, as_json)
        return
    _audit(path, out, judge, perturb, contrast, processes, against or [], seed, as_json)


def _evaluate(labelled: Path | None, half: list[str], seed: int, as_json: bool) -> None:
    import json
    import sys

    from assay.audit.evaluation import evaluate
    from assay.audit.evaluation.labels import halves_named

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    halves = halves_named(half)
    if labelled is not None and labelled.suffix == ".parquet":
        result = evaluate(cheatbench=labelled, seed=seed, tell=tell)
    else:
        result = evaluate(labelled, halves=halves, seed=seed, tell=tell)
    if as_json:
        for line in result.lines():
            typer.echo(json.dumps(line))
    else:
        typer.echo(result.text())


def _audit(
    path: Path, out: Path | None, judge: str, perturb: bool, contrast: bool, processes: int, against: list[Path],
    seed: int, as_json: bool,
) -> None:  # fmt: skip
    import heapq
    import json

    from assay.audit.findings import CONDUCT
    from assay.audit.whole import audit as audited
    from assay.audit.whole import six

    top: list[tuple[float, int, Finding]] = []
    count = 0

    def tell(found: "Finding") -> None:
        nonlocal count
        count += 1
        if as_json:
            typer.echo(json.dumps(six(found)))
        elif found.kind != CONDUCT:
            entry = (found.confidence, -count, found)
            heapq.heappush(top, entry) if len(top) < _SHOWN else heapq.heappushpop(top, entry)

    totals = audited(path, out=out, processes=processes, contrast=contrast, against=against, tell=tell)
    more: dict[str, Any] = {}
    if judge:
        more["judge"] = _judge(path, totals, judge, seed)
    if perturb:
        more["perturbed"] = _perturb(path, totals)
    if as_json:
        typer.echo(json.dumps({**totals.line(), **more}))
    else:
        _say(totals, [found for *_, found in sorted(top, reverse=True)], more)


def _judge(path: Path, totals: "Totals", word: str, seed: int) -> dict[str, Any]:
    import asyncio

    from assay.audit.judging import judge_all

    assert totals.written is not None
    return asyncio.run(judge_all(path, totals.written, word, seed=seed))


def _perturb(path: Path, totals: "Totals") -> dict[str, Any]:
    import asyncio

    from assay.audit.perturbing import perturb_all

    assert totals.written is not None
    return asyncio.run(perturb_all(path, totals.written))


def _say(totals: "Totals", top: "list[Finding]", more: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from assay.audit.findings import FLAGGED_FROM

    console = Console(highlight=False)

    def say(text: str, style: str = "") -> None:
        console.print(_plain(text), style=style, markup=False)

    for found in top:
        at = f"step {found.step}" if found.step is not None else found.where
        at += f", line {found.line}" if found.line is not None else ""
        say(f"{found.confidence:.2f}  {found.kind}, {found.mechanism}: {found.attempt or 'the run'}, {at}")
        say(f"      {found.evidence}", "dim")
    table = Table(title=f"flagged: a harness or task finding of {FLAGGED_FROM:g} or more", title_justify="left")
    for name in ("arm", "attempts", "flagged", "95 % interval"):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for arm, (attempts, flagged) in totals.arms.items():
        table.add_row(_escaped(arm), str(attempts), *_share(flagged, attempts))
    console.print(table)
    for arm, told in totals.conduct.items():
        rates = [f"{name.replace('_', ' ')} {_rate(value)}" for name, value in told.items()]
        say(f"{arm}: {'; '.join(rates)}", "dim")
    counts = [f"{mechanism} {count}" for (_, mechanism), count in sorted(totals.mechanisms.items())]
    say(f"findings: {', '.join(counts) or 'none'}")
    say(
        f"{totals.attempts} of {totals.planned} planned attempts read, {totals.flagged} flagged, {totals.findings} "
        f"findings in {totals.written}"
    )
    for name, value in more.items():
        say(f"{name}: {value}")
    for note in totals.notes:
        say(f"Note: {note}")
    if totals.broken:
        say(f"{totals.broken} could not be read, the first of them:")
        for fault in totals.faults:
            say(f"  {fault}")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(_plain(text))


def _share(count: int, n: int) -> tuple[str, str]:
    from assay.statistics import wilson

    interval = wilson(count, n)
    return f"{count} ({interval.estimate:.1%})", f"{interval.low:.1%} to {interval.high:.1%}"


def _rate(told: dict[str, Any]) -> str:
    return f"{told['estimate']:.3g} [{told['low']:.3g}, {told['high']:.3g}] of {told['n']}"
