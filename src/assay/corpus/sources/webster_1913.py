"""Entries tagged [1913 Webster] of the Debian package dict-gcide, without later additions."""

import gzip
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from assay.corpus.model import SourceText

EVIDENCE = "segments tagged [1913 Webster] only: Webster's Revised Unabridged Dictionary, 1913"
_TAG = re.compile(r"^\s*\[([^\]\n]+)\].*$", re.MULTILINE)
_HEAD = re.compile(r"^(\S[^\\\n]*?) ?\\[^\n]*\\,?", re.MULTILINE)
_SOUND = re.compile(r"^\s*\((?![A-Z][a-z]+\.)[^()]{0,80}\)[,;]?")
_LATER = re.compile(r"PJC|WordNet|Webster 1913 Suppl|\bAS\]|\bRP\]|\bHW\b|mng:|Century Dict|RHUD|MW10|AHD")


def documents(root: Path) -> Iterator[SourceText]:
    """Yield one document for each pair of first letters, holding its entries in the book's order."""
    path = root / "usr" / "share" / "dictd" / "gcide.dict.dz"
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as handle:
        entries = sorted(_entries(handle.read()))
    for prefix, group in groupby(entries, key=lambda each: each[0]):
        text = "\n\n".join(entry for _, _, entry in group)
        title = f"Webster's Dictionary, {prefix}"
        yield SourceText(key=prefix, title=title, year=1913, year_evidence=EVIDENCE, text=text)


def _entries(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield (first two letters, place, entry) for each entry that is wholly of 1913 in what is kept."""
    for place, raw in enumerate(re.split(r"\n(?=\S)", text)):
        head = _HEAD.match(raw)
        # The printed book begins every headword with a capital; later hands did not.
        if not head or not head.group(1)[:1].isupper():
            continue
        kept = []
        parts = _TAG.split(raw)
        for at in range(0, len(parts) - 1, 2):
            if parts[at + 1] == "1913 Webster" and not _LATER.search(parts[at]):
                kept.append(parts[at])
            elif at == 0:
                # The segment with the headword is a later hand's, so the rest has nothing to hang on.
                break
        prefix = "".join(ch for ch in head.group(1).lower() if "a" <= ch <= "z")[:2]
        if kept and prefix:
            entry = _plain(head, kept)
            if len(entry) >= 40:
                yield prefix, place, entry


def _plain(head: re.Match[str], segments: list[str]) -> str:
    """Write an entry on one line: the word, then its senses, without the marks of pronunciation."""
    word = head.group(1).rstrip(",")
    body = " ".join([segments[0][head.end() - head.start() :], *segments[1:]])
    body = _SOUND.sub("", body)
    body = re.sub(r"\\[^\\\n]*\\|\(\[[^)]*\)|\[[a-z=`'~^.\"]{1,8}\]", "", body)
    body = body.replace("{", "").replace("}", "").replace("||", "")
    body = re.sub(r"\s+([,.;:])", r"\1", " ".join(body.split()))
    return f"{word}, {body}".replace(",,", ",").replace(", ,", ",")
