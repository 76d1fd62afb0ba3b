"""`assay solve`: let a model, here or behind an endpoint, attempt tasks, grade them, and write it all down."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import BudgetAttempts, BudgetTokens, BudgetUsd, BudgetWall, ExecutorOption, SandboxOption

if TYPE_CHECKING:
    from assay.agents.mini import MiniConfig
    from assay.cli.solve_plan import Plan
    from assay.cli.stopping import Stopping
    from assay.ledger import Ledger
    from assay.models.chosen import Which
    from assay.nouns import Attempt, Task, Trajectory
    from assay.rollout.budget import Budget
    from assay.rollout.solving import Done

_MACHINERY = 3  # exit status when an attempt has no score because of us or the endpoint


def solve(
    tasks: Annotated[
        str, typer.Option("--tasks", metavar="WORD", help="A source, a directory, or SOURCE:PLACE: swebench:dev.jsonl.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="WORD", help="openai:URL#NAME, completions:URL#NAME, local:DIR or scripted:FILE."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where everything is written; runs/solve-NAME by default.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Attempts at once; 0: one a core, for local:DIR one a slot.")
    ] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many tasks.")] = None,
    instances: Annotated[str, typer.Option("--instances", help="Only these ids, with commas between them.")] = "",
    split: Annotated[str, typer.Option("--split", help="The split of a source that draws tasks.")] = "train",
    seed: Annotated[int, typer.Option("--seed", help="Of sampling, and of a source that draws tasks.")] = 0,
    config: Annotated[
        Path | None, typer.Option("--config", help="A TOML file with prompts and limits; mini-swe-agent's by default.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="How commands are given: text (default), or tools.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Calls of the model, 250 by default.")] = None,
    cost: Annotated[
        float | None, typer.Option("--cost", min=0, help="US dollars an attempt, 3 by default, 0 for no limit.")
    ] = None,
    command_s: Annotated[
        float | None, typer.Option("--command-seconds", min=0.1, help="Seconds a command, 60 by default.")
    ] = None,
    wall_s: Annotated[
        float | None,
        typer.Option("--wall-seconds", min=0, help="Seconds all commands of an attempt, 0 (default) for no limit."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0, help="The endpoint's own by default; 1 for local:DIR.")
    ] = None,
    top_p: Annotated[float | None, typer.Option("--top-p", min=1e-6, max=1, help="The endpoint's own, or 1.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Of one reply.")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="For completions:, the directory of the model's tokenizer.")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="For local:DIR: cpu, or cuda.")] = None,
    slots: Annotated[int, typer.Option("--slots", min=1, help="For local:DIR: replies sampled at once.")] = 32,
    template: Annotated[Path | None, typer.Option("--template", help="For local:DIR: a chat template.")] = None,
    per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, help="The endpoint's limit, to be kept.")
    ] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option("--tokens-per-minute", min=1, help="The same, of tokens read and written.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Ask for replies token by token.")] = False,
    reply_s: Annotated[float, typer.Option("--reply-seconds", min=0.1, help="The longest a reply may take.")] = 600.0,
    tries: Annotated[int, typer.Option("--tries", min=1, help="How often a failing request is sent.")] = 8,
    price: Annotated[
        str, typer.Option("--price", metavar="IN,OUT", help="US dollars a million tokens read and written: 3,15.")
    ] = "",
    key_from: Annotated[
        str | None,
        typer.Option("--key-from", help="A variable with the API key, or keyring:SERVICE/NAME; else $OPENAI_API_KEY."),
    ] = None,
    proxy: Annotated[str, typer.Option("--proxy", metavar="URL", help="Connect through it; else through none.")] = "",
    budget_usd: BudgetUsd = None,
    budget_tokens: BudgetTokens = None,
    budget_wall: BudgetWall = "",
    budget_attempts: BudgetAttempts = None,
    executor: ExecutorOption = "local",
    mirrors: Annotated[
        Path | None, typer.Option("--mirrors", help="For swebench: the folder of local git mirrors.")
    ] = None,
    retry_machinery: Annotated[
        bool, typer.Option("--retry-machinery", help="Try attempts that our machinery failed once more.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object an attempt, and the summary as the last.")
    ] = False,
    sandbox: SandboxOption = None,
) -> None:
    """Attempt tasks with the shell agent, grade each attempt, write trajectories and preds.json.

    Run again with the same --out it goes on where it stopped. Exit status 0 when every attempt has a score, 3 when
    machinery failed one, 130 when Ctrl-C or a budget stopped it, 2 for what can be mended.
    """
    import json
    import shutil

    from assay.cli.solve_plan import agent_of, check_protocol, limits_of, planned_of, price_of, tasks_of
    from assay.cli.solve_say import Say
    from assay.cli.stopping import STOPPED, command, stoppable
    from assay.errors import MachineryError, UserError
    from assay.experiments.place import Place
    from assay.ledger import Ledger
    from assay.ledger.directory import held
    from assay.ledger.exchange.mini import config_of, file_name
    from assay.models.chosen import which
    from assay.models.endpoint import Endpoint
    from assay.models.http import rate_of
    from assay.models.keys import named_key
    from assay.report.solving import summary, words
    from assay.rollout.artefacts import Artefacts
    from assay.rollout.budget import Budget
    from assay.rollout.budget_words import figures
    from assay.rollout.budget_words import stopped as stopped_by
    from assay.sandbox import describe

    if protocol not in (None, "text", "tools"):
        raise UserError(f"--protocol {protocol}: write text or tools")
    given = {"protocol": protocol, "steps": steps, "cost": cost, "command_s": command_s, "wall_s": wall_s}
    agent = agent_of(config, given)
    check_protocol(agent, model)
    remote = model.startswith(("openai:", "completions:"))
    chosen = which(
        model,
        **(named_key(key_from) if remote else {}),
        proxy=proxy,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        stream=stream,
        tools=agent.protocol == "tools",
        price=price_of(price),
        reply_s=reply_s,
        tries=tries,
        requests_per_minute=per_minute,
        tokens_per_minute=tokens_per_minute,
        device=device,
        slots=slots,
        template=template,
    )
    limits = limits_of(chosen, budget_usd, budget_tokens, budget_wall, budget_attempts)
    if shutil.which("git") is None:
        raise UserError("assay solve takes patches with git, which this machine lacks: install it")
    say = Say(as_json)
    with stoppable("what is finished is kept; to go on") as stopping:
        _check(chosen, tokenizer, stopping)
        say.note(describe())
        found = tasks_of(tasks, split, limit, seed, instances, mirrors, executor)
        for task_id, why in found.broken:
            say.note(f"refused: {task_id}: {why}")
        if not found.tasks:
            raise UserError(f"{tasks}: none of the tasks can be attempted; the lines above say why")
        if not agent.cost:
            say.note("no limit on cost")
        elif chosen.price is None and isinstance(chosen, Endpoint):
            say.note(f"no --price is given: unless the endpoint says what replies cost, ${agent.cost:g} limits nothing")
        place = Place(out or Path("runs") / f"solve-{file_name(chosen.name)}")
        with held(place.root), Ledger(place.ledger) as ledger:
            planned = planned_of(ledger, found.tasks, chosen, agent, seed, retry_machinery)
            artefacts = Artefacts(place.root, chosen.name, config_of(agent, chosen.described, describe()))
            artefacts.restore(ledger)
            rate = rate_of(chosen) if isinstance(chosen, Endpoint) else None
            budget = Budget(limits, ledger, price=chosen.price, rate=rate)
            say.begin(planned.total, planned.total - planned.left(), place.root, budget)

            def done(attempt: "Attempt", trajectory: "Trajectory | None") -> None:
                if trajectory is not None:
                    artefacts.add(attempt, trajectory)
                say.attempt(attempt)

            try:
                stopped = _run(
                    *(planned, found.tasks, agent, chosen, ledger, workers, done, say.trouble, tokenizer),
                    budget=budget,
                    stopping=stopping,
                    executor=executor,
                )
            finally:
                artefacts.finish()
            left = planned.left()
            result = {"tasks": tasks, "model": chosen.name, "out": str(place.root), **summary(ledger, found.broken)}
        result["budget"] = figures(budget)
        if as_json:
            typer.echo(json.dumps(result))
        else:
            typer.echo("\n".join([*words(result), f"predictions: {artefacts.predictions}"]))
        if stopped:
            raise KeyboardInterrupt
    if budget.stopped is not None and left:
        say.note(f"{stopped_by(budget, left, planned.total)}: {command()}")
        raise typer.Exit(STOPPED)
    if left:
        raise MachineryError(f"{left} of {planned.total} planned attempts have no end: run the same command again")
    if result["machinery"]:
        raise typer.Exit(_MACHINERY)


def _check(model: "Which", tokenizer: Path | None, stopping: "Stopping") -> None:
    """Stop here, before anything is planned, where the endpoint cannot work. A local model is loaded once, later."""
    from assay.models.chosen import open_model
    from assay.models.endpoint import Endpoint

    async def check() -> None:
        async with open_model(model, tokenizer=tokenizer, check=True):
            pass

    if isinstance(model, Endpoint):
        stopping.run(check())


def _run(
    planned: "Plan",
    tasks: "list[Task]",
    agent: "MiniConfig",
    which: "Which",
    ledger: "Ledger",
    workers: int,
    done: "Done",
    trouble: Callable[[str], None],
    tokenizer: Path | None,
    *,
    budget: "Budget",
    stopping: "Stopping",
    executor: str,
) -> bool:
    """Run what is not finished and fits in the budget; return whether it was stopped by Ctrl-C or SIGTERM."""
    import os

    from assay.agents.mini import MiniAgent
    from assay.executors.chosen import LOCAL, open_cluster
    from assay.models.chosen import OnThisMachine, open_model
    from assay.rollout.solving import solve_all

    by_id = {task.id: task for task in tasks}
    cores = len(os.sched_getaffinity(0))
    usual = which.slots if isinstance(which, OnThisMachine) and which.kind == "local" else cores

    async def work() -> None:
        async with (
            open_model(which, tokenizer=tokenizer, tell=trouble, allowance=budget.allowance) as model,
            budget.running(),
        ):
            await solve_all(
                planned.waiting(), by_id, MiniAgent(agent), model, ledger,
                workers=workers or usual, gradings=cores, done=done, budget=budget,
            )  # fmt: skip

    async def work_elsewhere() -> None:
        from assay.rollout.elsewhere import solve_on

        async with open_cluster(executor) as cluster, budget.running():
            trouble(cluster.name)
            await solve_on(
                cluster, planned.waiting(), by_id, which, agent, ledger,
                tokenizer=tokenizer, workers=workers or None, done=done, budget=budget,
            )  # fmt: skip

    try:
        with ledger.running("solve"):
            stopping.run(work() if executor == LOCAL else work_elsewhere())
    except KeyboardInterrupt:
        return True
    return False
