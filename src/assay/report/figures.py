"""The figures as PNG bytes: pass rates and differences against dose, one panel a split, and how attempts ended.

Okabe and Ito's colours, and a marker and a line style for each arm, so that nothing hangs on colour alone. No
date or version is written into a file, and no setting of the user's matplotlib enters.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from assay.nouns import Status
from assay.report.measures import Measures
from assay.report.record import Record
from assay.report.words import MINUS
from assay.statistics import Interval

LOOKS = (
    ("#D55E00", "o", "-"),
    ("#0072B2", "s", "-"),
    ("#5B6770", "^", "--"),
    ("#009E73", "D", "-."),
    ("#CC79A7", "v", ":"),
    ("#E69F00", "P", "-"),
)
_ENDINGS: dict[Status | None, tuple[str, str]] = {
    Status.SOLVED: ("#0072B2", ""),
    Status.FAILED: ("#E8A07A", ""),
    Status.LIMIT: ("#F0D9A8", ""),
    Status.EMPTY: ("#C9CED4", ""),
    Status.FORMAT: ("#CC79A7", ""),
    Status.CONTEXT: ("#8E6C8A", ""),
    Status.TIMEOUT: ("#56B4E9", ""),
    Status.REFUSED: ("#B7D7B0", ""),
    Status.CHEATED: ("#1B1B1B", ""),
    Status.MACHINERY: ("#FFFFFF", "////"),
    None: ("#FFFFFF", "...."),
}
_INK, _SOFT, _GRID = "#22272E", "#5B6770", "#E3E6EA"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.edgecolor": "#9AA3AD",
    "axes.labelcolor": _INK,
    "axes.titleweight": "bold",
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "text.color": _INK,
    "text.parse_math": False,  # a dollar in an arm's name is a dollar
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "hatch.color": "#9AA3AD",
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
}


def look(record: Record, arm: str) -> tuple[str, str, str]:
    """Return an arm's colour, marker and line style."""
    return LOOKS[record.arms.index(arm) % len(LOOKS)]


@contextmanager
def style() -> Iterator[None]:
    """The style of every figure; nothing of the user's own enters."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def _panels(count: int, height: float, shared: bool) -> tuple[Figure, list[Axes]]:
    columns = min(3, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(3.7 * columns + 0.5, height * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=shared).ravel().tolist()
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, axes[:count]


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file, equal ones for equal figures."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def positions(doses: tuple[int, ...]) -> dict[int, float]:
    """Return where doses stand: trained ones by their logarithm, the floor one usual step to their left."""
    trained = [dose for dose in doses if dose > 0]
    places = {dose: math.log2(dose) for dose in trained}
    steps = sorted(places[b] - places[a] for a, b in pairwise(trained))
    step = max(steps[len(steps) // 2], 0.5) if steps else 1.0
    if 0 in doses:
        places[0] = places[trained[0]] - step if trained else 0.0
    return {dose: place / step for dose, place in places.items()}


def short(dose: int) -> str:
    """Return a dose as its axis says it, short enough that neighbours do not touch: 400, 1.2k, 12k."""
    return f"{dose / 1000:g}k" if dose >= 1000 and dose % 100 == 0 else str(dose)


def _dose_axis(axes: Axes, doses: tuple[int, ...]) -> dict[int, float]:
    places = positions(doses)
    axes.set_xticks([places[dose] for dose in doses], [short(dose) if dose else "0\nfloor" for dose in doses])
    axes.set_xlim(min(places.values()) - 0.45, max(places.values()) + 0.45)
    axes.set_xlabel("trajectories read in training")
    if 0 in places and len(places) > 1:
        middle = (places[0] + places[doses[1]]) / 2
        axes.axvline(middle, color="#9AA3AD", linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
    return places


def _series(
    axes: Axes, places: list[tuple[int, float]], intervals: list[Interval], style: tuple[str, str, str], label: str
) -> None:
    """Points at (dose, place) with their intervals, joined but for the floor: that is another state, not a dose."""
    colour, marker, line = style
    known = [(dose, x, i) for (dose, x), i in zip(places, intervals, strict=True) if i.known]
    for line_style, part in (("none", [k for k in known if k[0] == 0]), (line, [k for k in known if k[0] > 0])):
        if not part:
            continue
        ys = [100 * i.estimate for _, _, i in part]
        below = [max(0.0, 100 * (i.estimate - i.low)) for _, _, i in part]
        above = [max(0.0, 100 * (i.high - i.estimate)) for _, _, i in part]
        axes.errorbar(
            [x for _, x, _ in part], ys, yerr=[below, above], color=colour, marker=marker, markersize=6.2,
            linestyle=line_style, linewidth=1.6, elinewidth=1.3, capsize=0, markeredgecolor="white",
            markeredgewidth=0.6, label=label,
        )  # fmt: skip


def pass_rates(record: Record, measures: Measures) -> bytes | None:
    """pass@1 of every arm against dose with 95 % intervals. Each panel has its own scale, all from zero."""
    if not any(mean.known for mean in measures.means.values()):
        return None
    with style():
        figure, panels = _panels(len(record.splits), 3.3, shared=False)
        for axes, split in zip(panels, record.splits, strict=True):
            places = _dose_axis(axes, record.doses)
            for number, arm in enumerate(record.arms):
                doses = [dose for dose in record.doses if (arm, dose, split) in measures.means]
                dodge = 0.11 * (number - (len(record.arms) - 1) / 2)
                intervals = [measures.means[arm, dose, split] for dose in doses]
                _series(axes, [(dose, places[dose] + dodge) for dose in doses], intervals, look(record, arm), arm)
            axes.set_title(f"{split}  (n = {len(record.sets[split].tasks)} tasks x {_seeds(record)})")
            upper = max(10.0, min(101.0, 1.04 * axes.get_ylim()[1]))
            axes.set_ylim(-0.025 * upper, upper)  # a little room, so that a marker at zero is whole
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
            axes.yaxis.set_major_locator(MaxNLocator(6))
        panels[0].set_ylabel("pass@1")
        _legend(figure, panels)
        return as_png(figure)


def differences(record: Record, measures: Measures) -> bytes | None:
    """The first pair's difference against dose, with its paired interval and the margin of equality as a band."""
    if not record.pairs:
        return None
    a, b = record.pairs[0]
    found = {key: c for key, c in measures.differences.items() if key[:2] == (a, b)}
    if not any(c.difference.interval.known for c in found.values()):
        return None
    with style():
        figure, panels = _panels(len(record.splits), 2.9, shared=True)
        for axes, split in zip(panels, record.splits, strict=True):
            places = _dose_axis(axes, record.doses)
            if record.margin is not None:
                band = 100 * record.margin
                label = f"margin of equality: {band:g} points"
                axes.axhspan(-band, band, color="#009E73", alpha=0.13, linewidth=0, label=label)
            axes.axhline(0, color=_SOFT, linewidth=1.0)
            doses = [dose for dose in record.doses if (a, b, dose, split) in found]
            intervals = [found[a, b, dose, split].difference.interval for dose in doses]
            label = f"{a} minus {b}, paired, 95 %"
            _series(axes, [(dose, places[dose]) for dose in doses], intervals, ("#4B3F72", "o", "-"), label)
            axes.set_title(split)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+g}".replace("-", MINUS) if v else "0"))
        panels[0].set_ylabel("points")
        _legend(figure, panels)
        return as_png(figure)


