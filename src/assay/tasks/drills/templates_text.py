"""Templates about strings and parsing."""

import random
from collections.abc import Mapping
from typing import Any

from assay.tasks.drills.template import Template


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("abdeiklmnorst") for _ in range(rng.randint(1, 4)))


def _entry(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    return (f"{_word(rng)}{consts['Q']}{rng.randint(0, 40)}",)


def _numbers(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    return (consts["Q"].join(str(rng.randint(0, 30)) for _ in range(rng.randint(1, 4))),)


def _parts(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    return (consts["Q"].join(_word(rng) for _ in range(rng.randint(1, 4))),)


def _digits(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    return ("".join(rng.choice("0123456789ab" + consts.get("Q", "x")) for _ in range(rng.randint(1, 5))),)


def _marked(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    marks = [consts[hole] for hole in "QR" if hole in consts]
    return ("".join(rng.choice([*marks, _word(rng)]) for _ in range(rng.randint(1, 4))),)


def _mirrored(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    half = _word(rng)
    back = half[::-1] if rng.random() < 0.7 else _word(rng)
    return (rng.choice([half, half.capitalize(), half.upper()]) + back,)


def _ended(rng: random.Random, consts: Mapping[str, Any]) -> tuple[str]:
    end = rng.choice([consts["Q"], _word(rng)])
    word = rng.choice([consts["Q"] + _word(rng), _word(rng)])
    return (word + rng.choice([end, end.upper()]),)


TEMPLATES = (
    Template("shout", "strings", "str", "Q:letter", '''
def F(A):
    """Return Q, then A in upper case."""
    return Q + A.upper()
'''),
    Template("tidy", "strings", "str", "Q:tail", '''
def F(A):
    """Return A without outer spaces, in lower case, then Q."""
    V = A.strip().lower()
    return V + Q
'''),
    Template("has_start", "strings", "str", "Q:start K:2-5", '''
def F(A):
    """Tell whether A starts with Q and is longer than K."""
    return A.startswith(Q) and len(A) > K
'''),
    Template("has_end", "strings", "str", "Q:letter", '''
def F(A):
    """Tell whether A ends with Q, case aside."""
    return A.lower().endswith(Q)
''', _ended),
    Template("shorten", "strings", "str", "K:2-6 Q:tail", '''
def F(A):
    """Return A, or its first K letters and Q if longer."""
    if len(A) > K:
        return A[:K] + Q
    return A
'''),
    Template("pad_left", "strings", "str", "K:3-8 Q:mark", '''
def F(A):
    """Put Q before A until it has K letters."""
    while len(A) < K:
        A = Q + A
    return A
'''),
    Template("count_two", "strings", "str", "Q:letter R:letter", '''
def F(A):
    """Count the letters of A that are Q or R."""
    V = 0
    for I in A:
        if I == Q or I == R:
            V += 1
    return V
'''),
    Template("initials", "strings", "phrase", "Q:tail", '''
def F(A):
    """Return the first letter of each word of A, then Q."""
    V = ""
    for I in A.split():
        V += I[0]
    return V + Q
'''),
    Template("same_back", "strings", "str", "", '''
def F(A):
    """Tell whether A reads the same backward, case aside."""
    V = A.lower()
    return V == V[::-1]
''', _mirrored),
    Template("swap_letters", "strings", "str", "Q:letter R:letter", '''
def F(A):
    """Return A with every Q turned into R."""
    return A.replace(Q, R)
''', _marked),
    Template("count_words", "strings", "phrase", "K:2-5", '''
def F(A):
    """Count the words of A with at least K letters."""
    V = 0
    for I in A.split():
        if len(I) >= K:
            V += 1
    return V
'''),
    Template("without", "strings", "str", "Q:letter", '''
def F(A):
    """Return A without the letter Q."""
    V = ""
    for I in A:
        if I != Q:
            V += I
    return V
''', _marked),
    Template("mirror", "strings", "str", "Q:mark", '''
def F(A):
    """Return A, then Q, then A backward."""
    return A + Q + A[::-1]
'''),
    Template("wrap", "strings", "str", "Q:mark R:tail", '''
def F(A):
    """Return A with Q before it and R after it."""
    return Q + A + R
'''),
    Template("last_word", "strings", "phrase", "Q:tail", '''
def F(A):
    """Return the last word of A, then Q."""
    V = A.split()
    return V[-1] + Q
'''),
    Template("read_pair", "parsing", "str", "Q:mark K:2-12", '''
def F(A):
    """Read A as word Q number; return the number times K."""
    V = A.split(Q)
    return int(V[1]) * K
''', _entry),
    Template("sum_parts", "parsing", "str", "Q:mark K:2-12", '''
def F(A):
    """Add up the numbers in A, parted by Q, plus K."""
    V = K
    for I in A.split(Q):
        V += int(I)
    return V
''', _numbers),
    Template("big_parts", "parsing", "str", "Q:mark K:5-20", '''
def F(A):
    """List the numbers in A, parted by Q, that are over K."""
    V = [int(I) for I in A.split(Q)]
    return [I for I in V if I > K]
''', _numbers),
    Template("read_digits", "parsing", "str", "K:2-9", '''
def F(A):
    """Add up the digits in A, plus K; skip other letters."""
    V = K
    for I in A:
        if I.isdigit():
            V += int(I)
    return V
''', _digits),
    Template("join_long", "strings", "words", "K:2-5 Q:mark", '''
def F(A):
    """Join the A longer than K with Q."""
    V = [I for I in A if len(I) > K]
    return Q.join(V)
'''),
    # Held out.
    Template("after_last", "parsing", "str", "Q:mark", '''
def F(A):
    """Return what stands after the last Q of A, in lower case."""
    V = A.split(Q)
    return V[-1].lower()
''', _parts, held_out=True),
    Template("longest", "strings", "words", "Q:label", '''
def F(A):
    """Return the longest of A, the first of equals; Q if none is longer than it."""
    V = Q
    for I in A:
        if len(I) > len(V):
            V = I
    return V
''', held_out=True),
    Template("letters_before", "strings", "str", "Q:letter", '''
def F(A):
    """Count the letters of A before the first Q."""
    V = 0
    for I in A:
        if I == Q:
            break
        V += 1
    return V
''', _marked, held_out=True),
    Template("name_tag", "strings", "str", "K:2-5 Q:mark", '''
def F(A):
    """Return the first K letters of A in upper case, then Q."""
    V = A[:K]
    return V.upper() + Q
''', held_out=True),
    Template("count_parts", "parsing", "str", "Q:mark K:2-9", '''
def F(A):
    """Count the parts of A, parted by Q, plus K."""
    V = A.split(Q)
    return len(V) + K
''', _parts, held_out=True),
)
