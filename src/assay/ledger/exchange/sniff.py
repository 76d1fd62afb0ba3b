"""The first look at a source: whether it can be read, and what a file's beginning and end hold, in any encoding."""

import errno
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from assay.errors import UserError

_HEAD, _TAIL, _FILES = 1 << 20, 4096, 50
_ELSE = "fetch it again, or name another"
_TO_DO = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "mend its permissions"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG), "name one that is there"),
    errno.EISDIR: "name a file",
}


def head(path: Path) -> str:
    """Return up to a megabyte of a file's beginning as text, "" where it cannot be read."""
    try:
        with path.open("rb") as stream:
            block = stream.read(_HEAD)
        if block[:2] == b"\x1f\x8b":
            block = _unpacked(block)
        return block.decode(json.detect_encoding(block), "replace")
    except OSError:
        return ""


def _unpacked(block: bytes) -> bytes:
    """Return up to a megabyte of what gzip packed, also of what breaks off or is damaged further on."""
    reader, found = zlib.decompressobj(31), b""
    with suppress(zlib.error):
        for begin in range(0, len(block), 1024):
            found += reader.decompress(block[begin : begin + 1024], _HEAD)
            if len(found) >= _HEAD:
                break
    return found[:_HEAD]


def both_ends(path: Path) -> str:
    """Return a file's beginning and its last few thousand characters."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            end = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return head(path) + end


def files(path: Path, *patterns: str) -> Iterator[Path]:
    """Yield the file itself, or the files below a folder whose names fit, in the order of their names."""
    if os.path.isdir(path):  # pathlib's own raises where a folder may be listed and not entered
        yield from sorted({file for pattern in patterns for file in path.rglob(pattern) if os.path.isfile(file)})
    elif os.path.isfile(path):
        yield path


def some(path: Path, *patterns: str) -> Iterator[Path]:
    """Yield the first few of `files`: enough to tell a format by."""
    for number, file in enumerate(files(path, *patterns)):
        if number == _FILES:
            return
        yield file


def check(path: Path) -> None:
    """Raise UserError where a source is not there, is empty, or cannot be read."""
    try:
        if path.is_dir():
            if next(path.iterdir(), None) is None:
                raise UserError(f"{path} is an empty folder: name one that another tool wrote")
        elif path.is_file():
            with path.open("rb") as stream:
                if not stream.read(1):
                    raise UserError(f"{path} is empty: fetch it again, or name another")
        elif path.exists():
            raise UserError(f"{path} is neither a file nor a folder: name one that another tool wrote")
        else:
            raise UserError(f"there is no {path}: name a file or folder that another tool wrote")
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> UserError:
    """Return the sentence for a place that cannot be read."""
    return UserError(f"{path} cannot be read ({error.strerror or error}): {_TO_DO.get(error.errno or 0, _ELSE)}")


def shut(path: Path) -> Iterator[UserError]:
    """Yield a sentence for each folder below a source that cannot be listed or entered."""
    found: list[OSError] = []
    for folder, _, _ in os.walk(path, onerror=found.append) if os.path.isdir(path) else ():
        if not os.access(folder, os.X_OK):
            found.append(PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder))
    yield from (unreadable(Path(error.filename), error) for error in found)
