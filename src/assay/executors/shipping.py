"""Prepared trees on their way to another machine: a folder as a compressed archive in pieces, and back.

A tree goes to a machine once: there it lies under its key, as it does here, and is found by the next job.
"""

import io
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from assay.errors import MachineryError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# it was packed by our own driver; Pythons before 3.11.4 have no filters
_TRUSTED: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
PIECE = 32 << 20  # bytes of the archive in one piece


def pack(folder: Path) -> Iterator[bytes]:
    """Yield the folder in pieces, with its modes, hard links, and the symbolic links that stay within it."""
    made, root = _Pieces(), folder.resolve()
    with zstd.open(made, "wb", level=1) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        for path in sorted(root.rglob("*")):
            # a link that leads out of the folder leads nowhere on another machine: what it points to goes in its place
            archive.dereference = path.is_symlink() and path.exists() and not path.resolve().is_relative_to(root)
            archive.add(path, arcname=str(path.relative_to(root)), recursive=archive.dereference)
            yield from made.full()
    yield from made.rest()


def unpack(pieces: Iterable[bytes], into: Path) -> None:
    """Lay the packed folder out in the empty folder `into`. Raises MachineryError for a damaged archive."""
    try:
        with zstd.open(_Joined(pieces), "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            archive.extractall(into, **_TRUSTED)
    except (tarfile.TarError, zstd.ZstdError, EOFError) as error:
        raise MachineryError(f"a tree arrived damaged ({error})") from error


class _Pieces(io.RawIOBase):
    """A file to write to that gives away what was written, in pieces."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._data += data
        return len(data)

    def full(self) -> Iterator[bytes]:
        while len(self._data) >= PIECE:
            yield bytes(self._data[:PIECE])
            del self._data[:PIECE]

    def rest(self) -> Iterator[bytes]:
        yield from self.full()
        if self._data:
            yield bytes(self._data)


class _Joined(io.RawIOBase):
    """A file to read from that joins pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
