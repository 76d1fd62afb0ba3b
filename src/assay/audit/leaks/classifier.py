"""The anachronism classifier: the passage of a text that most looks later than the cutoff, and which terms say so.

Every word of a window of 200 words weighs what its class weighs (`evidence`), ordinary words a little below zero. The
passage is the run of words with the largest sum, and the sum is the window's score: a log-likelihood ratio of late to
early text for the best run, as in the alignment of sequences (Karlin and Altschul 1990, PNAS 87, 2264-2268). So one
telling word and a page of faint signs can both reach the threshold, which is set on clean text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assay.audit.leaks.evidence import COINED, ORDINARY, Mark, Marker
from assay.audit.leaks.words import Word, mended, windows, words
from assay.nouns.base import Noun


class Reason(Noun):
    """A term that speaks for a late date: first year in the dated corpora, and of its coinage where the list has it."""

    term: str
    first: int | None
    coined: int | None
    weight: float


@dataclass(frozen=True)
class Judged:
    """One window: its score, its best run of words, the marks in the run, and all its terms of the list of coinages."""

    words: Sequence[Word]
    score: float
    first: int
    last: int
    marks: tuple[Mark, ...]
    coined: tuple[str, ...]

    def passage(self, text: str) -> str:
        """Return the run as it stands in the mended text, on one line."""
        return " ".join(text[self.words[self.first].start : self.words[self.last].end].replace("\x00", " ").split())


class Classifier:
    """Judges windows of text with measured weights."""

    def __init__(self, marker: Marker, weights: Mapping[str, float], coined: Mapping[tuple[str, ...], int]) -> None:
        """`weights` by class; a class without one weighs nothing."""
        self.marker, self.weights, self._coined = marker, dict(weights), coined

    def judge(self, window: Sequence[Word], without: frozenset[str] = frozenset()) -> Judged:
        """Return the window with its score: 0 where no run of words speaks for a late date."""
        marks = self.marker.marks(window, without)
        best = running = 0.0
        best_at = (0, -1)
        start = 0
        for number, mark in enumerate(marks):
            if running <= 0:
                running, start = 0.0, number
            running += self.weights.get(mark.name, 0.0)
            if running > best:
                best, best_at = running, (start, number)
        run = marks[best_at[0] : best_at[1] + 1]
        first, last = (run[0].first, run[-1].last) if run else (0, 0)
        telling = tuple(mark for mark in run if mark.name != ORDINARY)
        coined = tuple(mark.term for mark in marks if mark.name == COINED)
        return Judged(window, best, first, last, telling, coined)

    def judge_text(self, text: str, without: frozenset[str] = frozenset()) -> tuple[str, Iterator[Judged]]:
        """Return the mended text and its judged windows."""
        plain = mended(text)
        return plain, (self.judge(window, without) for window in windows(list(words(plain))))

    def reasons(self, judged: Judged, without: frozenset[str] = frozenset(), most: int = 8) -> list[Reason]:
        """Return the terms that spoke for a late date, the heaviest first."""
        table = self.marker.table
        found = [
            Reason(
                term=mark.term,
                first=table.first_year(mark.term, without),
                coined=self._coined.get(tuple(mark.term.split())),
                weight=round(self.weights.get(mark.name, 0.0), 2),
            )
            for mark in judged.marks
            if self.weights.get(mark.name, 0.0) > 0
        ]
        return sorted(found, key=lambda reason: -reason.weight)[:most]
