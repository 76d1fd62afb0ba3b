"""The runs a page shows: their ledgers, findings and tokenizers, read and never written."""

import json
import os
import re
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from assay.audit.findings import Finding
from assay.errors import UserError
from assay.ledger.browse import Coverage, Filter
from assay.ledger.reading import LedgerReader

LEDGER = "ledger.sqlite"
TEACHER = "teacher.sqlite"
AUDIT = "audit.jsonl"
T = TypeVar("T")
_MOST_KEPT = 300
_FEW = 5000  # rows of a filter whose positions are kept, so that its pages need no walk of their own
_MOST_FINDINGS = 400  # of one attempt, that a page shows


class Missing(UserError):
    """What was asked for is not in the run; an address that names it is answered with 404."""


class Damaged(UserError):
    """A file of the run cannot be read; an address that needs it is answered with 500."""


@dataclass(frozen=True)
class Run:
    """One ledger: its name in links (`slug`) and for people (`name`), and the file."""

    slug: str
    name: str
    path: Path
    _kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def folder(self) -> Path:
        """Where the ledger lies."""
        return self.path.parent

    @contextmanager
    def open(self) -> Iterator[LedgerReader]:
        """Open the ledger for reading. Raises UserError, also where it turns out damaged while it is read."""
        try:
            reader = LedgerReader(self.path)
        except UserError as error:
            raise Damaged(str(error)) from error
        except (OSError, ValueError) as error:
            raise Damaged(f"The ledger {self.path} cannot be read ({error}): name a run's ledger") from error
        try:
            yield reader
        except UserError:
            raise
        except (sqlite3.Error, zlib.error, ValueError, EOFError) as error:
            said = " ".join(str(error).split())[:200]
            raise Damaged(
                f"The ledger {self.path} is damaged or still being copied ({said}): "
                "`assay ledger check` says what of it can be read."
            ) from error
        finally:
            reader.close()

    def stamp(self) -> tuple[int, ...]:
        """Return what changes when the ledger does: sizes and times of the file and of SQLite's log beside it."""
        return _stamp(self.path) + _stamp(self.path.with_name(self.path.name + "-wal"))

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gives, made once for a state of the ledger; a few hundred results are kept."""
        stamp = self.stamp()
        with self._lock:
            if self._kept.get("stamp") != stamp or len(self._kept.get("made", ())) > _MOST_KEPT:
                self._kept.update(stamp=stamp, made={})
            made: dict[Hashable, T] = self._kept["made"]
        if key not in made:
            made[key] = make()
        return made[key]

    def experiment(self) -> dict[str, Any]:
        """Return what the run says of its experiment, an empty table where it has none."""
        with self.open() as reader:
            fact = reader.fact("experiment")
        return fact if isinstance(fact, dict) else {}

    def coverage(self) -> tuple[Coverage, ...]:
        """Return how many planned attempts of each cell ended how."""

        def read() -> tuple[Coverage, ...]:
            with self.open() as reader:
                return reader.coverage()

        return self.kept("coverage", read)

    def matches(self, wanted: Filter) -> tuple[int, tuple[int, ...] | None]:
        """Return how many rows a filter lets through, and their positions where they are few.

        Where it asks for flags, what the audit wrote matters too.
        """

        def read() -> tuple[int, tuple[int, ...] | None]:
            with self.open() as reader:
                return reader.matches(wanted, _FEW)

        audit = _stamp(self.folder / AUDIT) if wanted.flagged is not None else ()
        return self.kept((wanted, audit), read)

    def findings(self) -> "Findings":
        """Return what the audit found, read again when its file has changed."""
        path = self.folder / AUDIT
        if self.path.name != LEDGER or not path.is_file():
            return Findings(path, {}, Counter(), 0)
        with self._lock:
            stamp = _stamp(path)
            if self._kept.get("findings", (None,))[0] != stamp:
                self._kept["findings"] = (stamp, _index(path))
            found: Findings = self._kept["findings"][1]
        return found

    def tokenizer_of(self, arm: str, model: str) -> Path | None:
        """Return the folder with the tokenizer of an arm's model, where the run keeps its checkpoints."""
        key = f"tokenizer/{arm}/{model}"
        with self._lock:
            if key not in self._kept:
                self._kept[key] = _tokenizer(self.folder, arm, model)
            folder: Path | None = self._kept[key]
        return folder


