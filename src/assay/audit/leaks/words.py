"""Words of a text with their places: hyphenation mended, code set apart, letters that a scan spoiled passed over."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from assay.corpus.clean import looks_like_code

WINDOW = 200  # words: about half a page, and what is judged at a time

_QUOTES = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "“": '"', "”": '"', "\u00ad": None, "ſ": "s"})
_BROKEN = re.compile(r"(?<=[a-z])[-¬]\s*\n\s*(?=[a-z])")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|(?<![\d.,/:#$-])\d{4}(?![\d/:%]|[.,-]\d)")
_ENDS = frozenset(".!?:;\"'()[]*>|\n")
_FENCE = re.compile(r"(`{3,}|~{3,})[^\n]*\n.*?(?:\n\1[^\n]*|\Z)", re.DOTALL)
# Identifiers, paths, calls, options, addresses: what is written for a machine is no word of any year.
_IDENTIFIER = re.compile(
    r"`[^`\n]+`|<\|?/?\w[^<>\n]{0,80}>|https?://\S+|\S*(?:[A-Za-z]\w*_\w+|\w+\([^)\s]*\)|::|\w+/\w+/|[{}\\=|@$])\S*"
    r"|(?<!\w)/\w\S*|(?<!\w)--?[A-Za-z]\S*|\b\w+\.(?:py|js|ts|c|h|cpp|rs|go|java|sh|md|txt|json|toml|yaml|yml|cfg|ini)\b"
    r"|\b[a-z_]\w*(?:\.[a-z_]\w*)+\b|\b[a-z]+[A-Z]\w*\b|\b[A-Za-z]+\d\w*\b"
)


class Word(NamedTuple):
    """One word in lower case, its characters in the text, whether it is capitalised within a sentence, and whether
    nothing but a space or a hyphen stands between it and the word before."""

    text: str
    start: int
    end: int
    name: bool
    joined: bool


def mended(text: str) -> str:
    """Return the text with plain quotes and long s, and words joined that a line end had broken with a hyphen."""
    return _BROKEN.sub("", unicodedata.normalize("NFC", text).translate(_QUOTES))


def words(text: str) -> Iterator[Word]:
    """Yield the words of a mended text, and its numbers of four digits; a possessive's ending is not kept."""
    last = 0
    open_sentence = False
    for found in _WORD.finditer(text):
        start, end = found.span()
        gap = text[last:start]
        if not gap.isspace() or "\n\n" in gap:
            open_sentence = open_sentence and not any(sign in _ENDS for sign in gap)
        raw = found.group()
        plain = raw[:-2] if raw.endswith(("'s", "'S")) else raw
        joined = last > 0 and (gap in (" ", "-", "") or (gap.isspace() and "\n\n" not in gap))
        yield Word(plain.lower(), start, end, open_sentence and raw[0].isupper(), joined)
        last, open_sentence = end, True


def windows(found: list[Word], size: int = WINDOW) -> Iterator[list[Word]]:
    """Yield the words in windows of `size`; a rest of under half a window is joined to the one before."""
    count = max(1, round(len(found) / size))
    if not found:
        return
    for number in range(count):
        yield found[number * size : (number + 1) * size if number < count - 1 else len(found)]


def prose_of(text: str) -> tuple[str, int]:
    """Return the text with its code blanked out, character for character, and how many characters that was.

    Code is what stands in fences, blocks that look like source or a shell's session, and in prose the identifiers,
    paths, options, calls and addresses. A program cannot be older than its language, so its words date nothing.
    """
    text = _FENCE.sub(lambda found: _blank(found.group()), text)
    kept = [_blank(block) if block.strip() and _is_code(block) else block for block in re.split(r"(\n[ \t]*\n+)", text)]
    text = "".join(kept)
    prose = _IDENTIFIER.sub(lambda found: _blank(found.group()), text)
    return prose, prose.count("\x00")


def _is_code(block: str) -> bool:
    lines = [line for line in block.splitlines() if line.strip()]
    indented = sum(line.startswith(("    ", "\t", "+", "-", "@@", "diff ")) for line in lines)
    return looks_like_code(block) or (len(lines) > 1 and indented > len(lines) / 2)


def _blank(code: str) -> str:
    """Return as many NUL characters, which no word is made of and which part the words around them."""
    return "".join(sign if sign == "\n" else "\x00" for sign in code)
