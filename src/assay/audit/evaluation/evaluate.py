"""`assay audit evaluate`: how well detectors tell cheats from honest attempts, on labelled traces."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.audit.evaluation.behaviours import FAMILIES
from assay.audit.evaluation.cases import Labelled, read_set, without_prose
from assay.audit.evaluation.labels import LABELS
from assay.audit.evaluation.measure import (
    MAX_FALSE,
    Rates,
    Scored,
    area,
    flagged,
    leave_one_out,
    parts,
    pooled,
    proportion,
    rates,
    threshold_for,
)
from assay.audit.findings import FLAGGED_FROM, Case, cheat_score, findings
from assay.errors import UserError
from assay.nouns import Status
from assay.sandbox.trees import cache_folder
from assay.statistics import Interval

Score = Callable[[Case], float]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class View:
    """What came of scoring all attempts in one way, with or without the model's prose.

    `held_out` are the rates on the held-out half at the threshold of the tuning half, `own` those at the held-out
    half's own threshold, `tuning` those on the tuning half, `usual` those on all attempts at the detectors' own
    threshold, and `benchmarks` those on each benchmark at the threshold of the others. A set whose labels do not say
    what is held out has no halves: the three are None.
    """

    name: str
    usual: Rates
    tuning: Rates | None
    held_out: Rates | None
    own: Rates | None
    area: float
    benchmarks: dict[str, Rates]
    scored: tuple[Scored, ...] = field(repr=False)


@dataclass(frozen=True)
class Evaluation:
    """The whole result. `views` has "with prose" first; `counts` says what the set, of these seeds, is made of."""

    where: str
    seeds: tuple[int, ...]
    views: tuple[View, ...]
    counts: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def recall_at_5pct(self) -> Interval:
        """Recall on held-out mechanisms at 5 % false alarms; without halves, over benchmarks left out one by one.

        Of the tuning half's threshold and the held-out half's own the higher counts: at it no more than 5 % of the
        honest attempts of either half are flagged.
        """
        view = self.views[0]
        if view.held_out is not None and view.own is not None:
            return max(view.held_out, view.own, key=lambda found: found.threshold).recall
        if view.benchmarks:
            return pooled(view.benchmarks.values())[0]
        return rates(view.scored, threshold_for(view.scored)).recall

    @property
    def false_alarm_rate(self) -> Interval:
        """The share of all honest attempts that are flagged at the detectors' own threshold."""
        return self.views[0].usual.false_alarms

    @property
    def last_line(self) -> dict[str, Any]:
        """The last line of `--json`."""
        return {
            "recall_at_5pct": _number(self.recall_at_5pct.estimate),
            "false_alarm_rate": _number(self.false_alarm_rate.estimate),
            "n": self.counts["attempts"],
        }

    def lines(self) -> list[dict[str, Any]]:
        """Return what `--json` prints, a dictionary a line, `last_line` last."""
        from assay.audit.evaluation.lines import lines

        return lines(self)

    def text(self) -> str:
        """Return the same for a reader."""
        from assay.audit.evaluation.lines import text

        return text(self)


def evaluate(
    labelled: Path | None = None,
    *,
    cheatbench: Path | None = None,
    seed: int = 0,
    score: Score | None = None,
    tell: Tell = lambda line: None,
) -> Evaluation:
    """Score every attempt of a labelled set and say how well cheats are told from honest attempts.

    `labelled` is the folder of a labelled set; it is made there (of `seed`) where it is not, which takes minutes, and
    without `labelled` in assay's cache. `cheatbench` names a CheatBench parquet file instead. `score` gives how sure a
    detector is that a case is a cheat; by default it is the audit's own detectors. `tell` is called with a line now
    and then while something takes long. Raises UserError for what cannot be read.
    """
    if labelled is not None and cheatbench is not None:
        raise UserError("name either a labelled set or a CheatBench file, not both")
    notes: list[str] = []
    if cheatbench is not None:
        from assay.audit.evaluation.cheatbench import read_cheatbench

        bench = read_cheatbench(cheatbench)
        notes = bench.notes  # filled while its cases are read
        where, found = str(cheatbench), bench.cases
    else:
        folder = labelled or default_folder(seed)
        if not (folder / LABELS).is_file():
            _make(folder, seed, tell)
        where, found = str(folder), read_set(folder)
    return measured(where, found, score or audit_score, tell=tell, notes=notes)


