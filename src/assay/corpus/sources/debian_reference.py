"""The Debian Reference from the Debian package debian-reference-en."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "edition 2.100 of the manual"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page."""
    yield from html_documents(root / "usr/share/debian-reference", 2022, EVIDENCE)
