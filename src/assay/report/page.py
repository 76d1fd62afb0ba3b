"""The page: one HTML file with its style and figures inside, and nothing that is fetched."""

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from assay.report import provenance, tables, words
from assay.report.measures import Measures
from assay.report.reading import Shown
from assay.report.record import Record

FIGURES = ("pass_rates", "differences", "endings")


def render(record: Record, measures: Measures, figures: dict[str, bytes], shown: list[Shown]) -> str:
    """Return the HTML of the page."""
    environment = Environment(
        loader=PackageLoader("assay.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(**_context(record, measures, figures, shown))


def _context(record: Record, measures: Measures, figures: dict[str, bytes], shown: list[Shown]) -> dict[str, Any]:
    experiment = record.experiment
    pair = record.pairs[0] if record.pairs else None
    return {
        "name": str(experiment.get("name") or "a run without a name"),
        "question": str(experiment.get("question") or ""),
        "scale": words.number(experiment.get("scale")),
        "seeds": words.seed_list(record),
        "planned": f"{record.planned:,}",
        "top": record.top,
        "answers": words.answers(record, measures),
        "lift": words.lift(record, measures),
        "cautions": words.cautions(record, measures),
        "cards": _cards(record, measures),
        "pair": f"{pair[0]} minus {pair[1]}" if pair else "",
        "margin": None if record.margin is None else f"{100 * record.margin:g} points",
        "sets": "; ".join(f"{split} {words.instance_set(record, split)}" for split in record.splits),
        "methods": sorted({mean.method for mean in measures.means.values() if mean.known}),
        "difference_methods": sorted(
            {c.difference.interval.method for c in measures.differences.values() if c.difference.interval.known}
        ),
        "figures": {name: base64.b64encode(png).decode("ascii") for name, png in figures.items()},
        "top_dose": tables.top_dose(record, measures),
        "all_doses": tables.all_doses(record, measures),
        "top_differences": tables.pair_differences(record, measures, at_top=True),
        "all_differences": tables.pair_differences(record, measures, at_top=False),
        "floors": tables.floors(record, measures),
        "cheats": tables.cheats(measures),
        "coverage": tables.coverage(record),
        "coverage_full": all(cell.valid == cell.planned for cell in record.cells.values()),
        "statuses": tables.statuses(record),
        "instance_sets": tables.sets(record),
        "conduct": tables.conduct(record, measures),
        "training": provenance.training(record),
        "arms": provenance.arms(record),
        "data": provenance.data(record),
        "identity": provenance.identity(record),
        "machine": provenance.facts("Machine", record.fact("machine")),
        "sessions": provenance.session_list(record),
        "configuration": provenance.configuration(record),
        "shown": shown,
    }


def _cards(record: Record, measures: Measures) -> list[dict[str, str]]:
    """One card for each split: the first pair's difference at the top dose, or nothing where there is no pair."""
    if not record.pairs:
        return []
    cards = []
    for (a, b, dose, split), c in measures.differences.items():
        if (a, b) != record.pairs[0] or dose != record.top:
            continue
        interval = c.difference.interval
        cards.append(
            {
                "split": split,
                "set": words.instance_set(record, split),
                "value": words.points(interval.estimate),
                "ends": words.between(interval, words.points),
                "finding": words.finding(c.verdict, record.margin),
            }
        )
    return cards
