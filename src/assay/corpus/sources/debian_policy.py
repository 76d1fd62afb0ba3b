"""The Debian Policy Manual from the Debian package debian-policy."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "policy version 4.6.2, December 2022"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page."""
    yield from html_documents(root / "usr/share/doc/debian-policy", 2022, EVIDENCE)
