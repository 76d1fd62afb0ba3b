"""Pure functions that turn the text of a package into clean paragraphs, one a line."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from assay.corpus.late_words import late_words

MAX_PARAGRAPH = 2000
# Shorter paragraphs repeat honestly ("Exeunt.", a speaker's name), so they are never duplicates.
MIN_DUPLICATE = 60

_ASCII = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"',
        "‟": '"', "″": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "‒": "-", "–": "-",
        "—": "--", "―": "--", "−": "-", "…": "...", "•": "*", "\u00a0": " ", "\u2009": " ",
        "\u202f": " ", "\u3000": " ", "\u00ad": None, "\u200b": None, "\ufeff": None,
        "\r": None, "\u200e": None, "\u200f": None, "¶": None,
    }
)  # fmt: skip

_BOILERPLATE = re.compile(
    r"gutenberg|\be-?texts?\b|\be-?books?\b|transcrib(?:er|ed (?:from|by))|proofread(?:er|ing team)|^produced by\b"
    r"|https?:|ftp:|\bwww\b|\be-?mail\b|\bisbn\b|electronic (?:book|text|edition|version)"
    r"|html version|small print!|\.(?:com|org|net)\b|all rights reserved"
    r"|copyright (?:\(c\) )?(?:19[3-9]\d|20\d\d)|\[illustration|fulcrum edition",
    re.IGNORECASE,
)
_LATE_YEAR = re.compile(r"(?<![\d,.$#/-])(?:19(?:3[1-9]|[4-9]\d)|20[0-3]\d)(?![\d,/]|\.\d)")
_EDITOR = re.compile(r"^\W{0,3}(?:editor(?:ial)?'?s? note|transcriber|note to the|note:|footnotes?:?$)", re.IGNORECASE)
_CODE_LINE = re.compile(
    r"^\s*(?:>>>|\.\.\. |\$ |# include|#include|#define|def \w+\s*\(|class \w+\s*[(:]|import \w[\w.]*\s*(?:as \w+)?$"
    r"|from [\w.]+ import |@\w+(?:\.\w+)*(?:\(.*\))?$|return\b.*;$|for \w+ in .*:$|if .+:$|while .+:$"
    r"|elif .+:$|(?:else|try|finally):$|except\b.*:$|print\s*\(|sudo |apt-get |static |struct \w+ \{)"
    r"|>>> |\bself\.\w+|\blambda \w+:|\bdef \w+\(|\bprint\(|\w\(\)\s*;|\}\s*;|^\s*\}\s*$|^\s*import \w+\.\w+|__\w+__",
    re.MULTILINE,
)
# Round and square brackets are not here: plays, verse and dictionaries are full of them.
_CODE_SIGNS = frozenset("{}<>=;_|\\$#@^~%+")
_HEAD_END = re.compile(r"\*\*\* ?START OF TH[^\n]*?\*\*\*|\*END[* ]*THE SMALL PRINT[^\n]*\*END\*", re.IGNORECASE)
_TAIL_START = re.compile(
    r"End of (?:The )?Project Gutenberg|\*\*\* ?END OF TH|\*\*\* ?START: FULL LICENSE", re.IGNORECASE
)


def strip_gutenberg(text: str) -> str:
    """Cut the licence that was put before and after a work by the people who typed it in."""
    tail = _TAIL_START.search(text)
    if tail and tail.start() > len(text) // 3:
        text = text[: tail.start()]
    head = _HEAD_END.search(text)
    if head and head.end() < len(text) // 3:
        text = text[head.end() :]
    return text


def strip_emphasis(text: str) -> str:
    """Take away the underscores, equals signs and tildes that typists put for italic and bold type."""
    return re.sub(r"(?<!\w)([_=~])(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", text, flags=re.DOTALL)


def normalise(text: str) -> str:
    """Compose accents, make quotes and dashes plain ASCII, and drop control characters."""
    text = unicodedata.normalize("NFC", text).translate(_ASCII)
    return "".join(ch for ch in text if ch in "\n\t" or unicodedata.category(ch)[0] != "C")


def split_long(paragraph: str, limit: int = MAX_PARAGRAPH) -> Iterator[str]:
    """Break a very long paragraph after a sentence, or failing that at a space, near the limit."""
    while len(paragraph) > limit:
        cut = max(paragraph.rfind(stop, limit // 2, limit) for stop in (". ", "? ", "! ", "; ", ": "))
        if cut < 0:
            cut = paragraph.rfind(" ", 1, limit)
        if cut < 0:
            cut = limit - 1
        yield paragraph[: cut + 1].rstrip()
        paragraph = paragraph[cut + 1 :].lstrip()
    if paragraph:
        yield paragraph


def blocks(text: str) -> Iterator[str]:
    """Yield the blocks of a normalised text that blank lines set apart, with their line ends."""
    for block in re.split(r"\n[ \t]*\n+", text):
        if block.strip():
            yield block


def join_lines(block: str) -> str:
    """Put a block on one line, with single spaces."""
    return " ".join(block.split())


def looks_like_code(block: str) -> bool:
    """Say whether a block looks like program source, a shell session or a table of signs."""
    if _CODE_LINE.search(block):
        return True
    dense = [ch for ch in block if not ch.isspace()]
    if len(dense) < 12:
        return False
    signs = sum(ch in _CODE_SIGNS for ch in dense)
    return signs / len(dense) > 0.07 or block.count("{") + block.count("}") >= 3


def wordless(paragraph: str) -> bool:
    """Say whether a paragraph is mostly something other than letters: rules, numbers, tables."""
    letters = sum(ch.isalpha() for ch in paragraph)
    return letters < 0.45 * len(paragraph.replace(" ", "")) or letters < 2


def foreign_script(paragraph: str) -> bool:
    """Say whether a paragraph holds more than a few letters of another script."""
    return sum(ord(ch) > 0x24F for ch in paragraph) > max(2, 0.02 * len(paragraph))


def reason_common(block: str) -> str | None:
    """Say why a block has no place in either corpus, or None when it has one."""
    if looks_like_code(block):
        return "code"
    if wordless(block):
        return "not_words"
    if foreign_script(block):
        return "foreign_script"
    return None


def reason_vintage(block: str) -> str | None:
    """Say why a block cannot be from a text printed before 1931, or None when it can."""
    line = join_lines(block)
    if _BOILERPLATE.search(line):
        return "boilerplate"
    if _EDITOR.search(line):
        return "editors_note"
    if _LATE_YEAR.search(line):
        return "late_year"
    if next(late_words(line), None):
        return "late_word"
    return reason_common(block)


def reason_modern(block: str) -> str | None:
    """Say why a block has no place in modern prose, or None when it has one."""
    if re.search(r"gutenberg|https?:|\bisbn\b|all rights reserved", block, re.IGNORECASE):
        return "boilerplate"
    return reason_common(block)


def clean_paragraphs(
    text: str, reason: Callable[[str], str | None], dropped: Callable[[str, str], None]
) -> Iterator[str]:
    """Yield the clean paragraphs of a text; each dropped block is told to `dropped` with its reason."""
    for block in blocks(normalise(text)):
        why = reason(block)
        if why:
            dropped(why, join_lines(block))
        else:
            yield from split_long(join_lines(block))


def duplicate_key(paragraph: str) -> str | None:
    """Return what two copies of a paragraph share whatever their punctuation, or None when it is short."""
    if len(paragraph) < MIN_DUPLICATE:
        return None
    return re.sub(r"[\W_]+", "", paragraph).casefold()


def without_duplicates(paragraphs: Iterable[str], seen: set[str]) -> Iterator[str]:
    """Yield the paragraphs not in `seen`, adding the key of each long one to it."""
    for paragraph in paragraphs:
        key = duplicate_key(paragraph)
        if key is None:
            yield paragraph
        elif key not in seen:
            seen.add(key)
            yield paragraph
