"""The Devil's Dictionary of Ambrose Bierce from the Debian package dict-devil."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.clean import strip_emphasis
from assay.corpus.model import SourceText


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the whole book, from its first entry on."""
    path = root / "usr" / "share" / "dictd" / "devil.dict.dz"
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as handle:
        text = handle.read()
    start = re.search(r"^[A-Z]+, n\. ", text, re.MULTILINE)
    yield SourceText(
        key="devils-dictionary",
        title="The Devil's Dictionary, by Ambrose Bierce",
        year=1911,
        year_evidence="imprint in the file: Copyright 1911 by Albert and Charles Boni",
        text=strip_emphasis(text[start.start() if start else 0 :]),
    )
