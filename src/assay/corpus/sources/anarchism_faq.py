"""Essays on political thought from the Debian package anarchism (An Anarchist FAQ)."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "Debian changelog of version 15.3-3, 23 September 2020"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page."""
    yield from html_documents(root / "usr/share/doc/anarchism/html", 2020, EVIDENCE)
