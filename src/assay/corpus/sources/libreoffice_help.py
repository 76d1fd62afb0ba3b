"""The help of an office suite from the Debian package libreoffice-help-en-us."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents

EVIDENCE = "LibreOffice 7.4, August 2022"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page, leaving out the pages on programming."""
    for text in html_documents(root / "usr/share/libreoffice/help/en-US/text", 2022, EVIDENCE):
        if not text.key.startswith("sbasic/"):
            yield text
