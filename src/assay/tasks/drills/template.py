"""Template: one function with holes for names and constants, and the inputs it takes.

The holes are single capital letters that stand alone in `code`:
F the function; A B C D its parameters; V W X totals and results; I J items of a loop; P S places (indices);
N a key; K L M whole numbers; Q R strings.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.tasks.drills.names import STRINGS, fresh_name, function_name

Inputs = Callable[[random.Random, Mapping[str, Any]], tuple[Any, ...]]

HOLE = re.compile(r"@([KLM])([+\-?])@|\b([A-Z])\b")
_LOCAL_POOLS = {
    **dict.fromkeys("VWX", "total"),
    **dict.fromkeys("IJ", "item"),
    **dict.fromkeys("PS", "spot"),
    "N": "key",
}
_KIND_POOLS = {
    "str": "text",
    "phrase": "text",
    "ints": "many",
    "ints1": "many",
    "nats": "many",
    "nats1": "many",
    "words": "many",
    "words1": "many",
    "table": "table",
    "table1": "table",
    "grid": "table",
    "square": "table",
}


@dataclass(frozen=True)
class Template:
    """One entry. `args` is the kinds of A, B, C, D in order, `consts` as "K:2-9 Q:mark" or "K<L:2-30".

    `inputs` replaces the generator that `args` gives, where only certain inputs make sense.
    `held_out` templates are never trained on.
    """

    name: str
    family: str
    args: str
    consts: str
    code: str
    inputs: Inputs | None = None
    held_out: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The template's own lines, without blank ones."""
        return tuple(line for line in self.code.splitlines() if line.strip())

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind of each parameter."""
        return tuple(self.args.split())


@dataclass(frozen=True)
class Filling:
    """What a draw put into the holes. `others` holds a second value for each number, for wrong constants."""

    names: Mapping[str, str]
    consts: Mapping[str, Any]
    others: Mapping[str, int] = field(default_factory=dict)

    def apply(self, text: str) -> str:
        """Return `text` with every hole filled."""
        return HOLE.sub(self._hole, text)

    def _hole(self, match: re.Match[str]) -> str:
        const, change, plain = match.groups()
        if const is not None:
            value = self.consts[const]
            return str({"+": value + 1, "-": value - 1, "?": self.others[const]}[change])
        if plain in self.names:
            return self.names[plain]
        return repr(self.consts[plain])


def fill(template: Template, rng: random.Random) -> Filling:
    """Draw names and constants for `template`."""
    taken: set[str] = set()
    names = {"F": function_name(rng)}
    taken.add(names["F"])
    present = set(re.findall(r"\b([A-Z])\b", template.code))
    for letter, kind in zip("ABCD", template.kinds, strict=False):
        names[letter] = fresh_name(rng, _KIND_POOLS.get(kind, "number"), taken)
    for letter in sorted(present & _LOCAL_POOLS.keys()):
        names[letter] = fresh_name(rng, _LOCAL_POOLS[letter], taken)
    consts: dict[str, Any] = {}
    others: dict[str, int] = {}
    for part in template.consts.split():
        letters, _, pool = part.partition(":")
        if pool in STRINGS:
            consts[letters] = rng.choice([text for text in STRINGS[pool] if text not in consts.values()])
            continue
        low, high = map(int, pool.split("-"))
        keys = letters.split("<")
        free = [value for value in range(low, high + 1) if value not in consts.values()]
        for key, value in zip(keys, sorted(rng.sample(free, len(keys))), strict=True):
            consts[key] = value
            far = [n for n in range(2, high + 3) if abs(n - value) > 1 and n not in consts.values()]
            others[key] = rng.choice(far)
    return Filling(names, consts, others)
