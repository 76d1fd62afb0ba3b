"""Hostile text as markup: everything escaped, unseen characters shown, terminal codes as plain spans, long parts cut.

What an agent or a program printed may hold HTML, ANSI codes, bidirectional overrides, zero-width characters, NUL and
lines of megabytes. Nothing of it reaches a page but as text that can be seen.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

LINE_CHARS = 2_000
BLOCK_CHARS = 40_000
BLOCK_LINES = 1_500
# Letters that are drawn as nothing, beside the categories below: fillers and joiners.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_KEPT = "\t\n"
_HIDDEN_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# CSI and OSC sequences, other two-character escapes; a lone escape stays a control character.
_CODE = re.compile(r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|\x1b[@-Z\\^_c=>()78]")
_COLOUR = re.compile(r"\x1b\[([0-9;]*)m")
_PART = re.compile(_CODE.pattern + r"|[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u0300-\U0010ffff]", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A text as a page shows it. `cut` says what is not shown, empty when all is; `lines` were counted before the cut.

    `missing` are the marked lines that lie in the part that is not shown.
    """

    html: Markup
    lines: int
    characters: int
    cut: str = ""
    missing: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.characters > 0


def line(text: str, most: int = 400) -> Markup:
    """Return a short text on one line."""
    shown = text if len(text) <= most else f"{text[:most]} [and {len(text) - most:,} characters more]"
    return _spans(shown.replace("\r\n", " ").replace("\n", " "))


def block(text: str, name: str = "", marked: Collection[int] = (), most: int = BLOCK_CHARS) -> Block:
    """Return a text of several lines; the lines of `marked` (from 1) are highlighted and have ids NAME-lN.

    A line of more than LINE_CHARS is cut, and so is what comes after `most` characters or BLOCK_LINES lines.
    """
    if not text:
        return Block(Markup(""), 0, 0)
    total = len(text)
    # Lines are counted as detectors count them, by line feeds; splitting is bounded by what may be shown.
    every = text.count("\n") + (not text.endswith("\n"))
    shown: list[Markup] = []
    start = used = long = 0
    while start < total and len(shown) < BLOCK_LINES and used < most:
        end = text.find("\n", start)
        end = total if end < 0 else end
        length = min(end - start, LINE_CHARS, most - used)
        piece = _spans(text[start : start + length].removesuffix("\r"))
        if length < end - start:
            long += 1
            piece += Markup('<span class="cut">[{} characters more in this line]</span>').format(
                f"{end - start - length:,}"
            )
        number = len(shown) + 1
        if number in marked:
            piece = Markup('<mark class="hit" id="{}-l{}">{}</mark>').format(name, number, piece or Markup("&nbsp;"))
        shown.append(piece)
        used += length + 1
        start = end + 1
    left = every - len(shown)
    said = []
    if long:
        said.append(f"{long:,} long line{'' if long == 1 else 's'} cut at {LINE_CHARS:,} characters")
    if left > 0:
        said.append(f"{left:,} of {every:,} lines are not shown")
    missing = tuple(sorted(number for number in marked if number > len(shown)))
    return Block(Markup("\n").join(shown), every, total, "; ".join(said), missing)


def _spans(text: str) -> Markup:
    """Return text with its colours as spans; a run of one unseen character is shown once with its count."""
    out: list[str] = []
    opened = False
    place = 0
    for match in _PART.finditer(text):
        if match.start() < place:  # a run that was counted already
            continue
        found = match[0]
        if len(found) == 1 and not unseen(found):
            continue
        out.append(str(escape(text[place : match.start()])))
        place = match.end()
        if colour := _COLOUR.fullmatch(found):
            if opened:
                out.append("</span>")
            classes = _classes(colour[1])
            opened = bool(classes)
            if opened:
                out.append(f'<span class="{classes}">')
            continue
        if len(found) > 1:
            out.append(_sign("␛", f"terminal code {ascii(found[:40])[1:-1]}"))
            continue
        while place < len(text) and text[place] == found:
            place += 1
        times = place - match.start()
        sign, title = _named(found)
        out.append(_sign(sign + (f"×{times:,}" if times > 1 else ""), title))
    out.append(str(escape(text[place:])))
    if opened:
        out.append("</span>")
    return Markup("".join(out))


def unseen(character: str) -> bool:
    """Whether a character is drawn as nothing, steers what stands beside it, or is no character at all."""
    if character in _KEPT:
        return False
    return character in _BLANK or unicodedata.category(character) in _HIDDEN_KINDS


def _named(character: str) -> tuple[str, str]:
    code = ord(character)
    name = unicodedata.name(character, "a control character")
    if code < 0x20:
        return chr(0x2400 + code), f"U+{code:04X}, a control character"
    if 0xD800 <= code <= 0xDFFF:
        sign = f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
        return sign, "a byte that is not UTF-8"
    return f"U+{code:04X}", name.lower()


def _sign(sign: str, title: str) -> str:
    return f'<span class="ctl" title="{escape(title)}">{escape(sign)}</span>'


def _classes(codes: str) -> str:
    """Return the classes of a colour code: bold and the eight colours; what would hide text is not obeyed."""
    kept: list[str] = []
    numbers: Iterator[int] = (int(code or 0) for code in codes.split(";")[:16] if len(code) < 5)
    for number in numbers:
        if number in (38, 48):  # a colour of 256 or of 16 million: leave it and its arguments
            break
        if number == 0:
            kept.clear()
        elif number == 1:
            kept.append("a-bold")
        elif 30 <= number <= 37 or 90 <= number <= 97:
            kept.append(f"a-{number % 10}")
    return " ".join(kept)
