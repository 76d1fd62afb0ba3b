"""Multiple choice on what happened before the cutoff and after it: after it, a dated model must stay at chance.

An option is scored by its log-probability after the stem, a byte; and once more with its log-probability after a
neutral stem taken off (Holtzman et al. 2021, arXiv 2104.08315), since a name that is new to the model is unlikely
whatever the question. That "after" is at chance shows something only of a model that is above chance "before".
"""

from collections.abc import Sequence
from pathlib import Path

from assay.audit.leaks.rates import Rate
from assay.audit.leaks.scoring import Scorer
from assay.errors import UserError
from assay.nouns.base import Noun
from assay.statistics import wilson

CHOICES = Path(__file__).parent / "choices.tsv"
NEUTRAL = "The answer is"


class Item(Noun):
    """A question: the first option is right."""

    year: int
    stem: str
    options: tuple[str, ...]


class Choice(Noun):
    """The shares answered rightly before and after the cutoff, by either score, and what follows."""

    model: str
    items: str
    cutoff: int
    chance: float
    before: Rate
    after: Rate
    before_corrected: Rate
    after_corrected: Rate
    conclusion: str


def read_choices(path: Path = CHOICES) -> list[Item]:
    """Return the items of lines `YEAR<tab>STEM<tab>RIGHT<tab>WRONG...`. Raises UserError naming a broken line."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The choices {path} cannot be read ({error}): name a file of tab-separated lines") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        year, *rest = [part.strip() for part in line.split("\t")]
        if not year.isdigit() or len(rest) < 3 or not all(rest) or len(set(rest[1:])) < len(rest) - 1:
            raise UserError(f"Line {number} of {path} is not YEAR<tab>STEM<tab>RIGHT<tab>WRONG and so on: mend it")
        found.append(Item(year=int(year), stem=rest[0], options=tuple(rest[1:])))
    return found


def choose(scorer: Scorer, items: Sequence[Item], cutoff: int, named: str) -> Choice:
    """Return how often a model is right. Raises UserError where one side of the cutoff has no item."""
    if not any(i.year < cutoff for i in items) or not any(i.year >= cutoff for i in items):
        raise UserError(f"The choices hold none of one side of {cutoff}: name others with --choices")
    right: dict[tuple[bool, bool], list[bool]] = {}
    for item in items:
        plain = [-scorer.nats(item.stem, f" {option}") / len(option.encode()) for option in item.options]
        alone = [-scorer.nats(NEUTRAL, f" {option}") / len(option.encode()) for option in item.options]
        early = item.year < cutoff
        right.setdefault((early, False), []).append(_first_is_best(plain))
        right.setdefault((early, True), []).append(
            _first_is_best([score - own for score, own in zip(plain, alone, strict=True)])
        )
    chance = sum(1 / len(item.options) for item in items) / len(items)
    before, after = _rate(right[True, False]), _rate(right[False, False])
    before_corrected, after_corrected = _rate(right[True, True]), _rate(right[False, True])
    return Choice(
        model=scorer.name,
        items=named,
        cutoff=cutoff,
        chance=round(chance, 4),
        before=before,
        after=after,
        before_corrected=before_corrected,
        after_corrected=after_corrected,
        conclusion=_conclusion(chance, before_corrected, after_corrected),
    )


def _conclusion(chance: float, before: Rate, after: Rate) -> str:
    if after.low > chance:
        return (
            "it answers better than chance on what came after the cutoff: it knows of it, or the options give it away"
        )
    if before.low > chance:
        return (
            f"above chance before the cutoff and not after it: no sign of a leak larger than {after.high - chance:.0%} "
            "of the items"
        )
    return (
        "not above chance even before the cutoff: the model is too small for these questions, and that it is at chance "
        "after the cutoff shows nothing"
    )


def _first_is_best(scores: Sequence[float]) -> bool:
    return scores[0] > max(scores[1:])


def _rate(hits: Sequence[bool]) -> Rate:
    return Rate.of(wilson(sum(hits), len(hits)), len(hits))
