"""Sources: ledgers, and files or folders of trajectories, read a trajectory at a time and from any place in them."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.ledger.reading import LedgerReader
from assay.nouns.base import sha256_file
from assay.training.data.audited import audit_flags, with_audit
from assay.training.data.card import SourceCard
from assay.training.data.records import Record, is_message_list, of_attempt, of_json

LEDGER, FILES = "ledger", "files"
_LEDGER_NAMES = ("ledger.sqlite", "teacher.sqlite")
_PATTERNS = ("*.traj.json", "*.jsonl", "trajectory.json", "*.trajectory.json")
_LARGEST = 1 << 28  # bytes of a .json file, which is read as a whole
_UNIT_BYTES, _UNIT_FILES, _UNIT_ATTEMPTS = 64 << 20, 512, 512


@dataclass(frozen=True)
class Source:
    """One thing that the user named: a ledger, or files in their sorted order.

    `lines` counts, for each file, the line ends before every 64 MiB of it, so that its parts know their line numbers.
    """

    name: str
    kind: str
    files: tuple[Path, ...]
    sha256: str
    lines: tuple[tuple[int, ...], ...] = ()

    def card(self, records: int, broken: int) -> SourceCard:
        """Return what the card says of it."""
        return SourceCard(name=self.name, kind=self.kind, sha256=self.sha256, records=records, broken=broken)


@dataclass(frozen=True)
class Unit:
    """A part of a source that one process reads: files `first` to `last`, or of one file or ledger a range.

    `begin` and `end` are bytes of a JSONL file or positions of a ledger's plan, `end` not in it; `lines` line ends
    lie before `begin`.
    """

    source: int
    first: int
    last: int
    begin: int = 0
    end: int = 0
    lines: int = 0


@dataclass(frozen=True)
class Place:
    """Where a trajectory lies: a file of a source, and in it a byte and a size, or a position of the plan.

    `line` counts the file's lines from 1, and is 0 where there are none.
    """

    file: int
    begin: int
    size: int
    line: int


def open_sources(words: list[Path]) -> list[Source]:
    """Return the sources in an order that does not hang on that of `words`. Raises UserError for what is none."""
    found = [_source(word) for word in words]
    ordered = sorted(found, key=lambda source: (source.kind, source.sha256, source.name))
    for one, two in pairwise(ordered):
        if one.sha256 == two.sha256:
            raise UserError(f"{one.name} and {two.name} hold the same: name each source once")
    return ordered


def _source(path: Path) -> Source:
    if path.is_dir():
        ledgers = [path / name for name in _LEDGER_NAMES if (path / name).is_file()]
        if len(ledgers) > 1:
            raise UserError(f"{path} has two ledgers, {' and '.join(_LEDGER_NAMES)}: name the one that is meant")
        if ledgers:
            return _ledger(ledgers[0], path.name)
        if (path / "card.json").is_file() and (path / "index.npy").is_file():
            raise UserError(f"{path} is a training set already: name trajectories or a ledger")
        files = sorted({file for pattern in _PATTERNS for file in path.rglob(pattern) if file.is_file()})
        if not files:
            raise UserError(f"{path} holds no ledger and no trajectories ({', '.join(_PATTERNS)}): name another folder")
    elif path.is_file():
        with path.open("rb") as stream:
            if stream.read(16).startswith(b"SQLite format 3"):
                return _ledger(path, path.name)
        if path.suffix not in (".json", ".jsonl", ".traj"):
            raise UserError(
                f"{path} is of a format that is not read: give .jsonl, .traj.json, ATIF's .json or a ledger"
            )
        files = [path]
    else:
        raise UserError(f"There is no {path}: name a ledger, or a file or folder of trajectories")
    state = hashlib.sha256()
    lines = []
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        sha256, counts = _read_through(file)
        state.update(f"{sha256} {name}\n".encode())
        lines.append(counts)
    return Source(path.name, FILES, tuple(files), state.hexdigest(), tuple(lines))


def _read_through(file: Path) -> tuple[str, tuple[int, ...]]:
    """Return a file's SHA-256 and, where it is JSONL, how many line ends lie before each unit of it."""
    if file.suffix != ".jsonl":
        return sha256_file(file), ()
    state, counts, seen, ends = hashlib.sha256(), [], 0, 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            if seen % _UNIT_BYTES == 0:
                counts.append(ends)
            state.update(block)
            ends += block.count(b"\n")
            seen += len(block)
    return state.hexdigest(), tuple(counts)


