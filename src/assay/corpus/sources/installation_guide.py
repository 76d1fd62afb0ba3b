"""The Debian installation guide from the Debian package installation-guide-amd64."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "package version 20230508"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page."""
    yield from html_documents(root / "usr/share/doc/installation-guide-amd64/en", 2023, EVIDENCE)
