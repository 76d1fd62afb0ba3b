"""`assay solve`: let a model, here or behind an endpoint, attempt tasks, grade them, and write it all down."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import SandboxOption

if TYPE_CHECKING:
    from assay.agents.mini import MiniConfig
    from assay.ledger import Ledger
    from assay.models.chosen import Which
    from assay.nouns import PlannedAttempt, Task
    from assay.rollout.solving import Done
    from assay.tasks.chosen import Chosen

_MACHINERY = 3  # exit status when an attempt has no score because of us or the endpoint
_STOPPED = 130
_QUIET_S = 10.0


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
    key_from: Annotated[str, typer.Option("--key-from", help="The variable with the API key.")] = "OPENAI_API_KEY",
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
    machinery failed one, 2 for what can be mended.
    """
    import json
    import os
    import shutil

    from assay.errors import UserError
    from assay.experiments.place import Place
    from assay.ledger import Ledger
    from assay.ledger.directory import held
    from assay.ledger.exchange.mini import config_of, file_name
    from assay.models.chosen import which
    from assay.models.endpoint import Endpoint
    from assay.report.solving import summary, words
    from assay.rollout.artefacts import Artefacts
    from assay.sandbox import describe

    chosen = which(
        model,
        key=os.environ.get(key_from, "").strip(),
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        stream=stream,
        price=_price(price),
        reply_s=reply_s,
        tries=tries,
        requests_per_minute=per_minute,
        tokens_per_minute=tokens_per_minute,
        device=device,
        slots=slots,
        template=template,
    )
    if shutil.which("git") is None:
        raise UserError("assay solve takes patches with git, which this machine lacks: install it")
    agent = _agent(config, {"steps": steps, "cost": cost, "command_s": command_s, "wall_s": wall_s})
    _check(chosen, tokenizer)
    say = _Say(as_json)
    say.note(describe())
    found = _chosen(tasks, split, limit, seed, instances, mirrors)
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
        planned = _planned(ledger, found.tasks, chosen, agent, seed, retry_machinery)
        artefacts = Artefacts(place.root, chosen.name, config_of(agent, chosen.described, describe()))
        artefacts.restore(ledger)
        known = len(ledger.finished() & {plan.id for plan in planned})
        say.begin(len(planned), known, place.root)

        def done(attempt: Any, trajectory: Any) -> None:
            artefacts.add(attempt, trajectory)
            say.attempt(attempt)

        stopped = _run(planned, found.tasks, agent, chosen, ledger, workers, done, say.trouble, tokenizer)
        result = {"tasks": tasks, "model": chosen.name, "out": str(place.root), **summary(ledger, found.broken)}
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo("\n".join([*words(result), f"predictions: {artefacts.predictions}"]))
    if stopped:
        say.note(f"stopped; what is finished is kept: run the same command again to go on in {place.root}")
        raise typer.Exit(_STOPPED)
    if result["machinery"]:
        raise typer.Exit(_MACHINERY)


