"""Coinages: words, names and phrases with the year in which they were coined or became known, written by us.

The list is `coinages.txt`, a line a year: `1945: atomic bomb, fallout`. Years are from general knowledge and may be a
few years out; a term is in it only where its letters hardly meant anything else before.
"""

from functools import lru_cache
from pathlib import Path

from assay.audit.leaks.words import words
from assay.errors import UserError

LIST = Path(__file__).parent / "coinages.txt"


@lru_cache(maxsize=4)
def coinages(path: Path = LIST) -> dict[tuple[str, ...], int]:
    """Return the year of each term; a term is the tuple of its words. Raises UserError naming a broken line."""
    found: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        year, colon, terms = line.partition(":")
        if not colon or not year.strip().isdigit():
            raise UserError(f"Line {number} of {path} is not `YEAR: term, term`: mend it")
        for term in terms.split(","):
            key = tuple(word.text for word in words(term))
            if not key or sum(map(len, key)) < sum(sign.isalnum() for sign in term) - 2:
                raise UserError(f"Line {number} of {path} has {term.strip()!r}, which is more than words: mend it")
            found[key] = min(int(year), found.get(key, 9999))
    return found
