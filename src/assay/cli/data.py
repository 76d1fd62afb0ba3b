"""`assay data`: build a training set from recorded trajectories, and look into one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import ExecutorOption

if TYPE_CHECKING:
    from assay.training.data import DataCard, Dataset

app = typer.Typer(help="Training sets: built once from ledgers and files of trajectories.", no_args_is_help=True)


@app.command()
def build(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Ledgers or their folders; files or folders of mini-swe-agent's, ATIF's or chat JSONL trajectories.",
        ),
    ],
    model: Annotated[Path, typer.Option("--model", metavar="DIR", help="Whose tokenizer and chat template to use.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    template: Annotated[
        Path | None, typer.Option("--template", help="A chat template in place of the model's.")
    ] = None,
    verified: Annotated[bool, typer.Option("--verified", help="Only what a grader gave the value 1.")] = False,
    results: Annotated[
        list[Path] | None, typer.Option("--results", help="A report of SWE-bench's evaluation, joined by instance.")
    ] = None,
    predictions: Annotated[
        list[Path] | None, typer.Option("--predictions", help="What was evaluated: a result counts for its patch only.")
    ] = None,
    per_task: Annotated[int | None, typer.Option("--per-task", min=1, help="At most so many of a task.")] = None,
    no_test_only: Annotated[bool, typer.Option("--no-test-only", help="Not those that changed only tests.")] = False,
    unflagged: Annotated[bool, typer.Option("--unflagged", help="Not those that an audit flagged.")] = False,
    exits: Annotated[
        str, typer.Option("--exits", metavar="WORD,...", help="Only those that ended so: solved, submitted, ...")
    ] = "",
    near: Annotated[
        float | None,
        typer.Option("--near", min=0.8, max=1.0, help="Drop near duplicates from this similarity on: 0.9, say."),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option("--length", min=0, help="At most so many tokens; by default the model's context, 0 for any."),
    ] = None,
    cut: Annotated[bool, typer.Option("--cut", help="Cut what is longer at a turn's end, not drop it.")] = False,
    splits: Annotated[str, typer.Option("--splits", help="Names and shares: train=0.95,validation=0.05.")] = "train=1",
    by_repository: Annotated[
        bool, typer.Option("--by-repository", help="No repository in two splits, not only no task.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Another seed splits otherwise.")] = 0,
    encode_again: Annotated[
        bool, typer.Option("--encode-again", help="Encode the texts also where sampled ids are there.")
    ] = False,
    thinking: Annotated[
        bool, typer.Option("--thinking", help="Put what was thought apart into the turns, in think tags.")
    ] = False,
    processes: Annotated[int, typer.Option("--processes", min=1, help="How many processes read and tokenise.")] = 1,
    executor: ExecutorOption = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Tokenise trajectories once, with the mask of what is learned from, into a folder that `assay train` reads."""
    import sys

    from assay.cli.stopping import stoppable
    from assay.training.data.build import build as make
    from assay.training.data.recipe import Recipe, read_splits
    from assay.training.data.results import read_results

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if length is None and (length := _context(model)) is not None:
        say(f"at most {length:,} tokens, the context of {model}; --length sets another")
    recipe = Recipe(
        verified=verified,
        exits=tuple(word.strip() for word in exits.split(",") if word.strip()),
        unflagged=unflagged,
        no_test_only=no_test_only,
        near=near,
        per_task=per_task,
        length=length or None,
        too_long="cut" if cut else "drop",
        splits=read_splits(splits),
        split_by="repository" if by_repository else "task",
        seed=seed,
        encode_again=encode_again,
        thinking=thinking,
    )
    joined = read_results(results or (), predictions or ())
    with stoppable("what is finished is kept; to go on"):
        card = make(
            sources,
            model,
            out,
            recipe,
            template=template,
            results=joined,
            processes=processes,
            executor=executor,
            say=say,
        )
    typer.echo(card.model_dump_json() if as_json else "\n".join([*_words(card), f"training set: {out}"]))


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder made by `assay data build`.")],
    example: Annotated[int | None, typer.Option("--example", min=0, help="Print the example at this place.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="DIR", help="The model whose tokenizer it was made with.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read everything once and compare it with the card.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what a training set holds, or one example with the part that is learned from marked.

    That part stands in reverse video on a terminal, and between ⟦ and ⟧ elsewhere.
    """
    import json

    from assay.errors import UserError
    from assay.training.data import open_dataset

    data = open_dataset(folder)
    if verify:
        data.verify()
    if example is None:
        typer.echo(data.card.model_dump_json() if as_json else "\n".join(_words(data.card)))
        return
    if example >= len(data):
        raise UserError(f"{folder} has {len(data)} examples, counted from 0: there is no --example {example}")
    if as_json:
        ids, in_loss = data.arrays(example)
        told = {**data.meta(example), "ids": ids.tolist(), "in_loss": in_loss.tolist()}
        typer.echo(json.dumps(told))
        return
    for name, value in data.meta(example).items():
        typer.echo(f"{name}: {value}")
    typer.echo("")
    typer.echo(_marked(data, example))


def _marked(data: "Dataset", place: int) -> str:
    """Return an example's text, special tokens in it, with the part in the loss marked."""
    import sys
    from itertools import groupby

    from tokenizers import Tokenizer

    from assay.errors import UserError

    if not (data.tokenizer / "tokenizer.json").is_file():
        raise UserError(f"{data.folder} was not made by `assay data build` and has no tokenizer: print ids with --json")
    tokenizer = Tokenizer.from_file(str(data.tokenizer / "tokenizer.json"))
    opening, closing = ("\x1b[7m", "\x1b[0m") if sys.stdout.isatty() else ("⟦", "⟧")
    ids, in_loss = data.arrays(place)
    parts = []
    for learned, pairs in groupby(zip(ids.tolist(), in_loss.tolist(), strict=True), key=lambda pair: pair[1]):
        text = tokenizer.decode([token for token, _ in pairs], skip_special_tokens=False)
        text = "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
        parts.append(f"{opening}{text}{closing}" if learned else text)
    return "".join(parts)


def _words(card: "DataCard") -> list[str]:
    lines = [
        f"{card.examples:,} examples of {card.tasks:,} tasks, {card.tokens:,} tokens, {card.loss_tokens:,} of them "
        f"learned from; the longest has {card.longest:,}"
    ]
    if len(card.splits) > 1:
        for name, split in card.splits.items():
            lines.append(f"  {name}: {split.examples:,} examples, {split.tasks:,} tasks, {split.tokens:,} tokens")
    lines += [
        f"{source.name} ({source.kind}): {source.records:,} trajectories, {source.broken:,} of them broken"
        for source in card.sources
    ]
    lines += [f"left out, {name}: {count:,}" for name, count in {**card.broken, **card.dropped}.items() if count]
    lines.append(f"turns of the assistant: {card.sampled_turns:,} as sampled, {card.written_turns:,} encoded from text")
    return lines


def _context(model: Path) -> int | None:
    """Return how many tokens a model reads, or None where its directory does not say."""
    import json

    try:
        told = json.loads((model / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    most = told.get("max_position_embeddings") if isinstance(told, dict) else None
    return most if isinstance(most, int) and most > 1 else None
