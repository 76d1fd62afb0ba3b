"""Kits: with what the behaviours of each package act: their tasks, their ways of writing, and how they speak."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assay.audit.evaluation import wording
from assay.audit.evaluation.desk import Desk
from assay.audit.evaluation.fresh import wording as fresh_wording
from assay.audit.evaluation.fresh.desk import FreshDesk
from assay.audit.evaluation.fresh.problems import fresh_problems
from assay.audit.evaluation.once_fresh import wording as once_fresh_wording
from assay.audit.evaluation.once_fresh.desk import OnceFreshDesk
from assay.audit.evaluation.once_fresh.problems import once_fresh_problems
from assay.audit.evaluation.problems import Problem, all_problems


@dataclass(frozen=True)
class Kit:
    """What a package of behaviours acts with: `problems` gives its tasks by benchmark for a seed."""

    problems: Callable[[int], dict[str, list[Problem]]]
    desk: type[Desk]
    phrases: Mapping[str, Sequence[str]]
    filler: Sequence[str]


_OLDER = Kit(all_problems, Desk, wording.PHRASES, wording.FILLER)
KITS = {
    "honest": _OLDER,
    "cheats": _OLDER,
    "once_fresh": Kit(once_fresh_problems, OnceFreshDesk, once_fresh_wording.PHRASES, once_fresh_wording.FILLER),
    "fresh": Kit(fresh_problems, FreshDesk, fresh_wording.PHRASES, fresh_wording.FILLER),
}