class _Say:
    """Progress: for people on standard error, for machines one line an attempt on standard output."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._total = self._done = 0
        self._quiet_until = 0.0

    def note(self, text: str) -> None:
        import sys

        print(text, file=sys.stderr, flush=True)

    def trouble(self, text: str) -> None:
        """Say what delays the run, at most every ten seconds."""
        import time

        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_S
            self.note(text)

    def begin(self, total: int, held: int, root: Path) -> None:
        self._total, self._done = total, held
        kept = f", {held} of them finished before" if held else ""
        self.note(f"{total} attempts planned{kept}; writing to {root}")

    def attempt(self, attempt: Any) -> None:
        import json

        self._done += 1
        if self._as_json:
            line = {
                "id": attempt.plan.task_id,
                "trial": attempt.plan.trial,
                "status": attempt.status.value,
                "value": None if attempt.verdict is None else attempt.verdict.value,
                "reason": None if attempt.verdict is None else attempt.verdict.reason.value,
                "steps": attempt.steps,
                "sampled_tokens": attempt.sampled_tokens,
                "test_only": attempt.test_only,
                "seconds": attempt.wall_s,
                "detail": attempt.detail,
            }
            typer.echo(json.dumps(line))
        detail = " ".join(attempt.detail.split())[:200]
        why = f": {detail}" if detail and attempt.status.value != "solved" else ""
        self.note(
            f"{self._done}/{self._total} {attempt.plan.task_id}: {attempt.status.value} after {attempt.steps} steps, "
            f"{attempt.wall_s:.1f} s{why}"
        )


def _price(text: str) -> tuple[float, float] | None:
    from assay.errors import UserError

    if not text:
        return None
    try:
        read, written = (float(word) for word in text.split(","))
    except ValueError as error:
        raise UserError(f"--price {text}: give dollars a million tokens read and written, 3,15 for example") from error
    if not (0 <= read < 1e9 and 0 <= written < 1e9):
        raise UserError(f"--price {text}: prices are not negative")
    return read, written


def _agent(path: Path | None, given: dict[str, Any]) -> "MiniConfig":
    from assay.agents.mini import MiniConfig, read_config

    base = MiniConfig() if path is None else read_config(path)
    return base.model_copy(update={name: value for name, value in given.items() if value is not None})


def _check(model: "Which", tokenizer: Path | None) -> None:
    """Stop here, before anything is planned, where the endpoint cannot work. A local model is loaded once, later."""
    import asyncio

    from assay.models.chosen import open_model
    from assay.models.endpoint import Endpoint

    async def check() -> None:
        async with open_model(model, tokenizer=tokenizer, check=True):
            pass

    if isinstance(model, Endpoint):
        asyncio.run(check())


def _chosen(tasks: str, split: str, limit: int | None, seed: int, instances: str, mirrors: Path | None) -> "Chosen":
    """Return the tasks that are meant. Raises UserError, also for an instance that is not among them."""
    from assay.errors import UserError
    from assay.tasks.chosen import Chosen, chosen

    wanted = [word.strip() for word in instances.split(",") if word.strip()]
    options = {"instances": ",".join(wanted)} if wanted else {}
    if mirrors is not None:
        options["mirrors"] = str(mirrors)
    found = chosen(tasks, split=split, count=None if wanted else limit, seed=seed, options=options)
    if not wanted:
        return found
    known = {task.id for task in found.tasks} | {task_id for task_id, _ in found.broken}
    if missing := [word for word in wanted if word not in known]:
        raise UserError(f"{tasks} has no instance {missing[0]!r}: mend --instances")
    kept = [task for task in found.tasks if task.id in wanted]
    return Chosen(kept[:limit], [(task_id, why) for task_id, why in found.broken if task_id in wanted])


def _planned(
    ledger: "Ledger",
    tasks: "list[Task]",
    model: "Which",
    agent: "MiniConfig",
    seed: int,
    retry_machinery: bool,
) -> "list[PlannedAttempt]":
    """Write down what the run is and what it will do, before it does it; return the plan of these tasks.

    Raises UserError when the ledger belongs to another run.
    """
    from assay.corpus.fetch import sha256_file
    from assay.errors import UserError
    from assay.models.chosen import OnThisMachine
    from assay.nouns import PlannedAttempt, Status
    from assay.rollout.artefacts import latest

    told = {
        "model": model.name,
        "temperature": model.temperature,
        "max_tokens": model.max_tokens,
        "seed": seed,
        "agent": agent.digest,
    }
    if model.top_p is not None:
        told["top_p"] = model.top_p
    if "weights" in (described := model.described):
        told["weights"] = described["weights"]
    before = ledger.fact("solve")
    if before is None and ledger.planned():
        raise UserError(f"{ledger.path} is the ledger of another kind of run: name another folder with --out")
    if before is not None and before != told:
        other = ", ".join(name for name in sorted({*told, *before}) if before.get(name) != told.get(name))
        raise UserError(f"{ledger.path} was begun with another {other}: give the same, or another folder with --out")
    kept = {task.id: task.digest for task in ledger.tasks()}
    for task in tasks:
        if kept.get(task.id, task.digest) != task.digest:
            raise UserError(f"{ledger.path} holds another task called {task.id}: name another folder with --out")
    ledger.set_fact("solve", told)
    if isinstance(model, OnThisMachine) and model.kind == "local":  # whose sampled ids these are
        ledger.set_fact("tokenizers", {model.name: sha256_file(model.path / "tokenizer.json")})
    ledger.add_tasks(tasks)
    trials = {task.id: 0 for task in tasks}
    for plan in ledger.planned():
        if plan.task_id in trials:
            trials[plan.task_id] = max(trials[plan.task_id], plan.trial)
    if retry_machinery:
        for task_id, attempt in latest(ledger.attempts()).items():
            if attempt.status is Status.MACHINERY and attempt.plan.trial == trials.get(task_id):
                trials[task_id] += 1
    planned = [
        PlannedAttempt(arm=model.name, seed=seed, dose=0, task_id=task.id, split=task.split, trial=trials[task.id])
        for task in tasks
    ]
    ledger.plan(planned)
    return planned


def _run(
    planned: "list[PlannedAttempt]",
    tasks: "list[Task]",
    agent: "MiniConfig",
    which: "Which",
    ledger: "Ledger",
    workers: int,
    done: "Done",
    trouble: Callable[[str], None],
    tokenizer: Path | None,
) -> bool:
    """Run what is not finished; return whether it was stopped by Ctrl-C or SIGTERM."""
    import asyncio
    import os
    import signal

    from assay.agents.mini import MiniAgent
    from assay.models.chosen import OnThisMachine, open_model
    from assay.rollout.solving import solve_all

    cores = len(os.sched_getaffinity(0))
    usual = which.slots if isinstance(which, OnThisMachine) and which.kind == "local" else cores

    async def work() -> None:
        me = asyncio.current_task()
        assert me is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
        async with open_model(which, tokenizer=tokenizer, tell=trouble) as model:
            await solve_all(
                planned,
                {task.id: task for task in tasks},
                MiniAgent(agent),
                model,
                ledger,
                workers=workers or usual,
                gradings=cores,
                done=done,
            )

    try:
        with ledger.running("solve"):
            asyncio.run(work())
    except (KeyboardInterrupt, asyncio.CancelledError):
        return True
    return False