@dataclass(frozen=True)
class Findings:
    """Where each attempt's findings stand in the audit's file, how many there are of each kind, and what is unread."""

    path: Path
    places: dict[str, list[int]]
    mechanisms: Counter[tuple[str, str]]
    unread: int

    def __bool__(self) -> bool:
        return bool(self.places) or self.unread > 0

    def of(self, attempt: str) -> list[Finding]:
        """Return an attempt's findings, the surest first."""
        found: list[Finding] = []
        places = self.places.get(attempt, ())
        if not places:
            return found
        try:
            with self.path.open("rb") as file:
                for place in places[:_MOST_FINDINGS]:
                    file.seek(place)
                    if (finding := _finding(file.readline())) is not None:
                        found.append(finding)
        except OSError:
            return found
        return sorted(found, key=lambda finding: -finding.confidence)

    def among(self, attempts: Iterable[str]) -> dict[str, int]:
        """Return how many findings each of some attempts has."""
        return {attempt: len(self.places[attempt]) for attempt in attempts if attempt in self.places}


def _finding(line: bytes) -> Finding | None:
    try:
        return Finding.model_validate_json(line)
    except (ValidationError, ValueError):
        return None


def _index(path: Path) -> Findings:
    places: dict[str, list[int]] = {}
    mechanisms: Counter[tuple[str, str]] = Counter()
    unread = at = 0
    try:
        with path.open("rb") as file:
            for line in file:
                place, at = at, at + len(line)
                if not line.strip():
                    continue
                try:
                    data = json.loads(line)
                    attempt, kind = str(data["attempt"]), (str(data["kind"]), str(data["mechanism"]))
                except (ValueError, KeyError, TypeError):
                    unread += 1
                    continue
                places.setdefault(attempt, []).append(place)
                mechanisms[kind] += 1
    except OSError as error:
        raise Damaged(f"{path} cannot be read ({error}): mend it, or run `assay audit` again") from error
    return Findings(path, places, mechanisms, unread)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _tokenizer(folder: Path, arm: str, model: str) -> Path | None:
    """Find `checkpoints/ARM-SEED/DOSE/tokenizer.json` of a model's name, any dose of the arm, or a model's own path."""
    kept = folder / "checkpoints"
    names = [model, arm]
    for name in names:
        if not name or "/" in name or name.startswith("."):
            continue
        found = sorted(kept.glob(f"{_literal(name)}-*/*/tokenizer.json")) if kept.is_dir() else []
        if not found and (match := re.fullmatch(r"(.+)-(\d+)-(\d+)", name)):
            arm_name, seed, dose = match.groups()
            path = kept / f"{arm_name}-{seed}" / dose / "tokenizer.json"
            found = [path] if path.is_file() else []
        if found:
            return found[0].parent
    return None


def _literal(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


def no_run(word: Path) -> UserError:
    """Return the sentence for a place that holds no run."""
    return UserError(
        f"There is no run in {word} (it holds no {LEDGER}): name a run's directory, or start one with "
        "`assay run experiments/twins.toml`."
    )


def runs_of(words: Iterable[Path]) -> list[Run]:
    """Return the runs that paths name: a run's folder, a ledger, or a folder of runs. Raises UserError for none."""
    found: dict[Path, str] = {}
    for word in words:
        here = list(_ledgers(word))
        if not here:
            raise no_run(word)
        for path, name in here:
            found.setdefault(path.resolve(), name)
    taken: set[str] = {"static", "favicon.ico"}
    runs = []
    for path, name in found.items():
        slug = base = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "run"
        number = 1
        while slug in taken:
            number += 1
            slug = f"{base}-{number}"
        taken.add(slug)
        runs.append(Run(slug, name if slug == base else f"{name} ({number})", path))
    return runs


def _ledgers(word: Path) -> Iterator[tuple[Path, str]]:
    if os.path.isfile(word):  # pathlib's own raises where a folder may not be entered
        yield word, word.parent.resolve().name if word.name == LEDGER else word.stem
        return
    for folder in [word, *sorted(word.glob("*"))] if os.path.isdir(word) else []:
        if os.path.isfile(folder / LEDGER):
            name = folder.resolve().name
            yield folder / LEDGER, name
            if os.path.isfile(folder / TEACHER):
                yield folder / TEACHER, f"{name} teacher"
            if folder == word:
                return
