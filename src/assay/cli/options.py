"""Options that several verbs share."""

from typing import Annotated

import typer


def _choose(name: str | None) -> str | None:
    if name is None:
        return None
    from assay.sandbox.choice import choose

    return choose(name)


SandboxOption = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        metavar="NAME",
        callback=_choose,
        help="Where untrusted code runs: bubblewrap, docker, podman or gvisor; by default what $ASSAY_SANDBOX says.",
    ),
]

BudgetUsd = Annotated[
    float | None, typer.Option("--budget-usd", min=1e-6, help="US dollars of the whole run; needs --price.")
]
BudgetTokens = Annotated[
    int | None, typer.Option("--budget-tokens", min=1, help="Tokens read and written by the whole run.")
]
BudgetWall = Annotated[
    str, typer.Option("--budget-wall", metavar="TIME", help="Time of the whole run, in seconds or 15m, 2h, 1d.")
]
BudgetAttempts = Annotated[int | None, typer.Option("--budget-attempts", min=1, help="Attempts of the whole run.")]

ExecutorOption = Annotated[
    str,
    typer.Option("--executor", metavar="WORD", help="local, ray (this machine's or $RAY_ADDRESS), or ray:ADDRESS."),
]
