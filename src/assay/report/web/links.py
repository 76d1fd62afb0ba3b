"""Where a page's links lead: paths of the server, or files relative to the page in a published folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode


def _query(values: Mapping[str, Any]) -> str:
    pairs = []
    for name, value in values.items():
        each = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, str(one)) for one in each if one not in (None, "")]
    return f"?{urlencode(pairs)}" if pairs else ""


@dataclass(frozen=True)
class Links:
    """The server's paths. Runs are named by their slugs, attempts by their ids."""

    static = False

    def asset(self, name: str) -> str:
        """A file of the page's own."""
        return f"/static/{name}"

    def home(self) -> str:
        """The list of runs."""
        return "/"

    def run(self, run: str) -> str:
        """The overview of a run."""
        return f"/{run}/"

    def attempts(self, run: str, **wanted: Any) -> str:
        """The list of attempts under a filter."""
        return f"/{run}/attempts{_query(wanted)}"

    def attempt(self, run: str, attempt: str, **wanted: Any) -> str | None:
        """One attempt, step by step; None where it has no page."""
        return f"/{run}/a/{quote(attempt, safe='')}{_query(wanted)}" if attempt else None

    def raw(self, run: str, attempt: str, step: int, part: str) -> str | None:
        """A whole text as a file to save."""
        return f"/{run}/a/{quote(attempt, safe='')}/raw/{step}/{part}"

    def pair(self, run: str, a: str, b: str) -> str | None:
        """Two attempts side by side."""
        return f"/{run}/pair{_query({'a': a, 'b': b})}"

    def task(self, run: str, task: str) -> str | None:
        """A task and every attempt at it."""
        return f"/{run}/task{_query({'id': task})}"

    def compare(self, run: str, **wanted: Any) -> str:
        """Arms compared."""
        return f"/{run}/compare{_query(wanted)}"

    def findings(self, run: str) -> str | None:
        """What the audit found."""
        return f"/{run}/findings"

    def report(self, run: str) -> str | None:
        """The static report of an experiment."""
        return f"/{run}/report"


@dataclass(frozen=True)
class FileLinks(Links):
    """Paths relative to a page that lies `depth` folders down; only what was published has a page."""

    depth: int = 0
    published: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    tasks: Mapping[str, str] | None = None  # id of a task to the name of its file
    has_findings: bool = False
    has_report: bool = False

    static = True

    def _at(self, path: str) -> str:
        return "../" * self.depth + path

    def asset(self, name: str) -> str:
        return self._at(f"static/{name}")

    def home(self) -> str:
        return self._at("index.html")

    def run(self, run: str) -> str:
        return self._at("index.html")

    def attempts(self, run: str, **wanted: Any) -> str:
        kept = {name: value for name, value in wanted.items() if name != "after"}
        return self._at(f"attempts.html{_query(kept).replace('?', '#', 1)}")

    def attempt(self, run: str, attempt: str, **wanted: Any) -> str | None:
        return self._at(f"a/{quote(attempt, safe='')}.html") if attempt in self.published else None

    def raw(self, run: str, attempt: str, step: int, part: str) -> str | None:
        return None

    def pair(self, run: str, a: str, b: str) -> str | None:
        one = next((pair for pair in ((a, b), (b, a)) if pair in self.pairs), None)
        return self._at(f"pair/{one[0]}-{one[1]}.html") if one else None

    def task(self, run: str, task: str) -> str | None:
        name = (self.tasks or {}).get(task)
        return self._at(f"task/{name}.html") if name else None

    def compare(self, run: str, **wanted: Any) -> str:
        return self._at("compare.html")

    def findings(self, run: str) -> str | None:
        return self._at("findings.html") if self.has_findings else None

    def report(self, run: str) -> str | None:
        return self._at("report/index.html") if self.has_report else None
