"""Evidence: what each word of a text says about its age, in classes whose weights are measured.

A term that a source other than the text's own has before the cutoff is ordinary, however rare. Of the others a class
says how often later sources have it. Its weight is the logarithm of how many times more often words of that class stand
in late text than in early text, measured on texts of sources that the counts did not see. So a word that no source has
(a surname, a scanner's error) weighs as little as such words are found to tell, and a coinage weighs much; nothing is
assumed of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.audit.leaks.attestation import FEWEST_PAIRS, Attestation
from assay.audit.leaks.words import Word

NONE, ORDINARY, UNKNOWN, COINED, YEAR = "", "ordinary", "nowhere", "coined after", "a year after"
_LATE = ((0, "none"), (2, "1-2"), (9, "3-9"), (29, "10-29"), (99, "30-99"), (10**9, "100 or more"))  # most pieces
_FEW_EARLY = 2  # a coinage that more early pieces have is older than the list says
_LONGEST = 5  # words of a coinage


@dataclass(frozen=True)
class Mark:
    """The class of one place in a text: `term` begins at word `first` and ends at word `last`."""

    first: int
    last: int
    term: str
    name: str


class Marker:
    """Marks the words of texts with their classes."""

    def __init__(self, table: Attestation, coined: dict[tuple[str, ...], int]) -> None:
        """`coined` gives years of terms; only those from the cutoff on count."""
        self.table, self.cutoff = table, table.cutoff
        self._coined = {term for term, year in coined.items() if year >= table.cutoff and len(term) <= _LONGEST}
        self._starts = {term[0] for term in self._coined}
        self._labels = [
            f"first seen after, {pieces} pieces{where}"
            for where in (" of one collection", " of several collections")
            for _, pieces in _LATE
        ]
        self._labels[0] = UNKNOWN
        self._labels += [COINED, ORDINARY]
        self._is_coined = np.array([tuple(term.split(" ")) in self._coined for term in table.terms])
        self._is_pair = np.array([" " in term for term in table.terms])
        self._known: dict[frozenset[str], np.ndarray] = {}

    def marks(self, text: Sequence[Word], without: frozenset[str] = frozenset()) -> list[Mark]:
        """Return the marks of a text's words, in order, judged without these sources. A term counts once a text."""
        classes = self._classes(without)
        place, labels = self.table.place, self._labels
        found: list[Mark] = []
        seen: set[str] = set()
        plain_before = False
        skip = -1
        for at, word in enumerate(text):
            if at <= skip:
                continue
            if word.text in self._starts and (last := self._coinage(text, at)) >= 0:
                term = " ".join(each.text for each in text[at : last + 1])
                own = place.get(term)
                if own is None or labels[classes[own]] == COINED:
                    _add(found, seen, Mark(at, last, term, COINED))
                    skip, plain_before = last, False
                    continue
            if word.text.isdigit():
                late = self.cutoff <= int(word.text) <= 2035
                _add(found, seen, Mark(at, at, word.text, YEAR if late else NONE))
                plain_before = False
                continue
            if len(word.text) == 1:
                plain_before = True
                continue
            own = place.get(word.text)
            label = labels[classes[own] if own is not None else 0]
            plain = label == ORDINARY
            if not plain:
                label = f"name, {label}" if word.name else f"word, {label}"
            elif plain_before and word.joined:
                pair = f"{text[at - 1].text} {word.text}"
                both = place.get(pair)
                if both is not None and labels[classes[both]] != ORDINARY:
                    _add(found, seen, Mark(at - 1, at, pair, f"pair, {labels[classes[both]]}"))
                    plain_before = True
                    continue
            _add(found, seen, Mark(at, at, word.text, label))
            plain_before = plain
        return found

    def _coinage(self, text: Sequence[Word], at: int) -> int:
        """Return the last word of the longest coinage that begins here, or -1."""
        for size in range(min(_LONGEST, len(text) - at), 0, -1):
            term = tuple(word.text for word in text[at : at + size])
            if term in self._coined and all(word.joined for word in text[at + 1 : at + size]):
                return at + size - 1
        return -1

    def _classes(self, without: frozenset[str]) -> np.ndarray:
        without = without & self.table.sources
        if without not in self._known:
            if len(self._known) > 200:
                self._known.clear()
            counts = self.table.without(without)
            late = np.searchsorted([most for most, _ in _LATE], counts.late, side="left")
            codes = late + len(_LATE) * (counts.late_collections >= 2)
            # that a pair is in the table at all is owed to all late sources: to few others it says nothing
            ordinary = (counts.early > 0) | (self._is_pair & (counts.late < FEWEST_PAIRS))
            codes = np.where(ordinary, self._labels.index(ORDINARY), codes)
            coined = self._is_coined & (counts.early <= _FEW_EARLY)
            self._known[without] = np.where(coined, self._labels.index(COINED), codes).astype(np.uint8)
        return self._known[without]


def _add(found: list[Mark], seen: set[str], mark: Mark) -> None:
    """Keep an ordinary word always, and any other term the first time only: repeats are no new evidence."""
    if mark.name == NONE:
        return
    if mark.name != ORDINARY:
        if mark.term in seen:
            return
        seen.add(mark.term)
    found.append(mark)
