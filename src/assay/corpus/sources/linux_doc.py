"""The Linux kernel's manuals in English from the Debian package linux-doc-6.1."""

import re
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._html import html_documents, is_sentence

EVIDENCE = "documentation of Linux 6.1, released in December 2022"

_IDENTIFIER = re.compile(r"\w+_\w+|\w+\(\)|->|\b[a-z]+[A-Z]\w+|::")


def is_prose(block: str) -> bool:
    """Say whether a block is a sentence that names at most one thing of the source code."""
    return is_sentence(block) and len(_IDENTIFIER.findall(block)) <= 1


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the prose of each page, leaving out the translations."""
    folder = root / "usr" / "share" / "doc" / "linux-doc-6.1" / "html"
    for text in html_documents(folder, 2022, EVIDENCE, keep=is_prose):
        if not text.key.startswith("translations/"):
            yield text
