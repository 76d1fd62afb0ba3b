"""The user manual of an image editor from the Debian package gimp-help-en."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "Debian changelog of version 2.10.34-2, 6 February 2023"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page."""
    yield from html_documents(root / "usr/share/gimp/2.0/help/en", 2023, EVIDENCE)
