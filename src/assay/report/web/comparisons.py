"""Arms of a run compared as `assay compare` does it, with the forest plot as SVG."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.errors import UserError
from assay.ledger.outcomes.arms import Arm
from assay.ledger.outcomes.arms import arm as arm_of
from assay.ledger.outcomes.formats.runs import score_of
from assay.report.comparison import Comparison, compare
from assay.report.web.runs import Run
from assay.report.words import between, finding, p_value, percent, points
from assay.statistics import Interval

RESAMPLES = 10_000
MOST_ARMS = 12
_LEFT, _RIGHT, _ROW, _WIDTH = 122, 16, 24, 400
_NAME = 18  # letters of an arm's name that fit beside its bar


@dataclass(frozen=True)
class Bar:
    """An interval from x `low` to `high` around `middle`, in SVG's units, in row `y`; None where nothing is known."""

    name: str
    look: int
    y: float
    low: float | None
    middle: float
    high: float
    said: str


@dataclass(frozen=True)
class Forest:
    """A plot of intervals: its bars, the ticks of its axis, where zero is and the margin's band."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    height: int
    width: int
    zero: float | None = None
    band: tuple[float, float] | None = None


def arms_of(run: Run) -> list[tuple[str, int, bool]]:
    """Return (arm, dose, whether the arm has several) of a run's plan, in its order."""
    cells = run.coverage()
    doses: dict[str, set[int]] = defaultdict(set)
    for cell in cells:
        doses[cell.arm].add(cell.dose)
    return [(arm, dose, len(each) > 1) for arm, each in doses.items() for dose in sorted(each)]


def name_of(arm: str, dose: int, several: bool) -> str:
    """Return what `assay compare` calls an arm at a dose."""
    return f"{arm}@{dose}" if several else arm


def comparison(
    run: Run, asked: Sequence[str], split: str, margin: float | None, chosen: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the context of the page that compares the arms `asked`, the first being the baseline.

    With none asked it compares `chosen`. Raises UserError for an arm that the run has not, or for too many.
    """
    known = {name_of(*each): each for each in arms_of(run)}
    splits = list(dict.fromkeys(cell.split for cell in run.coverage()))
    names = list(dict.fromkeys(asked or [name for name in chosen if name in known] or list(known)[:2]))
    odd = [name for name in names if name not in known]
    if odd:
        raise UserError(f"{run.name} has no arm {odd[0][:60]!r}: choose from the list")
    if len(names) > MOST_ARMS:
        raise UserError(f"{len(names)} arms are too many for one page: choose up to {MOST_ARMS}")
    if split and split not in splits:
        raise UserError(f"{run.name} has no split {split[:60]!r}: choose from the list")
    found = error = None

    def make() -> Comparison:
        arms = [_arm(run, name, known[name][:2], split) for name in names]
        return compare(arms, common=True, margin=margin, resamples=RESAMPLES)

    if names:
        try:
            found = run.kept(("compare", tuple(names), split, margin), make)
        except UserError as problem:
            error = str(problem)
    return {
        "known": list(known),
        "names": names,
        "splits": splits,
        "split": split,
        "margin": margin,
        "error": error,
        "found": found,
        "scores": _scores(found) if found else None,
        "differences": _differences(found) if found and found.pairs else None,
        "pairs": _pairs(found) if found else [],
        "command": _command(run, names),
        "resamples": RESAMPLES,
    }


def _command(run: Run, names: Sequence[str]) -> str:
    return "assay compare " + " ".join(
        f"{run.path if run.path.name != 'ledger.sqlite' else run.folder}:{n}" for n in names
    )


def _arm(run: Run, name: str, key: tuple[str, int], split: str) -> Arm:
    """Return one arm at one dose, its scores as `assay compare` reads them from a ledger."""
    from assay.ledger.browse import Filter

    wanted = Filter(arms=(key[0],), doses=(key[1],), splits=(split,) if split else ())
    with run.open() as reader:
        clusters = reader.repositories()
        scores = [(f"attempt {row.id}", score_of(row, clusters)) for row in reader.rows(wanted)]
    return arm_of(name, str(run.path), scores, paired=True)


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Return an axis that holds low to high, and the step of its ticks."""
    span = max(high - low, 1e-6)
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if span / s <= 6), 0.5)
    first, last = step * int(low / step - (low < 0) * 0.999), step * int(high / step + (high > 0) * 0.999)
    return first, max(last, first + step), step


def _forest(
    intervals: list[tuple[str, int, Interval, str]], signed: bool, margin: float | None, bounds: tuple[float, float]
) -> Forest:
    known = [i for _, _, i, _ in intervals if i.known]
    low, high = bounds
    low, high = min([low, *(i.low for i in known)]), max([high, *(i.high for i in known)])
    low, high, step = _scale(low, high)

    def x(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low), 1)

    bars = tuple(
        Bar(_short(name), look, 13 + _ROW * row, x(i.low) if i.known else None, x(i.estimate) if i.known else 0,
            x(i.high) if i.known else 0, said)
        for row, (name, look, i, said) in enumerate(intervals)
    )  # fmt: skip
    ticks = []
    for number in range(round((high - low) / step) + 1):
        value = 100 * (low + number * step)
        word = f"{value:+.0f}".replace("-", "−") if signed and round(value) else f"{value:.0f}"
        ticks.append((x(low + number * step), word))
    band = (x(-margin), x(margin)) if signed and margin else None
    return Forest(bars, tuple(ticks), _ROW * len(intervals) + 22, _WIDTH, x(0.0) if signed else None, band)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _scores(found: Comparison) -> Forest:
    every = [
        (row.name, n, row.score, f"{row.name}: {percent(row.score.estimate)} {between(row.score)}, n = {row.score.n}")
        for n, row in enumerate(found.rows)
    ]
    return _forest(every, False, None, (0.0, max((r.score.high for r in found.rows if r.score.known), default=1.0)))


def _differences(found: Comparison) -> Forest:
    every = [
        (
            pair.name,
            n + 1,
            pair.difference.interval,
            f"{pair.name} minus {pair.baseline}: {points(pair.difference.interval.estimate)} points "
            f"{between(pair.difference.interval, points)}",
        )
        for n, pair in enumerate(found.pairs)
    ]
    edge = found.margin or 0.02
    return _forest(every, True, found.margin, (-edge, edge))


def _pairs(found: Comparison) -> list[dict[str, str]]:
    return [
        {
            "name": pair.name,
            "baseline": pair.baseline,
            "difference": points(pair.difference.interval.estimate),
            "interval": between(pair.difference.interval, points),
            "p": p_value(pair.difference.p) if pair.exact is None else f"{p_value(pair.exact)} (exact)",
            "p_holm": p_value(pair.p_holm),
            "detectable": points(pair.detectable).lstrip("+"),
            "finding": finding(pair.verdict, found.margin),
        }
        for pair in found.pairs
    ]
