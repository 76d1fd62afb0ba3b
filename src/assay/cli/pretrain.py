"""`assay pretrain`: make a base checkpoint from a corpus, or make a shipped one again from its card."""

from pathlib import Path
from typing import Annotated

import typer


def pretrain(
    corpus: Annotated[Path, typer.Argument(help="A folder made by `assay corpus build`.")],
    out: Annotated[Path, typer.Option("--out", help="Where the checkpoint goes.")],
    like: Annotated[
        Path | None, typer.Option("--like", help="A card.json whose configuration and corpus hash to follow.")
    ] = None,
) -> None:
    """Pre-train a small Llama and its tokenizer on a corpus; same corpus and card, same weights on one machine."""
    import json

    from assay.corpus import verify_corpus
    from assay.errors import UserError
    from assay.training.pretrain import PretrainConfig
    from assay.training.pretrain import pretrain as make

    config = PretrainConfig()
    if like is not None:
        try:
            card = json.loads(like.read_text())
            config = PretrainConfig(**card["config"])
            wanted = card["corpus"]["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"The card {like} cannot be read ({error}): name a checkpoint's card.json.") from error
        found = verify_corpus(corpus).documents_sha256
        if found != wanted:
            raise UserError(
                f"The corpus {corpus} has the hash {found[:12]} and the card {like} was made from {wanted[:12]}: "
                "build it again with `assay corpus build`, or leave out --like."
            )
    result = make(corpus, out, config, say=lambda text: typer.echo(text, err=True))
    typer.echo(f"{out}: {result['parameters']:,} parameters, {result['held_out_bits_per_byte']} bits a byte held out")
