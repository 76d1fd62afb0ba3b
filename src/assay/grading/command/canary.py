"""Must-fail canaries for a Harbor task: its own tests with one expected value changed.

A right solution passes the tests as they are and fails them with a wrong expected value. A candidate that passes
both does not answer the tests: it forged their outcome, or read the expected value where the tests keep it. A change
proves nothing where the task's own solution passes too (the caller asks), nor where it breaks the tests before they
meet the candidate, so changes are tried in the order of how surely they are expected values.
"""

import itertools
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from assay.grading.command import python as command_python

Place = tuple[int, int, str]  # begin and end in a text, and what stands there instead
_DATA = (".json", ".txt", ".csv", ".tsv", ".out", ".expected", ".golden")
_LIKE_ANSWER = re.compile(r"expect|answer|golden|solution|output|want|truth", re.I)
_TURNS = 12  # of wrong values for the same places, where there are few
_MOST = 200  # places of one rank that are looked at
_JSON_EXPECTED = re.compile(
    r'"(?:expect|answer|output|result|want|golden)\w*"\s*:\s*("(?:[^"\\]|\\.)+"|-?\d+(?:\.\d+)?)', re.I
)
_JSON_NUMBER = re.compile(r"(?<=[\s:,\[])-?\d+(?:\.\d+)?(?=\s*[,\]}\n])")
_WORD = re.compile(r"[A-Za-z0-9]+")
_SHELL = (
    re.compile(r'(?:\)"?|"\$\{?[A-Za-z_]\w*\}?")\s*==?\s*(["\']?)([^"\'\s\]$]+(?:[^"\'\]$]*[^"\'\s\]$])?)\1\s*\]'),
    re.compile(r"""grep\s+(?:-[A-Za-z]+\s+)*(["'])([^"'$]+)\1"""),
)


@dataclass(frozen=True)
class Canary:
    """The text `text` in place of the test file `path`. `sure`: an asserted value that a right solution must meet."""

    path: str
    text: str
    sure: bool


def canaries(tests: Mapping[str, str]) -> Iterator[Canary]:
    """Yield changed test files: an asserted literal, a value in a table of cases, a computed value, and again.

    Each in random order; then those that are less sure.
    """
    ranks: list[list[tuple[str, int, int, str]]] = [[], [], [], [], []]
    for path, text in sorted(tests.items()):
        if path.endswith(".py"):
            found = command_python.places(text)
            by_rank = [found.literals, found.tables, found.computed, [], found.truths]
        elif path.endswith(".sh"):
            by_rank = [[], _in_shell(text)]
        elif path.endswith(_DATA):
            sure, loose = _in_data(path, text)
            by_rank = [[], sure, [], loose]
        else:
            continue
        for rank, places in zip(ranks, by_rank, strict=False):
            rank += [(path, *place) for place in places[:_MOST]]
    for rank in ranks:
        random.SystemRandom().shuffle(rank)
    for turn in itertools.zip_longest(*ranks[:3]):
        for number, place in enumerate(turn):
            if place is not None:
                yield _canary(tests, place, sure=number != 1)
    for place in itertools.chain(*ranks[3:]):
        yield _canary(tests, place, sure=False)


def drawn(tests: Mapping[str, str], most: int) -> list[Canary]:
    """Return up to `most` canaries: every value is wrong once before one is wrong again, in another way."""
    found: dict[tuple[str, str], Canary] = {}
    for turn in range(_TURNS):
        for canary in itertools.islice(canaries(tests), most):
            # A value that may be anything is no more than one, however often it is changed.
            found.setdefault((canary.path, canary.text), canary if turn == 0 else replace(canary, sure=False))
        if not found or len(found) >= most:
            break
    return list(found.values())[:most]


def _canary(tests: Mapping[str, str], place: tuple[str, int, int, str], *, sure: bool) -> Canary:
    path, begin, end, new = place
    text = tests[path]
    return Canary(path, text[:begin] + new + text[end:], sure)


def _in_shell(text: str) -> list[Place]:
    """Return the texts that a script compares an output with; never a comparison of an exit status."""
    found = []
    for pattern in _SHELL:
        for match in pattern.finditer(text):
            line = text[text.rfind("\n", 0, match.start()) + 1 : match.end()]
            if not re.search(r"\$\?|\b(rc|status|code|exit\w*)\b", line, re.I):
                found.append((match.start(2), match.end(2), _other_word(match[2])))
    return found


def _in_data(path: str, text: str) -> tuple[list[Place], list[Place]]:
    """Return values of a data file of the tests: those that are called expected, and any others."""
    if path.endswith(".json"):
        named = [(m.start(1), m.end(1), _other_json(m[1])) for m in _JSON_EXPECTED.finditer(text)]
        taken = {begin for begin, _, _ in named}
        numbers = [m for m in _JSON_NUMBER.finditer(text) if m.start() not in taken]
        return named, [(m.start(), m.end(), _other_json(m[0])) for m in numbers]
    words = [(m.start(), m.end(), _other_word(m[0])) for m in _WORD.finditer(text)]
    return (words, []) if _LIKE_ANSWER.search(path) else ([], words)


def _other_json(literal: str) -> str:
    if literal.startswith('"'):
        return '"' + _other_word(literal[1:-1]) + '"'
    return str(float(literal) + random.SystemRandom().randint(1, 9)) if "." in literal else str(int(literal) + 3)


def _other_word(word: str) -> str:
    last = word[-1:]
    if last.isdigit() and last.isascii():
        return word[:-1] + str((int(last) + random.SystemRandom().randint(1, 8)) % 9)
    return word + random.SystemRandom().choice("abcdefghkmnprstuvwxyz")
