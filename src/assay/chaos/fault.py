"""What a fault is: a name, what it says of the driver's end and of attempts, and how it is armed in a drive."""

import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from assay.chaos.drive import Drive

MACHINERY = frozenset({"machinery"})
NONE: frozenset[str] = frozenset()


class Fault(ABC):
    """One kind of fault. A subclass in a module of `assay.chaos.faults` is found by its `name`.

    `ends`: the driver ends by it, so that nothing can be injected after it in the same drive.
    `exits`: the exit statuses that the driver may then have; -9 is SIGKILL. 0 is always allowed: the run may have been
    through before the fault came.
    `may`: the statuses that an attempt may have where the undisturbed run has another one. It and `exits` are read
    after the fault was armed, which may narrow them.
    `long`: it takes minutes; `cluster`: it is of a Ray cluster. Neither is drawn at random.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    ends: ClassVar[bool] = False
    long: ClassVar[bool] = False
    cluster: ClassVar[bool] = False
    exits: frozenset[int] = frozenset({0})
    may: frozenset[str] = NONE

    def lacking(self) -> str:
        """Say what this machine or user lacks for it, "" where nothing."""
        return ""

    @abstractmethod
    def arm(self, drive: "Drive", draw: random.Random) -> None:
        """Prepare the drive, which has not begun, so that the fault happens in it. What it draws, it notes."""