def _ledger(path: Path, name: str) -> Source:
    reader = LedgerReader(path)
    try:
        return Source(name, LEDGER, (path,), with_audit(reader.sha256(), path))
    finally:
        reader.close()


def units(number: int, source: Source) -> Iterator[Unit]:
    """Yield the parts of source `number`, in order."""
    if source.kind == LEDGER:
        reader = LedgerReader(source.files[0])
        last = reader.last_position()
        reader.close()
        for begin in range(0, last + 1, _UNIT_ATTEMPTS):
            yield Unit(number, 0, 0, begin, min(begin + _UNIT_ATTEMPTS, last + 1))
        return
    small: list[int] = []
    for place, file in enumerate(source.files):
        if file.suffix == ".jsonl":
            if small:
                yield Unit(number, small[0], small[-1])
                small = []
            size = file.stat().st_size
            for part, lines in enumerate(source.lines[place]):
                begin = part * _UNIT_BYTES
                yield Unit(number, place, place, begin, min(begin + _UNIT_BYTES, size), lines)
        else:
            small.append(place)
            if len(small) == _UNIT_FILES:
                yield Unit(number, small[0], small[-1])
                small = []
    if small:
        yield Unit(number, small[0], small[-1])


class SourceReader:
    """Reads records of sources; opens each ledger once."""

    def __init__(self, sources: list[Source], *, thinking: bool) -> None:
        """Read `sources`; `thinking` puts what a model thought apart into its turns."""
        self.sources, self._thinking = sources, thinking
        self._ledgers: dict[int, tuple[LedgerReader, dict[str, str], dict[str, str], dict[str, Any]]] = {}
        self._lists = lru_cache(maxsize=1)(_json_list)

    def scan(self, unit: Unit) -> Iterator[tuple[Place, Record | UserError]]:
        """Yield the records of a unit with their places; what is broken is its error. An unfinished attempt is none."""
        source = self.sources[unit.source]
        if source.kind == LEDGER:
            for position, attempt, trajectory in self._open(unit.source)[0].recorded(unit.begin, unit.end - 1):
                if trajectory is not None:
                    place = Place(0, position, 1, 0)
                    yield place, self._of_attempt(unit.source, attempt, trajectory)
            return
        for number in range(unit.first, unit.last + 1):
            file = source.files[number]
            if file.suffix == ".jsonl":
                for begin, line_number, line in _lines(file, unit):
                    place = Place(number, begin, len(line), line_number)
                    yield place, self._of_line(line, f"{self.shown(unit.source, number)}, line {line_number}")
            else:
                yield from self._whole(unit.source, number)

    def read(self, source: int, place: Place) -> Record | UserError:
        """Return the record at a place that `scan` gave."""
        if self.sources[source].kind == LEDGER:
            for _, attempt, trajectory in self._open(source)[0].recorded(place.begin, place.begin):
                if trajectory is not None:
                    return self._of_attempt(source, attempt, trajectory)
            return UserError(f"{self.sources[source].name}: attempt {place.begin} is gone: build again")
        file = self.sources[source].files[place.file]
        if file.suffix == ".jsonl":
            with file.open("rb") as stream:
                stream.seek(place.begin)
                line = stream.read(place.size)
            return self._of_line(line, f"{self.shown(source, place.file)}, line {place.line}")
        found = self._one(source, place.file, place.begin)
        return UserError(f"{file} has changed: build again") if found is None else found

    def where(self, source: int, place: Place) -> str:
        """Return the place in words, the same wherever the source lies."""
        if self.sources[source].kind == LEDGER:
            return f"{self.sources[source].name}, attempt {place.begin}"
        shown = self.shown(source, place.file)
        return f"{shown}, line {place.line}" if place.line else shown

    def shown(self, source: int, file: int) -> str:
        """Return a file's name below its source's."""
        found = self.sources[source]
        if len(found.files) == 1:
            return found.files[0].name
        common = _common(found.files)
        return f"{found.name}/{found.files[file].relative_to(common).as_posix()}"

    def _open(self, number: int) -> tuple[LedgerReader, dict[str, str], dict[str, str], dict[str, Any]]:
        if number not in self._ledgers:
            reader = LedgerReader(self.sources[number].files[0])
            flags = reader.facts("flags/")
            for attempt, mechanisms in audit_flags(reader.path).items():
                flags[f"flags/{attempt}"] = [*(flags.get(f"flags/{attempt}") or ()), *mechanisms]
            self._ledgers[number] = (reader, reader.repositories(), reader.tokenizers(), flags)
        return self._ledgers[number]

    def _of_attempt(self, source: int, attempt: Any, trajectory: Any) -> Record:
        _, repositories, tokenizers, flags = self._open(source)
        record = of_attempt(attempt, trajectory, thinking=self._thinking)
        return replace(
            record,
            repository=repositories.get(record.task_id, ""),
            tokenizer=tokenizers.get(attempt.plan.arm, ""),
            flags=(*record.flags, *map(str, flags.get(f"flags/{record.attempt}") or ())),
        )

    def _of_line(self, line: bytes, where: str) -> Record | UserError:
        try:
            return of_json(json.loads(line), where, thinking=self._thinking)
        except UserError as error:
            return error
        except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
            return UserError(f"{where}: {_why(error)}: mend or remove it")

    def _whole(self, source: int, file: int) -> Iterator[tuple[Place, Record | UserError]]:
        found = self._lists(self.sources[source].files[file])
        count = len(found) if isinstance(found, list) else 1
        for item in range(count):
            record = self._one(source, file, item)
            assert record is not None
            yield Place(file, item, 0, 0), record

    def _one(self, source: int, file: int, item: int) -> Record | UserError | None:
        path = self.sources[source].files[file]
        found = self._lists(path)
        if isinstance(found, UserError):
            return found
        listed = isinstance(found, list)
        if listed and item >= len(found):
            return None
        where = f"{path.name}, item {item}" if listed else str(path.name)
        try:
            value = found[item] if listed else found
            return of_json(value, where, None if listed else path, thinking=self._thinking)
        except UserError as error:
            return error
        except Exception as error:  # what others wrote may be wrong in any way, and the rest goes on
            return UserError(f"{where}: {_why(error)}: mend or remove it")


def _why(error: Exception) -> str:
    return f"it cannot be read ({' '.join(str(error).split())[:160]})"


def _json_list(path: Path) -> Any:
    """Return what a .json file holds, or the error that says why it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            return UserError(f"{path.name} has over {_LARGEST >> 20} MB: write it as JSONL, one trajectory a line")
        found = json.loads(path.read_bytes())
        return {"messages": found} if is_message_list(found) else found
    except (OSError, ValueError, RecursionError) as error:
        return UserError(f"{path.name}: {_why(error)}: mend or remove it")


def _lines(path: Path, unit: Unit) -> Iterator[tuple[int, int, bytes]]:
    """Yield (byte, line number, line) of the lines that start in a unit; empty ones are counted and not given."""
    with path.open("rb") as stream:
        number = unit.lines
        if unit.begin:
            stream.seek(unit.begin - 1)
            if len(stream.readline()) > 1:  # the rest of a line that began before
                number += 1
        while (start := stream.tell()) < unit.end:
            line = stream.readline()
            if not line:
                return
            number += 1
            if line.strip():
                yield start, number, line


@lru_cache(maxsize=64)
def _common(files: tuple[Path, ...]) -> Path:
    return Path(os.path.commonpath([str(file.parent) for file in files]))
