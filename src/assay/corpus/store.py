"""Reads and writes a built corpus folder, and checks it against its card."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from assay.corpus.fetch import disk_errors
from assay.corpus.model import Card, Document
from assay.errors import UserError
from assay.nouns.base import sha256_file

DOCUMENTS = "documents.jsonl"
CARD = "card.json"


def write_documents(folder: Path, documents: Iterable[Document]) -> str:
    """Write documents.jsonl, sorted by id, in one move; return the sha256 of its bytes."""
    folder = Path(folder)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        partial = folder / f"{DOCUMENTS}.partial"
        try:
            with partial.open("wb") as handle:
                for document in sorted(documents, key=lambda each: each.id):
                    line = json.dumps(document.model_dump(), ensure_ascii=False, sort_keys=True) + "\n"
                    data = line.encode()
                    digest.update(data)
                    handle.write(data)
            partial.replace(folder / DOCUMENTS)
        finally:
            partial.unlink(missing_ok=True)
    return digest.hexdigest()


def write_card(folder: Path, card: Card) -> None:
    """Write card.json, readable by people and with its keys in the order of the model."""
    with disk_errors(folder):
        (Path(folder) / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_documents(folder: Path) -> Iterator[Document]:
    """Yield the documents of a corpus folder in the file's order."""
    path = Path(folder) / DOCUMENTS
    if not path.is_file():
        raise UserError(f"There is no {path}; build the corpus with `assay corpus build` first.")
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                yield Document.model_validate_json(line)
            except ValidationError as error:
                raise UserError(f"Line {number} of {path} is not a document; build the corpus again.") from error


def read_card(folder: Path) -> Card:
    """Return the card of a corpus folder, without checking the documents."""
    path = Path(folder) / CARD
    try:
        return Card.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"There is no {path}; build the corpus with `assay corpus build` first.") from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a corpus card; build the corpus again.") from error


def verify_corpus(folder: Path) -> Card:
    """Return the card when documents.jsonl has the hash that the card states; refuse it otherwise."""
    card = read_card(folder)
    path = Path(folder) / DOCUMENTS
    if not path.is_file():
        raise UserError(f"There is no {path}; build the corpus with `assay corpus build` first.")
    actual = sha256_file(path)
    if actual != card.documents_sha256:
        raise UserError(
            f"{path} has sha256 {actual} where its card states {card.documents_sha256};"
            " it was changed after the build, so build the corpus again."
        )
    return card
