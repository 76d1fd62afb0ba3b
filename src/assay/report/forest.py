"""The forest plot of a comparison: each arm's score, and each paired difference to the baseline, with its interval."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from assay.report.comparison import Comparison
from assay.report.figures import LOOKS, as_png, style
from assay.report.words import MINUS
from assay.statistics import Interval

_ROW = 0.36
_LONGEST = 34


def forest(found: Comparison) -> bytes:
    """Return the plot as PNG bytes; equal comparisons give equal bytes."""
    with style():
        count, pairs = len(found.rows), len(found.pairs)
        height = 1.5 + _ROW * (count + max(1, pairs) + (2 if pairs else 0))
        figure = Figure(figsize=(8.2, height), layout="constrained")
        FigureCanvasAgg(figure)
        if not pairs:
            _scores(figure.subplots(), found)
            return as_png(figure)
        above, below = figure.subplots(2, 1, height_ratios=[count + 0.8, pairs + 0.8])
        _scores(above, found)
        _differences(below, found)
        return as_png(figure)


def _scores(axes: Axes, found: Comparison) -> None:
    for number, row in enumerate(found.rows):
        colour, marker, _ = LOOKS[number % len(LOOKS)]
        _bar(axes, number, row.score, colour, marker)
    _names(axes, [f"{_short(row.name)}  (n = {row.score.n})" for row in found.rows])
    _numbers(axes, [row.score for row in found.rows], lambda value: f"{value:.1f}")
    axes.set_title(f"Score on {found.tasks} tasks")
    axes.set_xlabel(f"percent, with its {found.rows[0].score.level:.0%} interval")


def _differences(axes: Axes, found: Comparison) -> None:
    if found.margin is not None:
        axes.axvspan(-100 * found.margin, 100 * found.margin, color="#EEF1F4", zorder=0, linewidth=0)
    axes.axvline(0, color="#5B6770", linewidth=0.9, zorder=1)
    for number, pair in enumerate(found.pairs):
        colour, marker, _ = LOOKS[(number + 1) % len(LOOKS)]
        _bar(axes, number, pair.difference.interval, colour, marker)
    _names(axes, [_short(pair.name) for pair in found.pairs])
    _numbers(axes, [pair.difference.interval for pair in found.pairs], lambda value: f"{value:+.1f}")
    shaded = ", the margin shaded" if found.margin is not None else ""
    axes.set_title(f"Difference to {_short(found.pairs[0].baseline)}, paired")
    axes.set_xlabel(f"points, with its {found.pairs[0].difference.interval.level:.0%} interval{shaded}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+g}".replace("-", MINUS) if x else "0"))


def _bar(axes: Axes, number: int, interval: Interval, colour: str, marker: str) -> None:
    if not interval.known:
        axes.text(
            0.5, number, "no pair of valid scores", va="center", ha="center", transform=axes.get_yaxis_transform()
        )
        return
    low, middle, high = 100 * interval.low, 100 * interval.estimate, 100 * interval.high
    axes.hlines(number, low, high, color=colour, linewidth=1.8, zorder=2)
    axes.plot([middle], [number], marker=marker, color=colour, markersize=6.5, zorder=3)


def _names(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")


def _numbers(axes: Axes, intervals: list[Interval], words: Callable[[float], str]) -> None:
    """Write each estimate with its interval at the right."""
    said = [
        f"{words(100 * each.estimate)} [{words(100 * each.low)}, {words(100 * each.high)}]".replace("-", MINUS)
        if each.known
        else ""
        for each in intervals
    ]
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(said)), said)
    beside.tick_params(length=0)
    beside.spines["right"].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 20]}...{name[-17:]}"
