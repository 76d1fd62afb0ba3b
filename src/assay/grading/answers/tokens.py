"""Turns the text of an answer, plain or in the usual LaTeX, into tokens; anything unknown is an error.

Nothing is evaluated here or in the parser: text becomes tokens, tokens a tree of lists and texts.
"""

import re
from dataclasses import dataclass

LONGEST = 2000  # characters of an answer
_LONGEST_NUMBER = 100  # digits of a number
_UNICODE = {
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "⁄": "/", "∕": "/", "²": "^2", "³": "^3",
    "≤": "<=", "≥": ">=", "\u00a0": " ", "\u2009": " ", "½": r"\frac{1}{2}", "ℝ": r"\mathbb{R} ",
    "∞": r"\infty ", "√": r"\sqrt ", "∪": r"\cup ", "∩": r"\cap ", "∅": r"\emptyset ", "∈": r"\in ",
    "±": r"\pm ", "∖": r"\setminus ", "π": r"\pi ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ",
    "θ": r"\theta ", "λ": r"\lambda ", "φ": r"\phi ", "ω": r"\omega ",
}  # fmt: skip
_SPACES = {r"\,", r"\;", r"\:", r"\!", r"\ ", "~", r"\quad", r"\qquad"}
_DECORATION = {
    r"\left", r"\right", r"\displaystyle", r"\textstyle", r"\limits", r"\big", r"\Big", r"\bigg", r"\Bigg", r"\bigl",
    r"\bigr", r"\Bigl", r"\Bigr", r"\mleft", r"\mright", r"\middle",
}  # fmt: skip
_SAME = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\dbinom": r"\binom", r"\tbinom": r"\binom",
    r"\cdot": "*", r"\times": "*", r"\ast": "*", r"\div": "/", "**": "^", r"\le": "<=", r"\leq": "<=",
    r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=", r"\lt": "<", r"\gt": ">", r"\lbrace": r"\{",
    r"\rbrace": r"\}", r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\mid": "|", r"\varnothing": r"\emptyset",
    r"\backslash": r"\setminus", r"\varphi": r"\phi", r"\varepsilon": r"\epsilon", r"\lbrack": "[", r"\rbrack": "]",
}  # fmt: skip
_WRAPPED = re.compile(
    r"\\(?:operatorname|mathrm|mathit|mathbf|mathsf|text|textrm|textbf|rm)\*?\s*\{([A-Za-z ]{0,40})\}"
)
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,\\!|\\,)(?=\d{3}(?!\d))")  # as LaTeX writes 1{,}000
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3}(?![\d.]))?)
      | (?P<command>\\[A-Za-z]+|\\.)
      | (?P<name>[A-Za-z]+)
      | (?P<sign>\*\*|<=|>=|[-+*/^()\[\]{},;|=<>!&_~])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Unreadable(ValueError):
    """A text that is no answer of the form that was asked for; the message says why."""


@dataclass(frozen=True)
class Token:
    """`kind` is number, name, command or sign (a command that means a sign counts as one)."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """Return the tokens of `text`. Raises Unreadable for a character or a length that no answer has."""
    if len(text) > LONGEST:
        raise Unreadable(f"longer than {LONGEST} characters")
    for character, plain in _UNICODE.items():
        text = text.replace(character, plain)
    text = _THOUSANDS.sub("", text)
    text = _WRAPPED.sub(lambda found: f" {found[1]} ", text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable(f"the character {text[at]!r} has no place in it")
        at = match.end()
        kind, word = str(match.lastgroup), match[0]
        if kind == "space" or word in _SPACES or word in _DECORATION:
            continue
        word = _SAME.get(word, word)
        if kind == "number" and len(word) > _LONGEST_NUMBER:
            raise Unreadable(f"a number of more than {_LONGEST_NUMBER} digits")
        found.append(Token("sign" if not word.startswith("\\") and kind == "command" else kind, word))
    return found


def undressed(text: str) -> str:
    r"""Return `text` without white space, dollar signs, \( \), \[ \] around it, and a full stop at its end."""
    text = text.strip()
    while True:
        before = text
        text = text.strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1].rstrip()
        for opening, closing in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
            inner = text[len(opening) : -len(closing)]
            if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening + closing):
                if opening in inner or closing in inner or inner.endswith("\\"):
                    continue
                text = inner
                break
        if text == before:
            return text
