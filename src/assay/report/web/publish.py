"""A run as a folder of files: the same pages, redacted, bounded, searched by a small index that is read from disk."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.errors import MachineryError, UserError
from assay.ledger.browse import UNFINISHED, Filter, Row
from assay.report.web import reports
from assay.report.web.attempt import show
from assay.report.web.comparisons import comparison
from assay.report.web.findings import findings_page
from assay.report.web.links import FileLinks
from assay.report.web.measured import Kept, Measured
from assay.report.web.overview import overview
from assay.report.web.pair import beside, counterpart
from assay.report.web.redact import Redactor
from assay.report.web.redacted import RedactedRun
from assay.report.web.render import render
from assay.report.web.runs import AUDIT, Run
from assay.report.web.task import task_page

MARKER = "assay-published.json"
STATIC = Path(__file__).parent / "static"
_SHARD = 20_000
_FIELDS = ("id", "status", "arm", "dose", "seed", "trial", "split", "task", "steps", "value", "why", "page", "flags")
_DATA_URI = re.compile(r"(data:[a-z/]+;base64,[A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Published:
    """What was written: pages of attempts of those planned, files, bytes, what was redacted how often."""

    folder: Path
    attempts: int
    listed: int
    planned: int
    files: int
    size: int
    redacted: Counter[str]


def publish(
    run: Run,
    folder: Path,
    *,
    attempts: int = 500,
    listed: int = 200_000,
    redactor: Redactor | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Published:
    """Write a run into `folder`, which is empty, absent or published before; it appears when it is whole.

    At most `attempts` attempts get a page of their own and `listed` stand in the index. Raises UserError where the
    folder cannot be written or holds something else.
    """
    redactor = redactor or Redactor(paths={str(run.folder.resolve()): "RUN"})
    _check(folder)
    beside = folder.with_name(f".{folder.name or 'page'}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        shown = RedactedRun(run.slug, redactor.text(run.name), run.path, redactor=redactor)
        made = _Writer(shown, run, beside, redactor, say)
        counts = made.write(attempts, listed)
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    except OSError as error:
        raise UserError(f"{folder} could not be written ({error}): free space or name another folder") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Published(folder, *counts, len(files), sum(path.stat().st_size for path in files), redactor.counts)


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: name a folder to publish into")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise UserError(f"{folder} holds something else, which would be lost: name an empty folder")


class _Writer:
    """Writes the pages of one run into a folder."""

    def __init__(
        self, run: RedactedRun, plain: Run, folder: Path, redactor: Redactor, say: Callable[[str], None]
    ) -> None:
        self.run, self.plain, self.folder, self.redactor, self.say = run, plain, folder, redactor, say
        self.links = FileLinks()

    def write(self, most: int, listed: int) -> tuple[int, int, int]:
        """Write everything; return how many attempts have a page, stand in the index, and were planned."""
        with self.plain.open() as reader:
            planned = reader.count(Filter())
            done = planned - reader.count(Filter(statuses=(UNFINISHED,)))
            chosen = {row.id: row for row in self._chosen(reader, done, most)}
        tasks = {
            self.redactor.text(task): f"{number:05d}"
            for number, task in enumerate(dict.fromkeys(row.task_id for row in chosen.values()))
        }
        pairs = self._pairs(chosen)
        report = reports.report_of(self.plain)
        self.links = FileLinks(
            published=frozenset(chosen),
            pairs=frozenset(pairs),
            tasks=tasks,
            has_findings=bool(self.plain.findings()),
            has_report=report is not None,
        )
        left = ""
        if len(chosen) < done:
            left = (
                f"{len(chosen):,} of {done:,} recorded attempts have a page here: those that the audit flagged first, "
                "then every arm, dose and status in turn. `assay publish --attempts N` includes more."
            )
        self._overview(left)
        self._page("compare.html", "compare", 0, **self._comparison())
        if self.links.has_findings:
            self._page("findings.html", "findings", 0, **findings_page(self.run))
        if report is not None:
            self._report(report)
        self._attempts(chosen, pairs)
        for task in dict.fromkeys(row.task_id for row in chosen.values()):
            self._page(f"task/{tasks[self.redactor.text(task)]}.html", "task", 1, **task_page(self.run, task))
        in_index = self._index(listed, planned, chosen, left)
        shutil.copytree(STATIC, self.folder / "static")
        about = {"run": self.run.name, "attempts": len(chosen), "planned": planned}
        (self.folder / MARKER).write_text(json.dumps(about) + "\n")
        self._checked()
        return len(chosen), in_index, planned

    def _chosen(self, reader: Any, done: int, most: int) -> Iterator[Row]:
        """Yield the attempts that get a page: all of few; of many the flagged ones, then each kind in turn."""
        recorded = (row for row in reader.rows() if row.status is not None)
        if done <= most:
            yield from recorded
            return
        flagged = set()
        if (self.plain.folder / AUDIT).is_file():
            for row in reader.browse(Filter(flagged=True), limit=most):
                if row.status is not None:
                    flagged.add(row.id)
                    yield row
        # The lowest ids are a draw that nobody chose: ids are hashes.
        kinds: dict[tuple[Any, ...], list[Row]] = {}
        cells = len(reader.coverage())
        room = 2 * max(1, most // max(1, cells)) + 2
        for row in recorded:
            kind = kinds.setdefault((row.arm, -row.dose, row.status, row.split), [])
            kind.append(row)
            if len(kind) > 4 * room:
                kind.sort(key=lambda each: each.id)
                del kind[room:]
        queues = [sorted(kinds[key], key=lambda each: each.id) for key in sorted(kinds, key=lambda k: (k[1], str(k)))]
        left = most - len(flagged)
        for place in range(max(map(len, queues), default=0)):
            for queue in queues:
                if left and place < len(queue) and queue[place].id not in flagged:
                    left -= 1
                    yield queue[place]

    def _pairs(self, chosen: dict[str, Row]) -> dict[tuple[str, str], None]:
        """Return the pairs that get a page: each attempt with its counterpart of another arm, once."""
        by_task: dict[str, list[Row]] = {}
        for row in chosen.values():
            by_task.setdefault(row.task_id, []).append(row)
        pairs: dict[tuple[str, str], None] = {}
        for row in chosen.values():
            best = next((o for o in counterpart(row, tuple(by_task[row.task_id])) if o.arm != row.arm), None)
            if best is not None and (best.id, row.id) not in pairs:
                pairs[row.id, best.id] = None
        return pairs

    def _page(self, path: str, name: str, depth: int, **context: Any) -> None:
        links = replace(self.links, depth=depth)
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        html = render(name, links, run=self.run, several=False, **context)
        target.write_bytes(html.encode("utf-8", "backslashreplace"))

    def _overview(self, left: str) -> None:
        made: Future[Measured] = Future()
        made.set_result(Kept().of(self.run))
        self._page(
            "index.html", "overview", 0, left_out=left, **overview(self.run, made, reports.report_of(self.plain))
        )

    def _comparison(self) -> dict[str, Any]:
        context = comparison(self.run, [], "", reports.margin_of(self.run), reports.pairs_of(self.run))
        error = context["error"]
        context["error"] = None if error is None else self.redactor.text(error)
        return context | {"command": " ".join(["assay compare", *(f"{self.run.name}:{n}" for n in context["names"])])}

    def _report(self, report: Path) -> None:
        parts = _DATA_URI.split(reports.read(report))  # figures as they are, all else redacted
        html = "".join(part if number % 2 else self.redactor.text(part) for number, part in enumerate(parts))
        (self.folder / "report").mkdir()
        (self.folder / "report" / "index.html").write_bytes(html.encode("utf-8", "backslashreplace"))

    def _attempts(self, chosen: dict[str, Row], pairs: dict[tuple[str, str], None]) -> None:
        order = sorted(chosen, key=lambda attempt: chosen[attempt].position)
        partners: dict[str, list[Row]] = {}
        for a, b in pairs:
            partners.setdefault(a, []).append(chosen[b])
            partners.setdefault(b, []).append(chosen[a])
        for place, attempt in enumerate(order):
            shown = show(self.run, attempt)
            before, after = order[place - 1] if place else None, order[place + 1] if place + 1 < len(order) else None
            others = partners.get(attempt, [])[:5]
            self._page(
                f"a/{attempt}.html", "attempt", 1, shown=shown, query={}, before=before, after=after, beside=others
            )
            if (place + 1) % 200 == 0:
                self.say(f"{place + 1:,} of {len(order):,} attempts written")
        for a, b in sorted(pairs):
            left, right = show(self.run, a, full=False), show(self.run, b, full=False)
            self._page(f"pair/{a}-{b}.html", "pair", 1, **beside(left, right))

    def _index(self, most: int, planned: int, chosen: dict[str, Row], left: str) -> int:
        """Write the rows as scripts that hold data, which a page may read from disk too, and the page that searches."""
        folder = self.folder / "index"
        folder.mkdir()
        flags = self.plain.findings()
        written = shards = 0
        part: list[list[Any]] = []

        def flush() -> None:
            nonlocal shards, part
            text = json.dumps({"fields": _FIELDS, "rows": part}, separators=(",", ":"), ensure_ascii=True)
            (folder / f"{shards}.js").write_text(f"assayIndex({text.replace('<', chr(92) + 'u003c')});\n")
            shards, part = shards + 1, []

        with self.run.open() as reader:
            for row in reader.rows():
                if written >= most:
                    break
                why = f"{row.reason}{': ' if row.reason and row.detail else ''}{row.detail[:120]}"
                has = 1 if row.id in chosen else 0
                part.append(
                    [row.id, row.status or UNFINISHED, row.arm, row.dose, row.seed, row.trial, row.split, row.task_id,
                     row.steps, row.value, why, has, len(flags.places.get(row.id, ()))]
                )  # fmt: skip
                written += 1
                if len(part) == _SHARD:
                    flush()
            if part:
                flush()
        missing = f"{planned - written:,} attempts more are not listed here." if written < planned else ""
        self._page(
            "attempts.html", "search", 0, shards=shards, listed=written, left_out=" ".join([left, missing]).strip()
        )
        return written

    def _checked(self) -> None:
        """Read back what was written: none of it may hold what should have been taken out."""
        for path in self.folder.rglob("*"):
            if path.suffix in (".html", ".js", ".json") and path.parent.name not in ("static", "report"):
                held = self.redactor.known_in(path.read_text(encoding="utf-8"))
                if held:
                    raise MachineryError(
                        f"{path.name} would have published {held}: nothing was written; please report it"
                    )
