"""Spurgeon's Treasury of David from the Debian package sword-comm-tdavid, one document a psalm."""

import re
import struct
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from assay.corpus.model import SourceText

EVIDENCE = "printed in seven volumes, 1869 to 1885 (About line of the module)"
_CHAPTER = re.compile(r'<chapter [^>]*osisID="Ps\.(\d+)"[^>]*>')
_PARAGRAPH = re.compile(r'<div [^>]*type="x-p"\s*/>|<(?:title|lb|lg|l|chapter|list|item)\b[^>]*>')


def documents(root: Path) -> Iterator[SourceText]:
    """Yield the commentary on each psalm, from the module's compressed blocks."""
    folder = root / "usr" / "share" / "sword" / "modules" / "comments" / "zcom" / "tdavid"
    parts = _CHAPTER.split(_module_text(folder / "ot"))
    bodies: dict[int, str] = {}
    for at in range(1, len(parts), 2):
        psalm = int(parts[at])
        bodies[psalm] = bodies.get(psalm, "") + parts[at + 1]
    for psalm, body in sorted(bodies.items()):
        text = unescape(re.sub(r"<[^>]+>", "", _PARAGRAPH.sub("\n\n", body)))
        yield SourceText(
            key=f"psalm-{psalm:03d}",
            title=f"The Treasury of David, Psalm {psalm}, by C. H. Spurgeon",
            year=1885,
            year_evidence=EVIDENCE,
            text=text,
        )


def _module_text(stem: Path) -> str:
    """Return all text of a SWORD zCom4 module: an index of (offset, size, length), then zlib blocks."""
    index = stem.with_suffix(".czs").read_bytes()
    data = stem.with_suffix(".czz").read_bytes()
    text = b"".join(
        zlib.decompress(data[offset : offset + size]) for offset, size, _ in struct.iter_unpack("<III", index) if size
    )
    return text.decode("utf-8", errors="replace")
