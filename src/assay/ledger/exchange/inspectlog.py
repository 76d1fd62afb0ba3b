"""Inspect's logs: `.eval`, a zip with a file a sample, or the older `.json`; whole, unfinished or cut off.

https://inspect.aisi.org.uk/eval-logs.html. One sample is in memory at a time. A zip that breaks off has lost its table
of contents; its files are found by their own headers, one after the other.
"""

import json
import math
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

if sys.version_info >= (3, 14):
    import zipfile

    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError, zipfile  # Inspect packs its logs with Zstandard

from assay.errors import UserError
from assay.ledger.exchange.entry import Account
from assay.ledger.exchange.sniff import unreadable
from assay.ledger.exchange.text import LARGEST, MENDED, BrokenJson, members, parsed

CUT = "logs that break off: what lies before is read"
_VALUES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_STORED, _DEFLATED, _ZSTD = 0, 8, 93
# ValueError: BrokenJson, and names and sizes that are none.
_UNREADABLE = (
    *(OSError, ValueError, EOFError, RuntimeError, OverflowError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, ZstdError, struct.error),
)


class InspectLog:
    """One log, opened: its header, and its samples as often as they are asked for."""

    def __init__(self, path: Path, account: Account | None = None) -> None:
        """Read the header. Raises UserError where there is none to read."""
        self.path, self.account = path, account or Account()
        self.cut = False
        try:
            with path.open("rb") as stream:
                self._zipped = stream.read(4) == b"PK\x03\x04"
        except OSError as error:
            raise unreadable(path, error) from None
        try:
            self.header = self._packed_header() if self._zipped else self._plain_header()
        except _UNREADABLE as error:
            raise self._broken(error) from error
        if not isinstance(self.header.get("eval"), dict):
            raise self._broken("it says of no evaluation")

    @property
    def spec(self) -> dict[str, Any]:
        """What was evaluated: Inspect's EvalSpec."""
        found = self.header["eval"]
        assert isinstance(found, dict)
        return found

    def samples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield where a sample stands, and the sample. What cannot be read is counted."""
        source = self._packed_samples() if self._zipped else self._plain_samples()
        for where, sample in source:
            if isinstance(sample, dict) and "id" in sample:
                yield where, sample
            else:
                self.account.fault(where, "it is no sample: it has no id")

    def summaries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the summaries of the samples where the log has them, else the samples. Raises UserError."""
        listed = None
        if self._zipped and not self.cut:
            try:
                with zipfile.ZipFile(self.path) as file:
                    if "summaries.json" in file.namelist():
                        listed = self._parsed(file.read("summaries.json"))
            except _UNREADABLE as error:
                raise self._broken(error) from error
        if not isinstance(listed, list):
            yield from self.samples()
            return
        for number, sample in enumerate(listed, 1):
            yield f"sample {number}", sample

    def _broken(self, why: object) -> UserError:
        said = " ".join(str(why).split())[:300]
        return UserError(f"{self.path} cannot be read as a log of Inspect ({said}): is it whole?")

    def _parsed(self, data: bytes) -> Any:
        value, count = parsed(data)
        self.account.note(MENDED, count)
        return value

    def _packed_header(self) -> dict[str, Any]:
        try:
            with zipfile.ZipFile(self.path) as file:
                names = file.namelist()
                name = next((each for each in ("header.json", "_journal/start.json") if each in names), None)
                if name is None:
                    raise BrokenJson("it has neither header.json nor _journal/start.json")
                found = self._parsed(file.read(name))
        except zipfile.BadZipFile:
            self.cut = True
            self.account.note(CUT)
            found = None
            for member, data in _salvaged(self.path):
                if member in ("header.json", "_journal/start.json"):
                    found = self._parsed(data)
                    break
        return found if isinstance(found, dict) else {}

    def _packed_samples(self) -> Iterator[tuple[str, Any]]:
        if self.cut:
            for name, data in _salvaged(self.path):
                if _is_sample(name):
                    yield from self._one(name, data)
            return
        with zipfile.ZipFile(self.path) as file:
            for name, info in {info.filename: info for info in file.infolist() if _is_sample(info.filename)}.items():
                where = f"{self.path.name}, {name}"
                try:
                    if info.file_size > LARGEST:
                        raise BrokenJson(f"it has over {LARGEST >> 20} MB")
                    with file.open(info) as stream:
                        data = stream.read(LARGEST + 1)
                except _UNREADABLE as error:
                    self.account.fault(where, error)
                    continue
                yield from self._one(name, data)

    def _one(self, name: str, data: bytes) -> Iterator[tuple[str, Any]]:
        where = f"{self.path.name}, {name}"
        try:
            yield where, self._parsed(data)
        except BrokenJson as error:
            self.account.fault(where, error)

    def _plain_header(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in members(self.path, frozenset({"samples"})):
            if not name.startswith("samples, "):
                found[name] = value
            elif "eval" in found:
                break
        return found

    def _plain_samples(self) -> Iterator[tuple[str, Any]]:
        try:
            for name, value in members(self.path, frozenset({"samples"}), self.account):
                if name.startswith("samples, "):
                    yield f"{self.path.name}, {name}", value
        except BrokenJson as error:
            self.account.note(CUT)
            self.account.fault(self.path.name, error)


def _is_sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")


def _salvaged(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the files in a zip without its table of contents, up to the first that is not whole."""
    with path.open("rb") as stream:
        while True:
            head = stream.read(30)
            if len(head) < 30 or head[:4] != b"PK\x03\x04":
                return
            flags, method = struct.unpack("<HH", head[6:10])
            packed, _, name_size, extra_size = struct.unpack("<IIHH", head[18:30])
            name = stream.read(name_size).decode("utf-8", "replace")
            extra = stream.read(extra_size)
            if len(extra) < extra_size:
                return
            size = None if flags & 8 else _wide(extra) if packed == 0xFFFFFFFF else packed
            try:
                data = _unpacked(stream, method, size)
            except _UNREADABLE:
                return
            if flags & 8:
                _past_descriptor(stream)
            if data is not None:
                yield name, data


def _wide(extra: bytes) -> int | None:
    """Return the packed size in a ZIP64 field, or None where there is none."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack("<HH", extra[at : at + 4])
        if kind == 1 and size >= 16 and at + 20 <= len(extra):
            return int(struct.unpack("<Q", extra[at + 12 : at + 20])[0])
        at += 4 + size
    return None


def _unpacked(stream: IO[bytes], method: int, size: int | None) -> bytes | None:
    """Return a member's content and stand behind it; None for a member of a method or size that is passed over."""
    begin = stream.tell()
    if method not in (_DEFLATED, _ZSTD):
        if size is None:
            raise BrokenJson("a stored file of unknown size")
        data = stream.read(min(size, LARGEST))
        if len(data) < min(size, LARGEST):
            raise EOFError("it breaks off")
        stream.seek(begin + size)
        return data if method == _STORED and size <= LARGEST else None
    decoder: Any = zlib.decompressobj(-15) if method == _DEFLATED else ZstdDecompressor()
    parts, total = [], 0
    while not decoder.eof:
        block = stream.read(1 << 16)
        if not block:
            raise EOFError("it breaks off")
        parts.append(decoder.decompress(block))
        total += len(parts[-1])
        if total > LARGEST:
            parts = []
    stream.seek(begin + size if size is not None else stream.tell() - len(decoder.unused_data))
    return b"".join(parts) if total <= LARGEST else None


def _past_descriptor(stream: IO[bytes]) -> None:
    """Go past the sizes that follow a member whose header has none, to the next member."""
    begin = stream.tell()
    found = stream.read(28)
    places = [found.find(mark) for mark in (b"PK\x03\x04", b"PK\x01\x02")]
    stream.seek(begin + min((place for place in places if place >= 0), default=len(found)))


def score_of(value: Any) -> float | None:
    """Return a score's value as a number, NaN counting as none. Raises ValueError where it is of no known kind."""
    if isinstance(value, str) and value in _VALUES:
        return _VALUES[value]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float):
        with suppress(OverflowError):
            return float(value)
    raise ValueError(f"the score {json.dumps(value)[:80]}, which is no number and none of C, I, P, N")
