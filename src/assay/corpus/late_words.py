"""Words that no text printed before 1931 can hold: a paragraph with one is a later hand's."""

import re
from collections.abc import Iterator

# Each was coined, or took its common meaning, after 1930.  Words whose older sense is frequent
# ("rocket", "satellite", "radio", "television" of 1907) are left out on purpose.
LATE_WORDS = (
    "antibiotic", "antibiotics", "astronaut", "astronauts", "atomic bomb", "bitcoin",
    "blog", "biodiversity", "cold war", "computer", "computers", "credit card", "credit cards",
    "cyberspace", "databank", "database", "digital", "electronic",
    "electronics",
    "genocide", "googled", "hacker", "helpline", "hiroshima", "holocaust survivors",
    "hydrogen bomb", "internet", "laser", "microchip", "microprocessor",
    "microwave oven", "multimedia", "nasa", "nato", "nazi", "nazis", "nuclear energy",
    "nuclear power", "nuclear weapon", "nuclear weapons", "nylon", "online", "penicillin",
    "photocopy", "pixel", "polyester", "polythene", "programmer", "quark", "racism",
    "radar", "robotics", "smartphone", "software", "spacecraft", "supermarket", "teenager",
    "teenagers", "transistor", "transistors", "united nations", "videotape", "vietnam war",
    "web page", "web site", "webpage", "website", "word processor", "world war ii",
    "world war two", "second world war", "worldwide web", "wordnet",
)  # fmt: skip

_PATTERN = re.compile(
    r"\b(?:" + "|".join(re.escape(word) for word in sorted(LATE_WORDS, key=len, reverse=True)) + r")\b",
    re.IGNORECASE,
)


def late_words(text: str) -> Iterator[str]:
    """Yield every word of the list that occurs in the text, in lower case, in order."""
    for match in _PATTERN.finditer(text):
        yield match.group().lower()