def endings(record: Record) -> bytes | None:
    """How every planned attempt ended, as shares of the plan by arm and dose."""
    if not record.cells:
        return None
    with style():
        figure, panels = _panels(len(record.arms), 0.9 + 0.36 * len(record.doses), shared=True)
        for axes, arm in zip(panels, record.arms, strict=True):
            for row, dose in enumerate(record.doses):
                cells = [cell for key, cell in record.cells.items() if key[:2] == (arm, dose)]
                planned, start = sum(cell.planned for cell in cells), 0.0
                for status, (colour, hatch) in _ENDINGS.items():
                    held = sum(cell.missing if status is None else cell.count(status) for cell in cells)
                    if held:
                        share, label = 100 * held / planned, "not recorded" if status is None else status.value
                        axes.barh(
                            row, share, left=start, color=colour, hatch=hatch, height=0.74,
                            edgecolor="white" if not hatch else "#9AA3AD", linewidth=0.6, label=label,
                        )  # fmt: skip
                        start += share
            axes.set_title(arm)
            axes.set_xlim(0, 100)
            axes.set_yticks(range(len(record.doses)), [f"{dose:,}" if dose else "0 (floor)" for dose in record.doses])
            axes.grid(False)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        if not panels[0].yaxis_inverted():
            panels[0].invert_yaxis()
        panels[0].set_ylabel("trajectories")
        _legend(figure, panels)
        return as_png(figure)


def _seeds(record: Record) -> str:
    return f"{len(record.seeds)} seed" + ("s" if len(record.seeds) != 1 else "")


def _legend(figure: Figure, panels: list[Axes]) -> None:
    """One legend under all panels, every label once."""
    entries = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries[label] = handle  # the last one: of an arm's floor and its line, the line
    order = {("not recorded" if s is None else s.value): place for place, s in enumerate(_ENDINGS)}
    labels = sorted(entries, key=lambda label: order.get(label, -1))
    # About 42 characters fit under one panel, and an entry takes eight more than its label.
    room = 42 * min(3, len(panels))
    columns = max(1, min(len(labels), room // (max(map(len, labels), default=0) + 8)))
    figure.legend([entries[label] for label in labels], labels, loc="outside lower center", ncols=columns)
