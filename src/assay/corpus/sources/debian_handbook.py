"""The Debian Administrator's Handbook from the Debian package debian-handbook."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "package version 11.20220922"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page."""
    yield from html_documents(root / "usr/share/doc/debian-handbook/html/en-US", 2022, EVIDENCE)
