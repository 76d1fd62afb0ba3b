"""The atlas as files: its numbers as JSON, the map as a PNG, and one self-contained page to browse by nearness."""

import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from assay.errors import UserError
from assay.experiments.atlas import Atlas, Place
from assay.report.figures import LOOKS, as_png, style

NEAR = 0.25  # the threshold of cosine distance that the page begins with


def write_atlas(atlas: Atlas, out: Path) -> tuple[Path, ...]:
    """Write `atlas.json`, `atlas.png` and `index.html` into `out`; return their paths. UserError on a full disk."""
    contents = {
        "atlas.json": (atlas.model_dump_json(indent=1) + "\n").encode(),
        "atlas.png": draw(atlas),
        "index.html": page(atlas).encode(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            beside = out / f".{name}.{os.getpid()}"
            beside.write_bytes(content)
            beside.replace(out / name)
    except OSError as error:
        raise UserError(
            f"The atlas could not be written to {out} ({error}): free space or name another --out."
        ) from error
    return tuple(out / name for name in contents)


def page(atlas: Atlas) -> str:
    """Return the page's HTML; it fetches nothing."""
    environment = Environment(
        loader=PackageLoader("assay.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    families = _families(atlas)
    looks = {family: {"colour": look[0], "shape": look[1]} for family, look in families.items()}
    return environment.get_template("atlas.html.j2").render(
        atlas=atlas, data=atlas.model_dump(mode="json"), looks=looks, near=NEAR, finding=finding(atlas)
    )


def finding(atlas: Atlas) -> str:
    """Say in words what the silhouettes say."""
    n, families = len(atlas.places), len(_families(atlas))
    if atlas.silhouette is None:
        return (
            f"{n} checkpoints of {families} families: a silhouette needs two families or more, and one of them with "
            "two checkpoints or more."
        )
    said = f"Silhouette by family {atlas.silhouette:.3f} over {n} checkpoints of {families} families"
    if atlas.silhouette_weights is not None:
        said += f"; of the changes of their weights {atlas.silhouette_weights:.3f}"
    return f"{said}. 1 is families far apart, 0 is none to be seen, below 0 is nearer to others than to their own."


def _families(atlas: Atlas) -> dict[str, tuple[str, str, str]]:
    names = sorted({place.family for place in atlas.places})
    return {name: LOOKS[number % len(LOOKS)] for number, name in enumerate(names)}


def draw(atlas: Atlas) -> bytes:
    """Return the map as a PNG: a marker a checkpoint, its family by colour and shape, the doses of a run joined."""
    with style():
        figure = Figure(figsize=(8.2, 6.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for family, (colour, marker, _) in _families(atlas).items():
            mine = [place for place in atlas.places if place.family == family]
            for run in _runs(mine):
                axes.plot([p.x for p in run], [p.y for p in run], color=colour, linewidth=1.0, alpha=0.5, zorder=1)
            axes.scatter(
                [p.x for p in mine], [p.y for p in mine], color=colour, marker=marker, s=58, edgecolors="white",
                linewidths=0.7, label=family, zorder=3,
            )  # fmt: skip
        for place in _labelled(atlas.places):
            # of a run's checkpoints the dose is enough: colour and line say whose it is
            said = place.name if place.dose is None else f"{place.dose:,}"
            axes.annotate(said, (place.x, place.y), xytext=(6, 4), textcoords="offset points", fontsize=7.5, zorder=4)
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.12)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.set_title("Where training moved each checkpoint")
        axes.set_xlabel(
            f"classical scaling of cosine distances; {atlas.stress:.0%} of them is not shown by two dimensions"
        )
        figure.legend(loc="outside lower center", ncols=min(6, len(_families(atlas))))
        return as_png(figure)


def _labelled(places: Sequence[Place]) -> list[Place]:
    """Return the places whose names do not cover one another; the page shows every name."""
    across = max(p.x for p in places) - min(p.x for p in places) or 1.0
    up = max(p.y for p in places) - min(p.y for p in places) or 1.0
    kept: list[Place] = []
    for place in places:
        if all(abs(place.x - p.x) > 0.14 * across or abs(place.y - p.y) > 0.035 * up for p in kept):
            kept.append(place)
    return kept


def _runs(places: list[Place]) -> list[list[Place]]:
    """Return the checkpoints with doses by the run that they belong to, each by rising dose."""
    runs: dict[str, list[Place]] = {}
    for place in sorted((p for p in places if p.dose is not None), key=lambda p: p.dose or 0):
        runs.setdefault(str(Path(place.folder).parent), []).append(place)
    return list(runs.values())
