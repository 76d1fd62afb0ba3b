"""Listings: the files that are known to be there, and what patterns of their names stand for."""

import fnmatch
import re
from collections.abc import Iterable, Mapping

_MOST = 12  # files that one pattern is taken apart into; more stay a pattern
_SIGNS = re.compile(r"[*?]|\[[^\]]+\]")


class Files(dict[str, str]):
    """The texts that actions wrote, by path; `names` are the files that were there from the start.

    `made` are those that an action made of which nobody can tell what stands in them.
    """

    def __init__(self, known: Mapping[str, str] | Iterable[tuple[str, str]] = (), names: Iterable[str] = ()) -> None:
        super().__init__(known)
        self.names = tuple(names)
        self.made: set[str] = set()


def there(files: Mapping[str, str]) -> set[str]:
    """Return all files that are known to be there."""
    return {*files, *getattr(files, "names", ()), *getattr(files, "made", ())}


def is_folder(path: str, files: Mapping[str, str]) -> bool:
    """Whether a path is a folder of files that are known to be there."""
    head = path.removeprefix("./").rstrip("/") + "/"
    return any(name.startswith(head) for name in there(files))


def matched(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a shell would put in a pattern's place; the pattern where there are none, or too many."""
    if not _SIGNS.search(pattern) or len(pattern) > 200:
        return [pattern]
    plain = pattern.removeprefix("./")
    parts = plain.split("/")
    found = [name for name in names if _fits(name, parts)]
    return sorted(found) if 0 < len(found) <= _MOST else [pattern]


def below(pattern: str, names: Iterable[str]) -> list[str]:
    """Return what `matched` does, where `**` and a bare folder stand for all that lies below; [] where nothing does."""
    if "**" not in pattern:
        found = matched(pattern, names)
        return [] if found == [pattern] and _SIGNS.search(pattern) else found
    head, _, tail = pattern.partition("**")
    head, tail = head.removeprefix("./"), tail.lstrip("/") or "*"
    hits = [n for n in names if n.startswith(head) and fnmatch.fnmatchcase(n.rpartition("/")[2], tail)]
    return sorted(hits) if len(hits) <= _MOST else []


def _fits(name: str, parts: list[str]) -> bool:
    pieces = name.split("/")
    if len(pieces) != len(parts):
        return False
    hidden = any(piece.startswith(".") and part[:1] in ("*", "?") for piece, part in zip(pieces, parts, strict=True))
    return not hidden and all(fnmatch.fnmatchcase(piece, part) for piece, part in zip(pieces, parts, strict=True))
