"""The first look at a file: what its beginning and end hold, in whatever encoding, without reading it whole."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEAD, _TAIL, _FILES = 1 << 20, 4096, 50


def head(path: Path) -> str:
    """Return up to a megabyte of a file's beginning as text, "" where it cannot be read."""
    try:
        with path.open("rb") as stream:
            block = stream.read(_HEAD)
        if block[:2] == b"\x1f\x8b":
            block = zlib.decompressobj(31).decompress(block, _HEAD)  # also of one that breaks off
        return block.decode(json.detect_encoding(block), "replace")
    except (OSError, zlib.error):
        return ""


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
    if path.is_dir():
        yield from sorted({file for pattern in patterns for file in path.rglob(pattern) if file.is_file()})
    elif path.is_file():
        yield path


def some(path: Path, *patterns: str) -> Iterator[Path]:
    """Yield the first few of `files`: enough to tell a format by."""
    for number, file in enumerate(files(path, *patterns)):
        if number == _FILES:
            return
        yield file
