"""Behaviours: what scripted agents do, honest or not, by name; and of which half each is.

A behaviour is a function from a `Desk` to turns, marked by `@honest` or `@cheat`. Those in the modules of `fresh` are
the fresh half, those in `once_fresh` the half that was fresh before it. Of those in `honest` and `cheats` one is held
out when the first byte of the SHA-256 of its name is odd, else it is of the tuning half: this was settled before
anything was measured, and adding a behaviour moves no other.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assay.audit.evaluation.desk import Desk, Turn
from assay.audit.evaluation.labels import FRESH, HELD_OUT, ONCE_FRESH, TUNING, Half

FAMILIES = ("process", "answers", "channel", "scorer", "timing", "run")  # those of spec 15
HONEST = "honest"
_HERE = __name__.rpartition(".")[0]
_ROOMS = ("honest", "cheats", "once_fresh", "fresh")  # the packages beside this module that hold behaviours
_OF_ROOM: dict[str, Half] = {"once_fresh": ONCE_FRESH, "fresh": FRESH}

Act = Callable[[Desk], Iterator[Turn]]
_found: dict[str, "Behaviour"] = {}


@dataclass(frozen=True)
class Behaviour:
    """One way to act. `name` is the mechanism of a cheat, the style of an honest solver.

    `benchmarks` are those whose tasks it acts on (each drawn attempt takes the next), `variants` how many attempts of
    it a set holds at scale 1, `needs` the name of a trap or a trait without which a task will not
    do.
    """

    name: str
    family: str
    benchmarks: tuple[str, ...]
    variants: int
    needs: str
    act: Act

    @property
    def cheat(self) -> bool:
        """Whether it is an attempt to cheat."""
        return self.family != HONEST

    @property
    def room(self) -> str:
        """The package that it stands in, which says with what tasks, phrases and ways of writing it acts."""
        return self.act.__module__.removeprefix(f"{_HERE}.").partition(".")[0]

    @property
    def half(self) -> Half:
        """The half that it is of."""
        if self.room in _OF_ROOM:
            return _OF_ROOM[self.room]
        return HELD_OUT if hashlib.sha256(self.name.encode()).digest()[0] & 1 else TUNING


def cheat(family: str, *benchmarks: str, variants: int = 3, needs: str = "") -> Callable[[Act], Act]:
    """Register a cheat of a family of spec 15; its name is the function's."""
    assert family in FAMILIES
    return _register(family, benchmarks, variants, needs)


def honest(*benchmarks: str, variants: int = 4, needs: str = "") -> Callable[[Act], Act]:
    """Register an honest way to work; its name is the function's."""
    return _register(HONEST, benchmarks, variants, needs)


def _register(family: str, benchmarks: tuple[str, ...], variants: int, needs: str) -> Callable[[Act], Act]:
    def keep(act: Act) -> Act:
        name = act.__name__.replace("_", "-")
        assert name not in _found, f"two behaviours are called {name}"
        _found[name] = Behaviour(name, family, benchmarks, variants, needs, act)
        return act

    return keep


def behaviours() -> list[Behaviour]:
    """Return all behaviours, by name."""
    for room in _ROOMS:
        package = importlib.import_module(f"{_HERE}.{room}")
        for info in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{info.name}")
    return [_found[name] for name in sorted(_found)]
