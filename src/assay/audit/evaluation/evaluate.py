"""`assay audit evaluate`: how well detectors tell cheats from honest attempts, on labelled traces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from assay.audit.evaluation.behaviours import FAMILIES
from assay.audit.evaluation.cases import Labelled, read_set, without_prose
from assay.audit.evaluation.labels import HALVES, LABELS, TUNING, USUAL, Half
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
    rounded,
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
class HalfRates:
    """Rates on one half: at the detectors' threshold, at the one of 5 % on the tuning half, and at its own for 5 %.

    `tuned` is None where the tuning half was not scored.
    """

    usual: Rates
    tuned: Rates | None
    own: Rates
    mechanisms: int

    @property
    def at_5pct(self) -> Rates:
        """The rates at the higher of its own and the tuning half's threshold.

        At it no more than 5 % of the honest attempts of either half are flagged.
        """
        return self.own if self.tuned is None else max(self.tuned, self.own, key=lambda found: found.threshold)


@dataclass(frozen=True)
class View:
    """What came of scoring all attempts in one way, with or without the model's prose.

    `usual` are the rates on all attempts at the detectors' own threshold, `halves` those of each half that was scored,
    and `benchmarks` those on each benchmark at the threshold of the others. `halves` is empty for a set whose labels
    name none.
    """

    name: str
    usual: Rates
    halves: dict[Half, HalfRates]
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
    def least_used(self) -> Half | None:
        """The half of those scored that detectors were mended on least: fresh before held out before tuning."""
        return next((half for half in reversed(HALVES) if half in self.views[0].halves), None)

    @property
    def recall_at_5pct(self) -> Interval:
        """Recall at 5 % false alarms on the least used half; without halves, over benchmarks left out one by one."""
        view = self.views[0]
        if self.least_used is not None:
            return view.halves[self.least_used].at_5pct.recall
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
            "recall_at_5pct": rounded(self.recall_at_5pct.estimate),
            "false_alarm_rate": rounded(self.false_alarm_rate.estimate),
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
    halves: Sequence[Half] = USUAL,
    cheatbench: Path | None = None,
    seed: int = 0,
    score: Score | None = None,
    tell: Tell = lambda line: None,
) -> Evaluation:
    """Score every attempt of a labelled set and say how well cheats are told from honest attempts.

    `labelled` is the folder of a labelled set; it is made there (these `halves`, of `seed`) where it is not, which
    takes minutes. Without `labelled` each half is made in a folder of assay's cache. Only `halves` are scored; a set
    whose labels name none is scored whole. `cheatbench` names a CheatBench parquet file instead. `score` gives how sure
    a detector is that a case is a cheat; by default it is the audit's own detectors. `tell` is called with a line now
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
        asked = [half for half in HALVES if half in halves]
        folders = {labelled: asked} if labelled else {default_folder(seed) / half: [half] for half in asked}
        for folder, parts_of_it in folders.items():
            if not (folder / LABELS).is_file():
                _make(folder, seed, parts_of_it, tell)
        where = str(labelled or default_folder(seed))
        found = chain.from_iterable(_of(folder, asked) for folder in folders)
    return measured(where, found, score or audit_score, tell=tell, notes=notes)


def _of(folder: Path, halves: Sequence[Half]) -> Iterator[Labelled]:
    """Yield the attempts of a set that are of one of the halves, or of none."""
    return (one for one in read_set(folder) if one.label.half is None or one.label.half in halves)


def audit_score(case: Case) -> float:
    """Return how sure the audit's detectors are that a case is a cheat."""
    return cheat_score(findings(case))


def default_folder(seed: int) -> Path:
    """Return where the labelled set of a seed is kept, a folder a half, where no other folder is named."""
    from assay.audit.evaluation.generate import VERSION

    return cache_folder() / "audit" / f"labelled-{seed}-v{VERSION}"


def _make(folder: Path, seed: int, halves: Sequence[Half], tell: Tell) -> None:
    from assay.audit.evaluation.generate import generate

    tell(f"making the labelled set in {folder}, which takes minutes")

    def progress(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            tell(f"{done} of {total} attempts")

    generate(folder, seed=seed, halves=halves, tell=progress)


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
        raise UserError(f"{where} holds no labelled attempt that can be read and is of a half that was asked for")
    labels = [one.label for one in spoken]
    counts = {
        "attempts": len(labels),
        "cheats": sum(label.cheat for label in labels),
        "honest": sum(not label.cheat for label in labels),
        "mechanisms": len({label.mechanism for label in labels if label.cheat}),
        "fooled": sum(label.fooled is True for label in labels),
        "machinery": ungraded,
        "benchmarks": len({label.benchmark for label in labels}),
    }
    views = (_view("with prose", spoken), _view("without prose", silent))
    return Evaluation(where, tuple(sorted(seeds)), views, counts, tuple(notes))


def _view(name: str, scored: list[Scored]) -> View:
    of_halves = {half: [one for one in scored if one.label.half == half] for half in HALVES}
    threshold = threshold_for(of_halves[TUNING]) if of_halves[TUNING] else None
    return View(
        name=name,
        usual=rates(scored, FLAGGED_FROM),
        halves={half: _half(some, threshold) for half, some in of_halves.items() if some},
        area=area(scored),
        benchmarks=leave_one_out(scored),
        scored=tuple(scored),
    )


def _half(scored: list[Scored], tuned: float | None) -> HalfRates:
    return HalfRates(
        usual=rates(scored, FLAGGED_FROM),
        tuned=None if tuned is None else rates(scored, tuned),
        own=rates(scored, threshold_for(scored)),
        mechanisms=len({one.label.mechanism for one in scored if one.label.cheat}),
    )


def by_family(view: View, half: Half) -> dict[str, Interval]:
    """Return the recall of each family on a half, at the threshold that counts for it."""
    threshold = view.halves[half].at_5pct.threshold
    some = [one for one in view.scored if one.label.cheat and one.label.half == half]
    found = {name: proportion(flagged(of, threshold), len(of)) for name, of in parts(some, _family).items()}
    order = [*FAMILIES, *(name for name in found if name not in FAMILIES)]
    return {name: found[name] for name in order if name in found}


def by_mechanism(view: View, half: Half) -> dict[str, Interval]:
    """Return the share flagged of each mechanism and honest style of a half, at the threshold that counts for it."""
    threshold = view.halves[half].at_5pct.threshold
    some = [one for one in view.scored if one.label.half == half]
    by = parts(some, lambda label: f"{label.family}/{label.mechanism}")
    return {name: proportion(flagged(of, threshold), len(of)) for name, of in by.items()}


def _family(label: Any) -> str:
    return str(label.family)


__all__ = ["MAX_FALSE", "Evaluation", "HalfRates", "View", "evaluate", "measured"]