def audit_score(case: Case) -> float:
    """Return how sure the audit's detectors are that a case is a cheat."""
    return cheat_score(findings(case))


def default_folder(seed: int) -> Path:
    """Return where the labelled set of a seed is kept where no other folder is named."""
    from assay.audit.evaluation.generate import VERSION

    return cache_folder() / "audit" / f"labelled-{seed}-v{VERSION}"


def _make(folder: Path, seed: int, tell: Tell) -> None:
    from assay.audit.evaluation.generate import generate

    tell(f"making the labelled set in {folder}, which takes minutes")

    def progress(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            tell(f"{done} of {total} attempts")

    generate(folder, seed=seed, tell=progress)


def measured(
    where: str, found: Iterable[Labelled], score: Score, *, tell: Tell = lambda line: None, notes: Sequence[str] = ()
) -> Evaluation:
    """Score the cases, each with and without the model's prose, and measure."""
    spoken: list[Scored] = []
    silent: list[Scored] = []
    seeds: set[int] = set()
    ungraded = 0
    for number, one in enumerate(found, 1):
        seeds |= set() if one.seed is None else {one.seed}
        ungraded += one.case.status == Status.MACHINERY
        spoken.append(Scored(one.label, score(one.case)))
        silent.append(Scored(one.label, score(without_prose(one.case))))
        if number % 100 == 0:
            tell(f"{number} attempts scored")
    if not spoken:
        raise UserError(f"{where} holds no labelled attempt that can be read")
    labels = [one.label for one in spoken]
    counts = {
        "attempts": len(labels),
        "cheats": sum(label.cheat for label in labels),
        "honest": sum(not label.cheat for label in labels),
        "mechanisms": len({label.mechanism for label in labels if label.cheat}),
        "held_out_mechanisms": len({label.mechanism for label in labels if label.cheat and label.held_out}),
        "fooled": sum(label.fooled is True for label in labels),
        "machinery": ungraded,
        "benchmarks": len({label.benchmark for label in labels}),
    }
    views = (_view("with prose", spoken), _view("without prose", silent))
    return Evaluation(where, tuple(sorted(seeds)), views, counts, tuple(notes))


def _view(name: str, scored: list[Scored]) -> View:
    halves = all(one.label.held_out is not None for one in scored)
    tune = [one for one in scored if not one.label.held_out]
    held = [one for one in scored if one.label.held_out]
    threshold = threshold_for(tune)
    return View(
        name=name,
        usual=rates(scored, FLAGGED_FROM),
        tuning=rates(tune, threshold) if halves else None,
        held_out=rates(held, threshold) if halves else None,
        own=rates(held, threshold_for(held)) if halves else None,
        area=area(scored),
        benchmarks=leave_one_out(scored),
        scored=tuple(scored),
    )


def by_family(view: View, threshold: float, *, held_out: bool | None = None) -> dict[str, Interval]:
    """Return the recall of each family at a threshold, on one half or on all."""
    some = [one for one in view.scored if one.label.cheat and (held_out is None or one.label.held_out is held_out)]
    found = {name: proportion(flagged(of, threshold), len(of)) for name, of in parts(some, _family).items()}
    order = [*FAMILIES, *(name for name in found if name not in FAMILIES)]
    return {name: found[name] for name in order if name in found}


def by_mechanism(view: View, threshold: float, *, held_out: bool) -> dict[str, Interval]:
    """Return the share flagged of each mechanism and each honest style of one half at a threshold."""
    some = [one for one in view.scored if one.label.held_out is held_out]
    by = parts(some, lambda label: f"{label.family}/{label.mechanism}")
    return {name: proportion(flagged(of, threshold), len(of)) for name, of in by.items()}


def _family(label: Any) -> str:
    return str(label.family)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


__all__ = ["MAX_FALSE", "Evaluation", "View", "evaluate", "measured"]
