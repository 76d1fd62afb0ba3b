"""`assay train`: train a model on a training set or on its own attempts, or go on with a run that was stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import ExecutorOption

if TYPE_CHECKING:
    from assay.training.config import TrainConfig


def train(
    model: Annotated[Path, typer.Option("--model", metavar="DIR", help="The checkpoint directory to start from.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run directory; again to go on there.")],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATASET", help="A training set made by `assay data build`.")
    ] = None,
    template: Annotated[
        Path | None, typer.Option("--template", help="The chat template that the data were built with, if not its own.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option("--objective", help="supervised (default), conditioned, rloo, grpo, passk:4, ...")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="TOML; what is given here goes before it.")
    ] = None,
    lora: Annotated[int | None, typer.Option("--lora", min=1, metavar="RANK", help="Train adapters.")] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="The peak learning rate.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="How often the data are read.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Optimiser steps, in place of epochs.")] = None,
    batch_tokens: Annotated[int | None, typer.Option("--batch-tokens", min=1, help="Tokens a step, at most.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Orders the data and draws adapters.")] = None,
    save_every: Annotated[int | None, typer.Option("--save-every", min=0, help="Steps between checkpoints.")] = None,
    evaluate_every: Annotated[
        int | None, typer.Option("--evaluate-every", min=0, help="Steps between held-out losses.")
    ] = None,
    pass_rate: Annotated[
        str,
        typer.Option("--pass-rate", metavar="SOURCE:SPLIT", help="Measure it on tasks whenever losses are held out."),
    ] = "",
    pass_tasks: Annotated[int, typer.Option("--pass-tasks", min=1, help="How many tasks that is.")] = 50,
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="How many checkpoints stay.")] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="At the end add the adapter to the weights, in OUT/merged.")
    ] = False,
    executor: ExecutorOption = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object, last.")] = False,
) -> None:
    """Train a model: supervised on a training set, or by its own attempts at tasks.

    Run again with the same arguments it goes on from its last checkpoint. On several processes: torchrun
    --nproc-per-node N -m assay train ... Exit status 130 after Ctrl-C, 2 for what can be mended.
    """
    import json
    import os
    import sys

    from assay.cli.stopping import STOPPED, command, stoppable
    from assay.errors import UserError
    from assay.training.config import read_config

    given: dict[str, Any] = {
        "objective": objective,
        "peak_rate": rate,
        "epochs": epochs,
        "steps": steps,
        "batch_tokens": batch_tokens,
        "seed": seed,
        "save_every": save_every,
        "evaluate_every": evaluate_every,
        "keep": keep,
    }
    given = {name: value for name, value in given.items() if value is not None}
    chosen, online = read_config(config, given)
    if lora is not None:
        old = chosen.lora.model_dump() if chosen.lora is not None else {}
        chosen = chosen.model_validate({**chosen.model_dump(), "lora": {**old, "rank": lora}})
    if merge and chosen.lora is None:
        raise UserError("--merge adds an adapter to the weights, and without --lora there is none: leave it out.")
    first = os.environ.get("RANK", "0") == "0"

    def say(text: str) -> None:
        if first:
            print(text, file=sys.stderr, flush=True)

    with stoppable("what was saved is kept; to go on"):
        result = _run(model, data, out, chosen, online, template, (pass_rate, pass_tasks), executor, say)
    if merge and not result["stopped"] and first:
        from assay.training.adapters import merge_checkpoint

        result["merged"] = str(merge_checkpoint(model, Path(result["checkpoint"]), out / "merged"))
    if first:
        typer.echo(json.dumps(result) if as_json else _words(result))
    if result["stopped"]:
        say(f"stopped and saved; to go on: {command()}")
        raise typer.Exit(STOPPED)


def _run(
    model: Path,
    data: Path | None,
    out: Path,
    chosen: "TrainConfig",
    online: dict[str, Any],
    template: Path | None,
    measured: tuple[str, int],
    executor: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Call the loop that the objective asks for."""
    from assay.errors import UserError
    from assay.executors.chosen import LOCAL
    from assay.training.objectives import find_method

    if find_method(chosen.objective).supervised:
        if data is None:
            raise UserError(f"The objective {chosen.objective} learns from a training set: name one with --data.")
        if online:
            raise UserError("The table `online` of the configuration is for objectives that sample: remove it.")
        if executor != LOCAL:
            raise UserError(f"The objective {chosen.objective} samples nothing: leave --executor out.")
        from assay.training.tune import tune

        if not measured[0]:
            return tune(model, data, out, chosen, say=say, template=template)
        from assay.training.passrate import pass_rate_on

        evaluations = [pass_rate_on(*measured, out)]
        return tune(model, data, out, chosen, say=say, template=template, evaluations=evaluations)
    if data is not None or template is not None or measured[0]:
        raise UserError(
            f"The objective {chosen.objective} samples its own data and logs what it solves: leave --data, --template "
            "and --pass-rate out."
        )
    from assay.training.online import train_online

    return train_online(model, out, chosen, online, say=say, executor=executor)


def _words(result: dict[str, Any]) -> str:
    held_out = f", held out {result['held_out_loss']:.4f}" if "held_out_loss" in result else ""
    loss = f"loss {result['loss']:.4f}" if result.get("loss") is not None else "nothing was left to do"
    return f"{result['checkpoint']}: step {result['step']} of {result['steps']}, {loss}{held_out}"
