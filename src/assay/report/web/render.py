"""Renders the templates: escaping on, every name must be there, and no markup but the templates' own."""

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from assay import __version__
from assay.report import words
from assay.report.web import text
from assay.report.web.links import Links
from assay.report.web.runs import Run


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("assay.report.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "n": lambda value: f"{value:,}",
        "percent": words.percent,
        "between": words.between,
        "seconds": _seconds,
        "line": text.line,
        "share": lambda part, whole: words.percent(part / whole) if whole else "—",
    }
    environment.globals |= {"version": __version__}
    return environment


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 60 else words.duration(value)


def render(name: str, links: Links, *, run: Run | None = None, several: bool = False, **context: Any) -> str:
    """Return a page. `several` says that there are other runs to go back to."""
    template = _environment().get_template(f"{name}.html.j2")
    return template.render(url=links, run=run, several=several, **context)
