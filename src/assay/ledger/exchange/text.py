"""JSON as others leave it: lines and whole files of any size and encoding, read a value at a time in flat memory.

What is not text in the file's encoding becomes U+FFFD and is counted. A file that breaks off gives what lies before.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from assay.errors import UserError
from assay.ledger.exchange.entry import Account
from assay.ledger.exchange.sniff import unreadable

MENDED = "characters that were no text in their file's encoding, replaced"
LARGEST = 256 << 20  # characters of one value: a trajectory that is longer is named and left out
_BLOCK = 1 << 20


class BrokenJson(ValueError):
    """Where JSON stops being readable, and why."""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, gzipped or not. Raises UserError where it cannot be read."""
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            yield cast(IO[bytes], gzip.GzipFile(fileobj=plain)) if packed else plain
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is packed and breaks off ({error}): fetch it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _encoding(stream: IO[bytes]) -> str:
    """Return the encoding that the first bytes show, as JSON's own rules have it; the stream stands at its start."""
    found = json.detect_encoding(stream.read(4))
    stream.seek(0)
    return found


def _decoded(stream: IO[bytes]) -> io.TextIOWrapper:
    encoding = _encoding(stream)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="\n")


def mended(value: Any) -> tuple[Any, int]:
    """Return a JSON value without lone surrogates, which no text can hold, and how many characters were replaced."""
    if isinstance(value, str):
        if value.isascii():
            return value, 0
        try:
            value.encode()
        except UnicodeEncodeError:
            bad = sum("\ud800" <= c <= "\udfff" for c in value)
            return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value), bad
        return value, 0
    if isinstance(value, dict):
        pairs = [(mended(name), mended(each)) for name, each in value.items()]
        count = sum(one[1] + two[1] for one, two in pairs)
        return ({one[0]: two[0] for one, two in pairs}, count) if count else (value, 0)
    if isinstance(value, list) and value and not isinstance(value[0], int | float):
        items = [mended(each) for each in value]
        count = sum(each[1] for each in items)
        return ([each[0] for each in items], count) if count else (value, 0)
    return value, 0


def parsed(text: str | bytes) -> tuple[Any, int]:
    """Return the JSON value in a text, and how many characters were replaced. Raises BrokenJson."""
    if isinstance(text, bytes):
        encoding = json.detect_encoding(text)
        text = text.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
    try:
        return mended(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BrokenJson(f"it is not JSON ({error})") from error


def lines(path: Path) -> Iterator[tuple[int, str | BrokenJson]]:
    """Yield (number from 1, text) of the lines that hold anything; a line that is too long is its error."""
    with opened(path) as stream:
        number = 0
        text = _decoded(stream)
        while line := text.readline(LARGEST + 1):
            number += 1
            if len(line) > LARGEST:
                while not line.endswith("\n") and (line := text.readline(LARGEST)):
                    pass
                yield number, BrokenJson(f"it has over {LARGEST >> 20} million characters")
            elif line.strip():
                yield number, line
        text.detach()


def whole(path: Path, account: Account) -> Any:
    """Return the JSON value that a file is; replaced characters are counted. Raises BrokenJson and UserError."""
    with opened(path) as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise BrokenJson(f"it has over {LARGEST >> 20} MB")
    value, count = parsed(raw)
    account.note(MENDED, count)
    return value


def values(path: Path, account: Account) -> Iterator[tuple[str, Any]]:
    """Yield (where, value) of each line of a file of JSON lines; a line that is none is a fault. Raises UserError."""
    for number, line in lines(path):
        where = f"{path.name}, line {number}"
        try:
            if isinstance(line, BrokenJson):
                raise line
            value, count = parsed(line)
        except BrokenJson as error:
            account.fault(where, error)
            continue
        account.note(MENDED, count)
        yield where, value


def members(
    path: Path, inside: frozenset[str] = frozenset(), account: Account | None = None
) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of a JSON object's members, or ("item 7", value) of a list's items, one at a time.

    Of members named in `inside` that are lists the items come one at a time too, under "name, item 7". Raises
    BrokenJson where the file breaks off or is no JSON, after everything before it was given. Of a value that is
    neither, the one member is named "". Replaced characters are counted in `account`.
    """
    with opened(path) as stream:
        text = _decoded(stream)
        for name, value in _Window(text).members(inside):
            (name, value), count = mended([name, value])
            if account is not None:
                account.note(MENDED, count)
            yield name, value
        text.detach()


class _Window:
    """A part of a text that moves along it, and the JSON in it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._text, self._at, self._gone, self._end = "", 0, 0, False
        self._decoder = json.JSONDecoder()

    def members(self, inside: frozenset[str]) -> Iterator[tuple[str, Any]]:
        first = self._next()
        if first == "[":
            yield from self._items("")
        elif first == "{":
            self._at += 1
            while self._goes_on("}"):
                name = self._value()
                if not isinstance(name, str) or self._next() != ":":
                    raise self._broken("a member has no name")
                self._at += 1
                if name in inside and self._next() == "[":
                    yield from self._items(f"{name}, ")
                else:
                    yield name, self._value()
        elif first:
            yield "", self._value()
        else:
            raise BrokenJson("it is empty")
        if self._next():
            raise self._broken("something stands after its end")

    def _items(self, before: str) -> Iterator[tuple[str, Any]]:
        self._at += 1
        number = 0
        while self._goes_on("]"):
            yield f"{before}item {number}", self._value()
            number += 1

    def _goes_on(self, close: str) -> bool:
        """Go past a comma or the end of a list; whether there is another value."""
        found = self._next()
        if found == ",":
            self._at += 1
            found = self._next()
        if found == close:
            self._at += 1
            return False
        if not found:
            raise self._broken("it breaks off")
        return True

    def _next(self) -> str:
        """Return the next character that is no space, "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n\ufeff":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(_BLOCK):
                return ""

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if end < len(self._text) or self._end:
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                inner = not error.msg.startswith("Unterminated string") and error.pos < len(self._text) - 16
                if inner or self._end:
                    raise self._broken("it breaks off" if not inner else error.msg) from error
            except RecursionError as error:
                raise self._broken("it is nested too deeply") from error
            if len(self._text) - self._at > LARGEST:
                raise self._broken(f"a value has over {LARGEST >> 20} million characters")
            self._more(max(_BLOCK, len(self._text) - self._at))

    def _more(self, count: int) -> bool:
        block = "" if self._end else self._stream.read(count)
        self._end = self._end or not block
        self._gone += self._at
        self._text, self._at = self._text[self._at :] + block, 0
        return bool(block)

    def _broken(self, why: str) -> BrokenJson:
        return BrokenJson(f"it is no JSON after character {self._gone + self._at} ({why})")
