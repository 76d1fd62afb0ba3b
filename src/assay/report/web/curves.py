"""Scaling curves as SVG: a panel for each split, a line for each arm, every point a link that says its numbers."""

from dataclasses import dataclass

from assay.report.figures import positions, short
from assay.report.measures import Measures
from assay.report.record import Record
from assay.report.words import between, count, percent
from assay.statistics import Interval

WIDTH, HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 12, 44
MARKS = ("circle", "square", "triangle", "diamond", "down", "cross")


@dataclass(frozen=True)
class Point:
    """A point at (x, y) with its interval from `low` to `high` (y of each), what it says, and the cell it leads to."""

    x: float
    y: float
    low: float
    high: float
    said: str
    dose: int


@dataclass(frozen=True)
class Line:
    """An arm's points; `path` joins those that were trained, for the floor is another state and no dose.

    `look` is the number of its style, below the number of MARKS.
    """

    arm: str
    look: int
    path: str
    points: tuple[Point, ...]

    @property
    def mark(self) -> str:
        """The shape of its points, so that nothing hangs on colour alone."""
        return MARKS[self.look]


@dataclass(frozen=True)
class Panel:
    """One split: its lines and axes, in SVG's units."""

    split: str
    n: str
    lines: tuple[Line, ...]
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]
    floor_x: float | None


def curves(record: Record, measures: Measures) -> tuple[Panel, ...]:
    """Return a panel for each split that has a score; each has its own scale, all from zero."""
    found = []
    for split in record.splits:
        means = {key: mean for key, mean in measures.means.items() if key[2] == split and mean.known}
        if means:
            found.append(_panel(record, split, means))
    return tuple(found)


def _panel(record: Record, split: str, means: dict[tuple[str, int, str], Interval]) -> Panel:
    places = positions(record.doses)
    low_x, high_x = min(places.values()) - 0.5, max(places.values()) + 0.5
    top, step = _scale(max(mean.high for mean in means.values()))
    inner_w, inner_h = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x_of(place: float) -> float:
        return round(_LEFT + inner_w * (place - low_x) / (high_x - low_x), 1)

    def y_of(share: float) -> float:
        return round(_TOP + inner_h * (1 - min(1.0, max(0.0, share) / top)), 1)

    lines = []
    for look, arm in enumerate(record.arms):
        points = []
        for dose in record.doses:
            mean = means.get((arm, dose, split))
            if mean is None:
                continue
            dodge = 0.07 * (look - (len(record.arms) - 1) / 2)
            when = f"after {dose:,} trajectories" if dose else "untrained"
            said = f"{arm}, {when}: {percent(mean.estimate)} {between(mean)}, n = {mean.n:,}"
            points.append(
                Point(x_of(places[dose] + dodge), y_of(mean.estimate), y_of(mean.low), y_of(mean.high), said, dose)
            )
        if points:
            path = " ".join(f"{p.x},{p.y}" for p in points if p.dose > 0)
            lines.append(Line(arm, look % len(MARKS), path if path.count(",") > 1 else "", tuple(points)))
    several = len(record.doses) > 1
    floor = None
    if several and 0 in places:
        floor = x_of((places[0] + places[record.doses[1]]) / 2)
    ticks_y = tuple((y_of(n * step), f"{100 * n * step:g}") for n in range(round(top / step) + 1))
    n = f"{count(len(record.sets[split].tasks), 'task')} × {count(len(record.seeds), 'seed')}"
    return Panel(split, n, tuple(lines), _ticks(record, x_of, places), ticks_y, floor)


def _ticks(record: Record, x_of, places: dict[int, float]) -> tuple[tuple[float, str], ...]:  # type: ignore[no-untyped-def]
    """Return the doses on the axis, leaving out those that would touch the one before."""
    shown: list[tuple[float, str]] = []
    for dose in record.doses:
        x, word = x_of(places[dose]), short(dose)
        if not shown or x - shown[-1][0] >= 3.6 * (len(word) + len(shown[-1][1])) + 3:
            shown.append((x, word))
    return tuple(shown)


def _scale(highest: float) -> tuple[float, float]:
    """Return the top of an axis of shares and the step of its ticks."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2):
        ticks = int(highest / step) + 1
        if ticks <= 5:
            return min(1.0, ticks * step), step
    return 1.0, 0.2
