"""Surprise by decade: bits per byte of a model on short descriptions of dated events, all written in one register.

A model that has read nothing later than a cutoff should be surprised more by what happened after it. Texts of other
decades differ in other ways too (names, length), so two models are compared item by item.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import t

from assay.audit.leaks.scoring import Scorer
from assay.errors import UserError
from assay.nouns.base import Noun

EVENTS = Path(__file__).parent / "events.tsv"


class Mean(Noun):
    """A mean or a slope with its interval at 95 % over items."""

    estimate: float
    low: float
    high: float
    n: int


class Decade(Noun):
    """The bits per byte of a decade's items."""

    decade: int
    bits: Mean


class Surprise(Noun):
    """Bits per byte by decade, slopes in bits per byte and decade on either side, and after minus before."""

    model: str
    items: str
    cutoff: int
    decades: tuple[Decade, ...]
    slope_before: Mean | None
    slope_after: Mean | None
    rise: Mean
    rises: bool
    each: tuple[float, ...]


class Paired(Noun):
    """Bits per byte of one model minus another's on the same items: before, after, and the change at the cutoff."""

    model: str
    minus: str
    before: Mean
    after: Mean
    change: Mean


def read_events(path: Path = EVENTS) -> list[tuple[int, str]]:
    """Return (year, text) of the lines `YEAR<tab>TEXT`. Raises UserError naming a broken line."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The events {path} cannot be read ({error}): name a file of YEAR<tab>TEXT lines") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        year, _, text = line.partition("\t")
        if not year.strip().isdigit() or not text.strip():
            raise UserError(f"Line {number} of {path} is not YEAR<tab>TEXT: mend it")
        found.append((int(year), text.strip()))
    return found


def surprise(scorer: Scorer, events: Sequence[tuple[int, str]], cutoff: int, items: str) -> Surprise:
    """Return a model's bits per byte by decade. Raises UserError unless both sides of the cutoff have two items."""
    years = np.array([year for year, _ in events])
    before, after = years < cutoff, years >= cutoff
    if before.sum() < 2 or after.sum() < 2:
        raise UserError(f"The events hold fewer than two of either side of {cutoff}: name others with --events")
    each = np.array([scorer.nats("", text) / math.log(2) / len(text.encode()) for _, text in events])
    rise = difference(each[after], each[before])
    return Surprise(
        model=scorer.name,
        items=items,
        cutoff=cutoff,
        decades=tuple(
            Decade(decade=int(decade), bits=mean(each[years // 10 * 10 == decade]))
            for decade in sorted(set(years // 10 * 10))
        ),
        slope_before=slope(years[before], each[before]),
        slope_after=slope(years[after], each[after]),
        rise=rise,
        rises=rise.low > 0,
        each=tuple(round(float(bits), 5) for bits in each),
    )


def paired(one: Surprise, two: Surprise, events: Sequence[tuple[int, str]]) -> Paired:
    """Return one model's surprise minus another's on the same items."""
    years = np.array([year for year, _ in events])
    gap = np.array(one.each) - np.array(two.each)
    before, after = gap[years < one.cutoff], gap[years >= one.cutoff]
    return Paired(
        model=one.model, minus=two.model, before=mean(before), after=mean(after), change=difference(after, before)
    )


def mean(values: np.ndarray) -> Mean:
    """Return the mean with Student's interval; with one value the interval has no ends."""
    n = len(values)
    half = float(t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf
    return _mean(float(values.mean()), half, n)


def difference(one: np.ndarray, two: np.ndarray) -> Mean:
    """Return mean(one) - mean(two) with Welch's interval (1947, Biometrika 34, 28-35)."""
    a, b = one.var(ddof=1) / len(one), two.var(ddof=1) / len(two)
    degrees = (a + b) ** 2 / (a**2 / (len(one) - 1) + b**2 / (len(two) - 1)) if a + b > 0 else 1.0
    half = float(t.ppf(0.975, degrees)) * math.sqrt(a + b)
    return _mean(float(one.mean() - two.mean()), half, len(one) + len(two))


def slope(years: np.ndarray, values: np.ndarray) -> Mean | None:
    """Return the least-squares slope a decade with its interval, or None with fewer than three different years."""
    if len(set(years.tolist())) < 3:
        return None
    x = (years - years.mean()) / 10
    beta = float((x * values).sum() / (x**2).sum())
    rest = values - values.mean() - beta * x
    error = math.sqrt(float((rest**2).sum()) / (len(x) - 2) / float((x**2).sum()))
    return _mean(beta, float(t.ppf(0.975, len(x) - 2)) * error, len(x))


def _mean(estimate: float, half: float, n: int) -> Mean:
    return Mean(estimate=round(estimate, 5), low=round(estimate - half, 5), high=round(estimate + half, 5), n=n)
