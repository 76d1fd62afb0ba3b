"""Calibrate the classifier: weights of evidence, a threshold at 1 % false positives, recall by the length of a leak.

Three parts of the dated texts, by hash of the stretch: one measures the weights, one sets the threshold, one is left
for the figures. A window is always judged without its own source, and a planted leak without that of the leak either.
"""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from assay.audit.leaks.attestation import Attestation, Dated, collection
from assay.audit.leaks.classifier import Classifier
from assay.audit.leaks.evidence import Marker
from assay.audit.leaks.rates import Rate, share
from assay.audit.leaks.words import WINDOW, Word, mended, windows, words
from assay.nouns.base import Noun

LENGTHS = (1, 2, 5, 10, 25, 50, 100, 200)  # words of a planted leak
FALSE_POSITIVES = 0.01
_FIT, _SET, _TEST = range(3)
_STRETCH = 25  # windows that are in one part together
_MOST_WEIGHT = 6.0


class ClassWeight(Noun):
    """A class of evidence: its weight in nats, and how many words of it the early and the late texts had."""

    name: str
    weight: float
    early: int
    late: int


class Recall(Noun):
    """The share of windows flagged when a leak of so many words stands in them."""

    words: int
    rate: Rate


class SourceRate(Noun):
    """A rate of one source; `words` is the length of the planted leak, 0 for clean text."""

    source: str
    words: int
    rate: Rate


class Calibration(Noun):
    """All that the classifier was found to be. Its error is that of the sources which it was calibrated on."""

    cutoff: int
    seed: int
    window: int
    words_early: int
    words_late: int
    weights: tuple[ClassWeight, ...]
    threshold: float
    false_positives: Rate
    false_positives_by_source: tuple[SourceRate, ...]
    false_positives_spoiled: Rate  # with letters spoiled as by a scanner
    recall: tuple[Recall, ...]
    recall_by_source: tuple[SourceRate, ...]
    false_positives_wanted: float = FALSE_POSITIVES


@dataclass(frozen=True)
class Sampled:
    """A window of a dated text, and which part of the calibration it is in."""

    words: list[Word]
    source: str
    document: str
    part: int

    @property
    def collection(self) -> str:
        """What the source is part of."""
        return collection(self.source)


def sample_windows(texts: Sequence[Dated], each: int, seed: int) -> list[Sampled]:
    """Return about `each` windows of every source for every part, spread over the source's documents."""
    by_source: dict[str, list[Dated]] = defaultdict(list)
    for text in texts:
        by_source[collection(text.source)].append(text)
    taken: list[Sampled] = []
    for source in sorted(by_source):
        documents = sorted(by_source[source], key=lambda text: _hash(f"{seed}:{text.id}"))
        most = ceil(4 * each / len(documents))
        left = [each] * 3
        for text in documents:
            if not any(left):
                break
            cut = list(enumerate(windows(list(words(mended(text.text))))))
            random.Random(_hash(f"{seed}:{text.id}:windows")).shuffle(cut)
            for number, window in cut[:most]:
                part = _hash(f"{text.id}#{number // _STRETCH}") % 3
                if left[part] and len(window) >= WINDOW // 2:
                    left[part] -= 1
                    taken.append(Sampled(window, text.source, text.id, part))
    return taken


def calibrate(
    texts: Sequence[Dated],
    table: Attestation,
    coined: dict[tuple[str, ...], int],
    *,
    each: int = 250,
    plants: int = 600,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Classifier, Calibration]:
    """Return the classifier with its calibration. `each` windows a source and part, `plants` leaks of every length."""
    early = sample_windows([text for text in texts if text.year < table.cutoff], each, seed)
    late = sample_windows([text for text in texts if text.year >= table.cutoff], each, seed)
    say(f"{len(early)} early and {len(late)} late windows of {WINDOW} words")
    marker = Marker(table, coined)
    weights = _weights(marker, early, late)
    classifier = Classifier(marker, {each_class.name: each_class.weight for each_class in weights}, coined)
    clean = [classifier.judge(s.words, frozenset({s.source})).score for s in early if s.part == _SET]
    threshold = float(np.quantile(clean, 1 - FALSE_POSITIVES, method="higher")) + 1e-9
    say(f"threshold {threshold:.2f}, set on {len(clean)} clean windows")

    test = [s for s in early if s.part == _TEST]
    flags = [classifier.judge(s.words, frozenset({s.source})).score > threshold for s in test]
    rng = random.Random(seed)
    spoiled = [classifier.judge(_spoiled(s.words, rng), frozenset({s.source})).score > threshold for s in test]
    planted = _plant(classifier, threshold, test, [s for s in late if s.part == _TEST], plants, rng)
    recall = [
        Recall(words=length, rate=share([hit for hit, _, _ in rows], [document for _, _, document in rows]))
        for length, rows in planted.items()
    ]
    names = sorted({s.collection for s in test})
    by_source = [
        SourceRate(
            source=name,
            words=0,
            rate=share(
                [f for f, s in zip(flags, test, strict=True) if s.collection == name],
                [s.document for s in test if s.collection == name],
            ),
        )
        for name in names
    ]
    found = Calibration(
        cutoff=table.cutoff,
        seed=seed,
        window=WINDOW,
        words_early=sum(len(s.words) for s in early if s.part == _FIT),
        words_late=sum(len(s.words) for s in late if s.part == _FIT),
        weights=tuple(weights),
        threshold=round(threshold, 6),
        false_positives=share(flags, [s.document for s in test]),
        false_positives_by_source=tuple(by_source),
        false_positives_spoiled=share(spoiled, [s.document for s in test]),
        recall=tuple(recall),
        recall_by_source=tuple(_by_source(planted)),
    )
    return classifier, found


