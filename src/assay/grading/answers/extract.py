"""Finds the answer in a declared output, and takes units, percent signs and the like off it."""

import re
from collections.abc import Sequence

from assay.grading.answers.tokens import LONGEST, undressed

_BRACES = re.compile(r"(\\(?:boxed|fbox)\s*\{)|\\.|[{}]", re.DOTALL)
_MARK = re.compile(r"[>#*_ \t]*(?:the +)?(?:final +)?answer(?: +is)?[*_ \t]*[:=]", re.IGNORECASE)
_DRESS = "*_ \t\r"
_LONGEST = 2 * LONGEST  # of an answer in its dress
_DEEPEST = 5  # boxes around one answer
_WRAPPED = re.compile(r"\\(?:text|textrm|mathrm|mbox|rm)\s*\{([^{}]*)\}")
_COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)


class NoAnswer(ValueError):
    """There is no answer in a text, or more than one; the message says which."""


def extract(text: str, ways: Sequence[str]) -> str:
    r"""Return the answer that the first of `ways` finds: "boxed" what is in \boxed{..}, "marked" what follows
    "answer:" at the beginning of a line, "whole" all of it (a box around it is dress).

    Several answers are accepted only when they are all the same text. Raises NoAnswer.
    """
    text = text.removeprefix("\ufeff")
    for way in ways:
        found = {"boxed": _boxed, "marked": _marked, "whole": _whole}[way](text)
        if any(len(one.strip()) > _LONGEST for one in found):
            raise NoAnswer(f"the answer is longer than {LONGEST} characters")
        answers = {undressed(one) for one in found} - {""}
        if len(answers) > 1:
            raise NoAnswer(f"{len(answers)} different answers are {way}")
        if answers:
            return answers.pop()
    raise NoAnswer("there is no answer")


def _whole(text: str) -> list[str]:
    """Return the text, or what is in the box around it; one that is too long for an answer as it is."""
    return [_unboxed(undressed(text)) if len(text.strip()) <= _LONGEST else text]


def _boxed(text: str) -> list[str]:
    """Return what is in the boxes. What is boxed twice over is taken out; any other box in a box stays in it."""
    return [_unboxed(content) for _, content in _boxes(text)]


def _unboxed(content: str) -> str:
    """Return `content` without the boxes that are around all of it."""
    for _ in range(_DEEPEST):
        inner = _boxes(content) if len(content) <= _LONGEST else []
        if len(inner) != 1 or inner[0][0] != content.strip():
            break
        content = inner[0][1]
    return content


def _boxes(text: str) -> list[tuple[str, str]]:
    """Return each outermost box, whole and what is in it, in one pass."""
    found: list[tuple[str, str]] = []
    braces: list[re.Match[str] | None] = []  # the open ones: a box's match, None for any other
    boxes = 0
    for match in _BRACES.finditer(text):
        if match[1]:
            boxes += 1
            braces.append(match)
        elif match[0] == "{":
            braces.append(None)
        elif match[0] == "}" and braces:
            box = braces.pop()
            boxes -= box is not None
            if box is not None and not boxes:
                found.append((text[box.start() : match.end()], text[box.end() : match.start()]))
    return found


def _marked(text: str) -> list[str]:
    return [line[match.end() :].strip(_DRESS) for line in text.split("\n") if (match := _MARK.match(line))]


def plain_number(text: str) -> str:
    """Return a number without the commas between its thousands; any other text as it is."""
    return text.replace(",", "") if _COMMAS.fullmatch(text) else text


def without_unit(text: str, units: Sequence[str]) -> str:
    """Return `text` without one of the units at its end, or at its beginning where it is no letter (a currency)."""
    text = undressed(text)
    flat = _spaced(text)
    for unit in sorted(units, key=len, reverse=True):
        mark = _spaced(unit)
        rest = flat[: -len(mark)].rstrip() if flat.endswith(mark) else ""
        if rest and not (mark[0].isalpha() and rest[-1].isalpha()):
            return undressed(rest)
        if flat.startswith(mark) and not mark[0].isalpha() and len(flat) > len(mark):
            return undressed(flat[len(mark) :])
    return text


def _spaced(text: str) -> str:
    r"""Return `text` with \text{..} and the like opened."""
    return " ".join(_WRAPPED.sub(r" \1 ", text).replace("\\,", " ").replace("~", " ").split())


def without_percent(text: str) -> tuple[str, bool]:
    """Return `text` without a percent sign at its end, and whether there was one."""
    for sign in (r"\%", "%"):
        if text.endswith(sign):
            return undressed(text[: -len(sign)]), True
    return text, False


def plain_text(text: str, *, case_sensitive: bool) -> str:
    """Return a text for comparison: white space made even, wrappers opened, case folded unless it counts."""
    flat = undressed(_spaced(text))
    return flat if case_sensitive else flat.casefold()
