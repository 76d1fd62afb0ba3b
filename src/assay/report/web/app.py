"""The web page of runs: routes, the filter of a query, errors as pages. It reads ledgers and changes nothing."""

import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from assay.errors import UserError
from assay.report.web import listing, pair, reports
from assay.report.web.attempt import show, whole
from assay.report.web.comparisons import comparison
from assay.report.web.findings import findings_page
from assay.report.web.guard import Guard
from assay.report.web.links import Links
from assay.report.web.measured import Kept, Measured
from assay.report.web.overview import listed, overview
from assay.report.web.render import render
from assay.report.web.runs import Damaged, Missing, Run
from assay.report.web.task import task_page

STATIC = Path(__file__).parent / "static"
_BESIDE = 5


class Site:
    """The runs of one page and what is kept about them between requests."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = {run.slug: run for run in runs}
        self.links = Links()
        self._kept = Kept()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="measures")

    def run(self, request: Request) -> Run:
        """Return the run that an address names. Raises Missing."""
        run = self.runs.get(request.path_params["run"])
        if run is None:
            raise Missing("There is no run of this name here: choose one from the list")
        return run

    def measures(self, run: Run) -> Future[Measured]:
        """Start making a run's intervals, where they are not at hand."""
        return self._workers.submit(self._kept.of, run)

    def page(self, name: str, run: Run | None = None, code: int = 200, **context: Any) -> Response:
        """Return a rendered page."""
        several = len(self.runs) > 1
        return HTMLResponse(render(name, self.links, run=run, several=several, **context), code)

    # The pages; each is called in a thread of its own.

    def home(self, request: Request) -> Response:
        """The list of runs."""
        return self.page("runs", runs=[listed(run) for run in self.runs.values()])

    def overview(self, request: Request) -> Response:
        """A run at a glance."""
        run = self.run(request)
        return self.page("overview", run, **overview(run, self.measures(run), reports.report_of(run)))

    def attempts(self, request: Request) -> Response:
        """The list of attempts."""
        run = self.run(request)
        asked = listing.wanted(_values(request))
        before = request.query_params.get("before", "")
        after = _position(before or request.query_params.get("after", ""))
        return self.page("attempts", run, **listing.listing(run, asked, after, backwards=bool(before)))

    def attempt(self, request: Request) -> Response:
        """One attempt, step by step."""
        run = self.run(request)
        asked = listing.wanted(_values(request))
        shown = show(run, request.path_params["attempt"])
        with run.open() as reader:
            others = pair.counterpart(shown.row, reader.neighbours(shown.row.id))
        before, after = listing.beside(run, asked, shown.row.position)
        return self.page(
            "attempt", run, shown=shown, query=asked.query, before=before, after=after, beside=others[:_BESIDE]
        )

    def raw(self, request: Request) -> Response:
        """A whole text as a file to save, never as a page."""
        run = self.run(request)
        params = request.path_params
        found = whole(run, params["attempt"], params["step"], params["part"])
        ending = "json" if params["part"] == "json" else "txt"
        name = f"{params['attempt'][:12]}-{params['step']}-{params['part']}.{ending}"
        return PlainTextResponse(
            found.encode("utf-8", "backslashreplace"),
            headers={
                "content-disposition": f'attachment; filename="{name}"',
                "content-security-policy": "default-src 'none'; sandbox",
            },
        )

    def pair(self, request: Request) -> Response:
        """Two attempts side by side."""
        run = self.run(request)
        a, b = (request.query_params.get(name, "") for name in ("a", "b"))
        if not a or not b:
            raise UserError("Two attempts stand side by side: choose both from a task's page")
        return self.page("pair", run, **pair.pair(run, a, b))

    def task(self, request: Request) -> Response:
        """A task and the attempts at it."""
        run = self.run(request)
        return self.page("task", run, **task_page(run, request.query_params.get("id", "")))

    def compare(self, request: Request) -> Response:
        """Arms compared."""
        run = self.run(request)
        names = [name for name in request.query_params.getlist("arm") if name]
        split = request.query_params.get("split", "")
        return self.page("compare", run, **comparison(run, names, split, _margin(request, run), reports.pairs_of(run)))

    def findings(self, request: Request) -> Response:
        """What the audit found."""
        run = self.run(request)
        return self.page("findings", run, **findings_page(run))

    def report(self, request: Request) -> Response:
        """The static report of the run, under a policy that lets its own style sheet in and nothing else."""
        run = self.run(request)
        made = reports.report_of(run)
        if made is None:
            raise Missing("This run has no report: `assay run` makes one for an experiment")
        html = reports.read(made)
        return HTMLResponse(html, headers={"content-security-policy": reports.policy(html)})

    def error(self, request: Request, error: Exception) -> Response:
        """Return what went wrong as a page of one sentence."""
        if isinstance(error, HTTPException):
            status, said = error.status_code, "There is nothing at this address: start from the runs"
        elif isinstance(error, UserError):
            status = 404 if isinstance(error, Missing) else 500 if isinstance(error, Damaged) else 400
            said = str(error)
        else:
            status, said = 500, f"Something of ours failed ({type(error).__name__}): please report it with the run"
            traceback.print_exception(error, file=sys.stderr)
        heading = {404: "Not found", 500: "This cannot be shown"}.get(status, "This address is not right")
        return self.page("error", code=status, status=status, heading=heading, message=said)


def _values(request: Request) -> dict[str, list[str]]:
    return {name: request.query_params.getlist(name) for name in request.query_params}


def _position(word: str) -> int:
    try:
        return max(0, listing.number(word or "0"))
    except ValueError:
        raise UserError("A page of a list starts after a position, a whole number: mend the address") from None


def _margin(request: Request, run: Run) -> float | None:
    word = request.query_params.get("margin", "")
    if not request.query_params:
        return reports.margin_of(run)
    try:
        margin = float(word) / 100 if word else None
    except ValueError:
        raise UserError("The margin is a number of points above 0: mend it, or leave it empty") from None
    if margin is not None and not 0 < margin <= 1:
        raise UserError("The margin is a number of points above 0 and at most 100: mend it, or leave it empty")
    return margin


def application(runs: Sequence[Run], names: Sequence[str] = (), addresses: bool = False) -> Starlette:
    """Return the application. `names` are hosts besides loopback's that a browser may ask for, `addresses` any address.

    Both are for a page that other machines may reach.
    """
    site = Site(runs)

    def route(path: str, page: Callable[[Request], Response]) -> Route:
        def answer(request: Request) -> Response:
            try:
                return page(request)
            except Exception as error:  # a page that fails is a page of one sentence, under the same headers
                return site.error(request, error)

        return Route(path, answer, methods=["GET", "HEAD"])

    routes = [
        route("/", site.home),
        Mount("/static", StaticFiles(directory=STATIC)),
        route("/{run}/", site.overview),
        route("/{run}/attempts", site.attempts),
        route("/{run}/a/{attempt}", site.attempt),
        route("/{run}/a/{attempt}/raw/{step:int}/{part}", site.raw),
        route("/{run}/pair", site.pair),
        route("/{run}/task", site.task),
        route("/{run}/compare", site.compare),
        route("/{run}/findings", site.findings),
        route("/{run}/report", site.report),
    ]

    def failed(request: Request, error: Exception) -> Response:
        return site.error(request, error)

    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, names=list(names), addresses=addresses)],
        exception_handlers={HTTPException: failed},
    )
