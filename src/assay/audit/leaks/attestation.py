"""When words were first printed: which sources of dated corpora hold a term, how often, and from which year on.

A term is a word, or a pair of neighbouring words. Counts are of pieces of 1,000 words that hold it, so that a book
about whales does not make `whale` common. They are kept by source, so that a text is never judged by itself: without
that every word of an early corpus would be attested early, leaks among them.
"""

import json
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assay.audit.leaks.words import Word, mended, words
from assay.errors import UserError

PIECE = 1000
FEWEST_PAIRS = 8  # late pieces that a pair needs, those of the text's own source not counted
COMMON = 0.25  # of late pieces: a pair with a word that more of them have is a matter of grammar, not of age


@dataclass(frozen=True)
class Dated:
    """A text whose year is known. `source` names whose hand it is: texts of one source never judge each other.

    What comes before a slash in it is the collection (`sotu/Taft`); a term of several collections counts for more.
    """

    id: str
    source: str
    year: int
    text: str


def collection(source: str) -> str:
    """Return what a source is part of."""
    return source.partition("/")[0]


class Attestation:
    """Terms with their counts by stratum: a source, before the cutoff or from it on."""

    def __init__(
        self,
        terms: list[str],
        strata: list[tuple[str, bool]],
        counts_TS: np.ndarray,
        first_TS: np.ndarray,
        pieces_S: np.ndarray,
        card: dict[str, Any],
    ) -> None:
        """`strata` are (source, is early); `first_TS` is the earliest year, 0 where the stratum has not the term."""
        self.terms, self.strata, self.card = terms, strata, card
        self.counts_TS, self.first_TS, self.pieces_S = counts_TS, first_TS, pieces_S
        self.place = {term: place for place, term in enumerate(terms)}
        self.cutoff = int(card["cutoff"])

    @cached_property
    def sources(self) -> frozenset[str]:
        """The names of the sources."""
        return frozenset(source for source, _ in self.strata)

    @cached_property
    def _totals(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Early pieces, late pieces, and the late pieces of each collection, of every term."""
        early = [n for n, (_, is_early) in enumerate(self.strata) if is_early]
        late: dict[str, list[int]] = defaultdict(list)
        for n, (source, is_early) in enumerate(self.strata):
            if not is_early:
                late[collection(source)].append(n)
        by_collection = {name: self.counts_TS[:, columns].sum(1, dtype=np.int32) for name, columns in late.items()}
        all_late = np.sum(list(by_collection.values()), axis=0)
        return self.counts_TS[:, early].sum(1, dtype=np.int32), all_late, by_collection

    @cached_property
    def _collections(self) -> np.ndarray:
        """How many collections have each term late."""
        return np.sum([count > 0 for count in self._totals[2].values()], axis=0)

    def without(self, sources: frozenset[str]) -> "Counts":
        """Return what all sources but these say of every term."""
        early, late, by_collection = self._totals
        several = self._collections
        gone: dict[str, np.ndarray] = {}
        for n, (source, is_early) in enumerate(self.strata):
            if source in sources:
                own = self.counts_TS[:, n].astype(np.int32)
                if is_early:
                    early = early - own
                else:
                    late = late - own
                    name = collection(source)
                    gone[name] = gone.get(name, 0) + own
        for name, own in gone.items():
            several = several - ((by_collection[name] > 0) & (by_collection[name] <= own))
        return Counts(early=early, late=late, late_collections=several)

    def first_year(self, term: str, sources: frozenset[str] = frozenset()) -> int | None:
        """Return the first year in which a source other than these has the term, or None."""
        place = self.place.get(term)
        if place is None:
            return None
        kept = [n for n, (source, _) in enumerate(self.strata) if source not in sources]
        years = self.first_TS[place, kept]
        found = years[years > 0]
        return int(found.min()) if len(found) else None

    def counts(self, term: str) -> list[tuple[str, bool, int]]:
        """Return (source, is early, pieces) of the strata that have a term, the largest first."""
        place = self.place.get(term)
        if place is None:
            return []
        held = [(s, early, int(n)) for (s, early), n in zip(self.strata, self.counts_TS[place], strict=True) if n]
        return sorted(held, key=lambda row: -row[2])

    def save(self, path: Path) -> None:
        """Write the table in one compressed file."""
        at, column = np.nonzero(self.counts_TS)
        small = np.uint8 if len(self.strata) < 256 else np.uint16  # a term may be in every stratum
        np.savez_compressed(
            path,
            terms=np.frombuffer("\n".join(self.terms).encode(), dtype=np.uint8),
            per_term=np.bincount(at, minlength=len(self.terms)).astype(small),
            column=column.astype(small),
            count=self.counts_TS[at, column],
            first=self.first_TS[at, column],
            pieces=self.pieces_S,
            card=np.frombuffer(json.dumps({**self.card, "strata": self.strata}).encode(), dtype=np.uint8),
        )

    @classmethod
    def load(cls, path: Path) -> "Attestation":
        """Read a table. Raises UserError where it is none."""
        try:
            with np.load(path, allow_pickle=False) as data:
                card = json.loads(data["card"].tobytes())
                strata = [(str(source), bool(early)) for source, early in card.pop("strata")]
                terms = data["terms"].tobytes().decode().split("\n")
                at = np.repeat(np.arange(len(terms)), data["per_term"])
                counts = np.zeros((len(terms), len(strata)), np.uint16)
                first = np.zeros_like(counts)
                counts[at, data["column"]] = data["count"]
                first[at, data["column"]] = data["first"]
                return cls(terms, strata, counts, first, data["pieces"], card)
        except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(
                f"{path} is no table of attested years ({error}): make one with `assay leaks calibrate`"
            ) from error


@dataclass(frozen=True)
class Counts:
    """Of every term: pieces before the cutoff, pieces after, and how many late collections have it."""

    early: np.ndarray
    late: np.ndarray
    late_collections: np.ndarray


def attest(texts: Iterable[Dated], cutoff: int, name: str = "", *, always: frozenset[str] = frozenset()) -> Attestation:
    """Count the terms of dated texts, of the pairs in `always` however early they are.

    Raises UserError where one side of the cutoff is empty.
    """
    texts = texts if isinstance(texts, list) else list(texts)
    strata = sorted({(text.source, text.year < cutoff) for text in texts})
    for side, word in ((True, "before"), (False, "from")):
        if not any(early is side for _, early in strata):
            raise UserError(f"no text is dated {word} {cutoff}: give dated texts of both sides of the cutoff")
    number = {stratum: place for place, stratum in enumerate(strata)}
    singles: list[Counter[str]] = [Counter() for _ in strata]
    pairs: list[Counter[str]] = [Counter() for _ in strata]
    first: list[dict[str, int]] = [{} for _ in strata]
    pieces = np.zeros(len(strata), np.int64)
    total_words = np.zeros(len(strata), np.int64)
    documents = Counter(number[text.source, text.year < cutoff] for text in texts)
    wanted: frozenset[str] | None = None
    for early in (False, True):  # the late side first: only pairs that are common there need counting on the other
        for text in texts:
            if (text.year < cutoff) is not early:
                continue
            stratum = number[text.source, early]
            for piece in _pieces(mended(text.text)):
                pieces[stratum] += 1
                total_words[stratum] += len(piece)
                held = {word.text for word in piece}
                two = {pair for pair in _pairs(piece) if wanted is None or pair in wanted}
                singles[stratum].update(held)
                pairs[stratum].update(two)
                years = first[stratum]
                for term in held | two:
                    if years.get(term, 9999) > text.year:
                        years[term] = text.year
        if not early:
            wanted = _wanted(singles, pairs, int(pieces.sum())) | always
    kept = _kept(strata, singles, pairs, wanted or frozenset(), always)
    counts_TS = np.zeros((len(kept), len(strata)), np.uint16)
    first_TS = np.zeros_like(counts_TS)
    for stratum in range(len(strata)):
        for place, term in enumerate(kept):
            count = singles[stratum].get(term) or pairs[stratum].get(term, 0)
            if count:
                counts_TS[place, stratum] = min(count, 65535)
                first_TS[place, stratum] = first[stratum][term]
    card = {
        "name": name,
        "cutoff": cutoff,
        "documents": [documents[n] for n in range(len(strata))],
        "words": total_words.tolist(),
        "piece": PIECE,
    }
    return Attestation(kept, strata, counts_TS, first_TS, pieces, card)


def _wanted(singles: list[Counter[str]], pairs: list[Counter[str]], pieces: int) -> frozenset[str]:
    """Return the pairs that late texts have often enough, of words that are not in every other piece."""
    single: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for words_of, pairs_of in zip(singles, pairs, strict=True):
        single.update(words_of)
        late.update(pairs_of)
    common = {word for word, count in single.items() if count > COMMON * pieces}
    return frozenset(
        pair for pair, count in late.items() if count >= FEWEST_PAIRS and common.isdisjoint(pair.split(" "))
    )


def _kept(
    strata: list[tuple[str, bool]],
    singles: list[Counter[str]],
    pairs: list[Counter[str]],
    wanted: frozenset[str],
    always: frozenset[str],
) -> list[str]:
    """Return the words that occur more than once, and the pairs that leaving one source out could date."""
    total: Counter[str] = Counter()
    for counted in singles:
        total.update(counted)
    kept = [term for term, count in total.items() if count > 1]
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for (source, early), counted in zip(strata, pairs, strict=True):
        if early:
            by_source[source].update(counted)
    for pair in wanted:
        early_counts = [counted[pair] for counted in by_source.values()]
        # others than those that one early source has, or none, can never be dated
        if pair in always or sum(early_counts) == max(early_counts, default=0):
            kept.append(pair)
    return sorted(kept)


def _pieces(text: str) -> Iterator[list[Word]]:
    piece: list[Word] = []
    for word in words(text):
        piece.append(word)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _pairs(piece: list[Word]) -> Iterator[str]:
    before = None
    for word in piece:
        if before is not None and word.joined and not word.text.isdigit() and not before.isdigit():
            yield f"{before} {word.text}"
        before = word.text
