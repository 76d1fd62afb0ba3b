"""Audit texts with a calibrated classifier: what is flagged and why, and how much leaked, with its stated error."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from assay.audit.leaks.attestation import Dated, collection
from assay.audit.leaks.calibration import Calibration
from assay.audit.leaks.classifier import Classifier, Judged, Reason
from assay.audit.leaks.rates import Rate, at_most, excess, per_thousand, share
from assay.audit.leaks.words import WINDOW
from assay.corpus.late_words import LATE_WORDS
from assay.nouns.base import Noun

_LEAST_RECALL = 0.3  # a leak that is found more seldom says nothing about how much there is
_SHOWN = 20


class Flag(Noun):
    """A flagged window: where it is, its passage, and the heaviest terms."""

    document: str
    year: int
    score: float
    passage: str
    reasons: tuple[Reason, ...]


class Leak(Noun):
    """The share of windows that hold a leak of about so many words.

    `rate` takes the calibration's false positives off; `at_most` takes none off and is the largest share that the flags
    allow; `distinct` says that the interval of `rate` lies above zero.
    """

    words: int
    rate: Rate
    at_most: float
    distinct: bool


class Audit(Noun):
    """What the classifier found in a set of texts. `texts` is the set, `windows` and `words` how much was judged."""

    texts: str
    cutoff: int
    documents: int
    windows: int
    words: int
    flagged: Rate | None
    leaks: tuple[Leak, ...]
    coined: Rate | None  # terms of our list coined from the cutoff on, a thousand words; not those that cleaning drops
    coined_terms: tuple[tuple[str, int], ...]
    terms: tuple[tuple[str, int], ...]  # what flagged windows, by how many windows
    flags: tuple[Flag, ...]
    by_collection: tuple[tuple[str, Rate], ...] = ()


@dataclass
class Auditor:
    """Gathers the judgements of texts, and makes the audit of them."""

    classifier: Classifier
    calibration: Calibration
    name: str
    documents: set[str] = field(default_factory=set)
    words: int = 0
    _hits: list[bool] = field(default_factory=list)
    _clusters: list[str] = field(default_factory=list)
    _collections: list[str] = field(default_factory=list)
    _coined: Counter[str] = field(default_factory=Counter)
    _terms: Counter[str] = field(default_factory=Counter)
    _flags: list[Flag] = field(default_factory=list)

    def add(self, text: Dated, cluster: str = "") -> bool:
        """Judge one text without its own source; say whether a window of it was flagged."""
        without = frozenset({text.source})
        plain, windows = self.classifier.judge_text(text.text, without)
        flagged = False
        for judged in windows:
            flagged |= self._take(text, plain, judged, without, cluster or text.id)
        self.documents.add(cluster or text.id)
        return flagged

    def _take(self, text: Dated, plain: str, judged: Judged, without: frozenset[str], cluster: str) -> bool:
        hit = judged.score > self.calibration.threshold
        self.words += len(judged.words)
        self._hits.append(hit)
        self._clusters.append(cluster)
        self._collections.append(collection(text.source))
        self._coined.update(term for term in judged.coined if term not in LATE_WORDS)
        if hit:
            reasons = self.classifier.reasons(judged, without)
            self._terms.update(reason.term for reason in reasons)
            self._flags.append(
                Flag(
                    document=text.id,
                    year=text.year,
                    score=round(judged.score, 2),
                    passage=judged.passage(plain)[:600],
                    reasons=tuple(reasons),
                )
            )
            if len(self._flags) > 50 * _SHOWN:
                self._flags = sorted(self._flags, key=lambda flag: -flag.score)[:_SHOWN]
        return hit

    def result(self) -> Audit:
        """Return the audit of what was added."""
        flagged = share(self._hits, self._clusters) if self._hits else None
        collections = sorted(set(self._collections))
        return Audit(
            texts=self.name,
            cutoff=self.calibration.cutoff,
            documents=len(self.documents),
            windows=len(self._hits),
            words=self.words,
            flagged=flagged,
            leaks=tuple(leaks_of(flagged, self.calibration, self.words / len(self._hits))) if flagged else (),
            coined=per_thousand(sum(self._coined.values()), self.words) if self.words else None,
            coined_terms=tuple(self._coined.most_common(_SHOWN)),
            terms=tuple(self._terms.most_common(_SHOWN)),
            flags=tuple(sorted(self._flags, key=lambda flag: (-flag.score, flag.document))[:_SHOWN]),
            by_collection=tuple((name, self._share_of(name)) for name in collections) if len(collections) > 1 else (),
        )

    def _share_of(self, name: str) -> Rate:
        here = [at for at, each in enumerate(self._collections) if each == name]
        return share([self._hits[at] for at in here], [self._clusters[at] for at in here])


def audit_texts(texts: Iterable[Dated], classifier: Classifier, calibration: Calibration, name: str) -> Audit:
    """Return the audit of a set of texts."""
    auditor = Auditor(classifier, calibration, name)
    for text in texts:
        auditor.add(text)
    return auditor.result()


def leaks_of(flagged: Rate, calibration: Calibration, length: float = WINDOW) -> list[Leak]:
    """Return the share that leaked, for each length of leak that is found often enough and fits windows of `length`."""
    found = []
    for row in calibration.recall:
        if row.rate.low >= _LEAST_RECALL and row.words <= 1.2 * length:
            rate = excess(flagged, calibration.false_positives, row.rate)
            found.append(Leak(words=row.words, rate=rate, at_most=at_most(flagged, row.rate), distinct=rate.low > 0))
    return found


def in_words(audit: Audit, calibration: Calibration) -> str:
    """Return what an audit says in a sentence, its error with it."""
    if audit.flagged is None:
        return f"{audit.texts}: no prose was found to judge"
    seen = (
        f"{audit.texts}: {_percent(audit.flagged)} of {audit.windows:,} windows of about {calibration.window} words "
        f"({audit.documents:,} documents) look later than {audit.cutoff - 1}"
    )
    false = f"clean text: {_percent(calibration.false_positives)}"
    longest = audit.leaks[-1] if audit.leaks else None
    if longest is None:
        short = (
            f"{seen} ({false}, in windows of {calibration.window} words; these have {audit.words / audit.windows:.0f})"
        )
        if audit.flagged.low > calibration.false_positives.high:
            return f"{short}: more than in clean text; the texts are too short to say how much leaked"
        return f"{short}: no more than in clean text, and the texts are too short to say how much leaked"
    if longest.distinct:
        return (
            f"{seen} ({false}): it holds later text; with leaks of {longest.words} words, "
            f"{_percent(longest.rate)} of its windows do"
        )
    return (
        f"{seen} ({false}): not told from clean; with leaks of {longest.words} words, "
        f"{_percent(longest.rate)} of its windows hold one, at most {longest.at_most:.2%} even if no flag were false"
    )


def _percent(rate: Rate) -> str:
    return f"{rate.estimate:.2%} [{rate.low:.2%}, {rate.high:.2%}]"


def terms_in_words(reasons: Sequence[Reason]) -> str:
    """Return the terms that flagged a window, with their years."""
    parts = []
    for reason in reasons:
        when = f"coined {reason.coined}" if reason.coined else f"first {reason.first}" if reason.first else "not dated"
        parts.append(f"{reason.term} ({when})")
    return ", ".join(parts)
