"""Inputs for drills: values of each kind, half of them near the constants so that boundaries are met."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from assay.tasks.drills.names import WORDS
from assay.tasks.drills.template import Template


def draw_inputs(template: Template, consts: Mapping[str, Any], rng: random.Random) -> tuple[Any, ...]:
    """Draw one tuple of arguments for `template` with these constants."""
    if template.inputs is not None:
        return template.inputs(rng, consts)
    numbers = [value for value in consts.values() if isinstance(value, int)]
    strings = [value for value in consts.values() if isinstance(value, str)]
    arguments: list[Any] = []
    for kind in template.kinds:
        value = _KINDS[kind](rng, numbers, strings)
        before = arguments[-1] if arguments else None
        # Two arguments that are equal or one apart, and a key that is there, are cases worth having.
        if type(value) is int and type(before) is int and kind == "int" and rng.random() < 0.3:
            value = before + rng.choice([-1, 0, 1])
        elif type(value) is int and isinstance(before, list) and before and rng.random() < 0.7:
            value = rng.choice(before)
        elif isinstance(value, str) and isinstance(before, dict) and before and rng.random() < 0.6:
            value = rng.choice(list(before))
        arguments.append(value)
    return tuple(arguments)


def _int(rng: random.Random, numbers: list[int], strings: list[str]) -> int:
    if numbers and rng.random() < 0.5:
        return rng.choice(numbers) + rng.choice([-1, 0, 0, 1])
    return rng.randint(-4, 30)


def _nat(rng: random.Random, numbers: list[int], strings: list[str]) -> int:
    if numbers and rng.random() < 0.4:
        number = rng.choice(numbers)
        return max(0, number * rng.choice([1, 1, 2, 3]) + rng.choice([-1, 0, 0, 1]))
    return rng.randint(0, 40)


def _pos(rng: random.Random, numbers: list[int], strings: list[str]) -> int:
    return max(1, _nat(rng, numbers, strings))


def _small(rng: random.Random, numbers: list[int], strings: list[str]) -> int:
    return rng.randint(0, 9)


def _bool(rng: random.Random, numbers: list[int], strings: list[str]) -> bool:
    return rng.random() < 0.5


def _cell(rng: random.Random, numbers: list[int]) -> int:
    if numbers and rng.random() < 0.5:
        return max(0, rng.choice(numbers) * rng.choice([1, 1, 1, 2]) + rng.choice([-1, 0, 0, 1]))
    return rng.randint(0, 20)


def _ints1(rng: random.Random, numbers: list[int], strings: list[str]) -> list[int]:
    values = [_cell(rng, numbers) for _ in range(rng.choice([1, 2, 2, 3, 3, 4]))]
    if len(values) > 1 and rng.random() < 0.25:
        values[rng.randrange(len(values))] = rng.choice(values)
    return values


def _ints(rng: random.Random, numbers: list[int], strings: list[str]) -> list[int]:
    return [] if rng.random() < 0.1 else _ints1(rng, numbers, strings)


def _word(rng: random.Random, strings: list[str]) -> str:
    word = rng.choice(WORDS)
    if strings and rng.random() < 0.5:
        extra = rng.choice(strings)
        place = rng.choice([0, len(word), rng.randint(0, len(word))])
        word = word[:place] + extra + word[place:]
    return word[: rng.randint(1, 6)] if rng.random() < 0.4 else word


def _str(rng: random.Random, numbers: list[int], strings: list[str]) -> str:
    word = _word(rng, strings)
    change = rng.random()
    if change < 0.15:
        return word.capitalize()
    if change < 0.2:
        return word.upper()
    if change < 0.35:
        return rng.choice([" " + word, word + " ", f" {word} "])
    if change < 0.4:
        return ""
    return word


def _phrase(rng: random.Random, numbers: list[int], strings: list[str]) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 4)))


def _words(rng: random.Random, numbers: list[int], strings: list[str]) -> list[str]:
    words = [_word(rng, []) for _ in range(rng.randint(1, 3))]
    return [*words, rng.choice(words)] if rng.random() < 0.4 else words


def _table(rng: random.Random, numbers: list[int], strings: list[str]) -> dict[str, int]:
    return {rng.choice(WORDS): _cell(rng, numbers) for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))}


def _rows(rng: random.Random, numbers: list[int], height: int, width: int) -> list[list[int]]:
    return [[_cell(rng, numbers) for _ in range(width)] for _ in range(height)]


def _grid(rng: random.Random, numbers: list[int], strings: list[str]) -> list[list[int]]:
    return _rows(rng, numbers, rng.randint(1, 3), rng.randint(1, 3))


def _square(rng: random.Random, numbers: list[int], strings: list[str]) -> list[list[int]]:
    side = rng.randint(1, 3)
    return _rows(rng, numbers, side, side)


_KINDS: dict[str, Callable[[random.Random, list[int], list[str]], Any]] = {
    "int": _int,
    "nat": _nat,
    "pos": _pos,
    "small": _small,
    "bool": _bool,
    "ints": _ints,
    "ints1": _ints1,
    "str": _str,
    "phrase": _phrase,
    "words": _words,
    "table": _table,
    "grid": _grid,
    "square": _square,
}
