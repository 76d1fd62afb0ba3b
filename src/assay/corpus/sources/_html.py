"""A helper that reads the prose of an HTML page and leaves out its code, tables and furniture."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from assay.corpus.model import SourceText

_SKIP = frozenset({"pre", "script", "style", "nav", "table", "head", "header", "footer", "aside", "button",
                   "select", "form", "svg", "dt", "title"})  # fmt: skip
_BREAK = frozenset({"p", "li", "dd", "dl", "ul", "ol", "div", "section", "article", "blockquote", "br", "hr",
                    "h1", "h2", "h3", "h4", "h5", "h6", "body", "figcaption", "center"})  # fmt: skip
_FURNITURE = re.compile(r"^(?:prev|next|up|home|table of contents|chapter \d|top|download|copyright|contents)\b", re.I)


class _Prose(HTMLParser):
    """Collects text between block tags, outside the skipped elements."""

    def __init__(self) -> None:
        """Start with no text."""
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self.current: list[str] = []
        self.skipping: list[str] = []

    def flush(self) -> None:
        """End the current block."""
        block = " ".join("".join(self.current).split())
        if block:
            self.blocks.append(block)
        self.current = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block or a skipped element."""
        if tag in _SKIP:
            self.skipping.append(tag)
        if tag in _BREAK or tag in _SKIP:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        """End a block or a skipped element."""
        if tag in self.skipping:
            del self.skipping[self.skipping.index(tag) :]
            self.current = []
        elif tag in _BREAK:
            self.flush()

    def handle_data(self, data: str) -> None:
        """Keep text that is outside skipped elements."""
        if not self.skipping:
            self.current.append(data)


def page_blocks(page: str) -> list[str]:
    """Return the blocks of text of a page, in order."""
    parser = _Prose()
    parser.feed(page)
    parser.close()
    parser.flush()
    return parser.blocks


def is_sentence(block: str) -> bool:
    """Say whether a block reads as prose: long enough, ended like a sentence, mostly small letters."""
    if len(block) < 40 or _FURNITURE.match(block):
        return False
    small = sum(ch.islower() or ch == " " for ch in block)
    return block.rstrip("\"')]”’ ")[-1:] in tuple(".!?:;") and small / len(block) > 0.8


def page_title(page: str) -> str | None:
    """Return the title of a page, or None when it has none."""
    found = re.search(r"<title[^>]*>(.*?)</title>", page, re.S | re.I)
    return " ".join(re.sub(r"<[^>]+>|&\w+;", " ", found.group(1)).split()) if found else None


def html_documents(
    folder: Path, year: int, evidence: str, keep: Callable[[str], bool] = is_sentence, minimum: int = 400
) -> Iterator[SourceText]:
    """Yield one text for each HTML page under a folder whose kept blocks hold at least `minimum` letters."""
    for path in sorted(folder.rglob("*.html")):
        if path.is_symlink() or not path.is_file():
            continue
        page = path.read_text(encoding="utf-8", errors="replace")
        text = "\n\n".join(block for block in page_blocks(page) if keep(block))
        if len(text) >= minimum:
            key = path.relative_to(folder).with_suffix("").as_posix()
            yield SourceText(key=key, title=page_title(page) or key, year=year, year_evidence=evidence, text=text)