def _weights(marker: Marker, early: Sequence[Sampled], late: Sequence[Sampled]) -> list[ClassWeight]:
    """Return each class's logarithm of its rate in late text over that in early text, both of the fitting part."""
    counts: list[Counter[str]] = []
    totals: list[int] = []
    for side in (early, late):
        found: Counter[str] = Counter()
        fit = [s for s in side if s.part == _FIT]
        for s in fit:
            found.update(mark.name for mark in marker.marks(s.words, frozenset({s.source})))
        counts.append(found)
        totals.append(sum(len(s.words) for s in fit))
    before, after = counts
    weights = []
    for name in sorted(set(before) | set(after)):
        ratio = (after[name] + 0.5) / (totals[1] + 1) * (totals[0] + 1) / (before[name] + 0.5)
        weight = max(-_MOST_WEIGHT, min(_MOST_WEIGHT, log(ratio)))
        weights.append(ClassWeight(name=name, weight=round(weight, 4), early=before[name], late=after[name]))
    return weights


def _plant(
    classifier: Classifier,
    threshold: float,
    clean: Sequence[Sampled],
    late: Sequence[Sampled],
    plants: int,
    rng: random.Random,
) -> dict[int, list[tuple[bool, str, str]]]:
    """Return for each length (flagged, source, document) of leaks, as many of each late source and clean source."""
    sources = sorted({s.collection for s in late})
    hosts = sorted({s.collection for s in clean})
    late_of = {name: [s for s in late if s.collection == name] for name in sources}
    clean_of = {name: [s for s in clean if s.collection == name] for name in hosts}
    found: dict[int, list[tuple[bool, str, str]]] = {}
    for length in LENGTHS:
        rows = []
        for number in range(plants):
            source = sources[number % len(sources)]
            leak = rng.choice(late_of[source])
            host = rng.choice(clean_of[rng.choice(hosts)])
            window = planted(host.words, leak.words, length, rng)
            judged = classifier.judge(window, frozenset({host.source, leak.source}))
            rows.append((judged.score > threshold, leak.collection, leak.document))
        found[length] = rows
    return found


def planted(host: Sequence[Word], leak: Sequence[Word], length: int, rng: random.Random) -> list[Word]:
    """Return the host with `length` words of the leak in place of as many of its own, at random places."""
    length = min(length, len(leak))
    start = rng.randrange(len(leak) - length + 1)
    passage = list(leak[start : start + length])
    passage[0] = passage[0]._replace(joined=False)
    at = rng.randrange(max(1, len(host) - length + 1))
    after = list(host[at + length :])
    if after:
        after[0] = after[0]._replace(joined=False)
    return [*host[:at], *passage, *after]


def _spoiled(window: Sequence[Word], rng: random.Random, rate: float = 0.02) -> list[Word]:
    """Return the window with one letter in fifty misread, as a poor scan has it."""
    found = []
    for word in window:
        letters = [rng.choice("abcdefhiklmnorstu") if rng.random() < rate else sign for sign in word.text]
        found.append(word._replace(text="".join(letters)) if not word.text.isdigit() else word)
    return found


def _by_source(rows: dict[int, list[tuple[bool, str, str]]]) -> list[SourceRate]:
    return [
        SourceRate(
            source=source,
            words=length,
            rate=share([h for h, s, _ in rows[length] if s == source], [d for _, s, d in rows[length] if s == source]),
        )
        for length in (25, 200)
        for source in sorted({s for _, s, _ in rows[length]})
    ]


def _hash(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
