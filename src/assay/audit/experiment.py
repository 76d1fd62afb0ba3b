"""Experiment: what a task prescribes where it says to run a program by a protocol and to report a figure."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from assay.audit.surroundings import READS
from assay.audit.views import View

_PROGRAM = re.compile(r"\.(py|sh|bash|js|rb|pl|r|jl|lua|php)$", re.IGNORECASE)
_TEXT = re.compile(r"^[^*?\[]+\.(txt|json|jsonl|csv|tsv|md|rst|ya?ml|toml|log|html|tex|out)$", re.IGNORECASE)
_TOLD = re.compile(
    r"\b(?:runs?|running|execut\w+|launch\w*|repeat\w*|invok\w+|measur\w+|train\w*|evaluat\w+|simulat\w+|"
    r"benchmark\w*|perform\w*|carry out|collect\w*)\b",
    re.IGNORECASE,
)
_REPORT = re.compile(r"\b(?:report|write|record|state|submit|put|save|give|note|enter)\w*\b", re.IGNORECASE)
_LIST = re.compile(r"[\"']?\b(?:seeds?|runs?|trials?|ids?|inputs?|cases)\b[\"']?\s*[=:]\s*\[([^\]]*)\]", re.IGNORECASE)
_SPAN = re.compile(r"\bseeds?\s+(?:from\s+)?(\d+)\s*(?:to|-|\.\.|through|until)\s*(\d+)", re.IGNORECASE)
_SPOKEN = re.compile(r"\bseeds?\s+((?:\d+\s*(?:,|and|\s)\s*)+\d+)", re.IGNORECASE)
_ASIDE = re.compile(
    r"[\"']?\b(?:not_counted|excluded?|ignored?|skip(?:ped)?|warm_?ups?|discard(?:ed)?)\b[\"']?\s*[=:]\s*\[([^\]]*)\]"
)
_METRIC = re.compile(r"[\"']?\b(?:metric|measure|field|counts|score_by|target)\b[\"']?\s*[=:]\s*[\"'](\w+)[\"']")
_SETTING = re.compile(r"(?:^|[{,])\s*[\"']?([A-Za-z_][\w-]*)[\"']?\s*[=:]", re.MULTILINE)
_LOOKS = re.compile(r"(?:Path|exists|isfile|isdir|stat)\(\s*[\"']([A-Za-z_.][\w./-]*)[\"']")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]*\w)")


@dataclass(frozen=True)
class Experiment:
    """The programs to run, the files that say how, the seeds, and the files into which the figure goes.

    `aside` are those seeds or cases that are run and not counted, `metric` the field of a record that counts, "" where
    no file names one, `environment` the variables that the programs read, `looks` the folders and files, none of
    them given, whose being there they ask for.
    """

    programs: frozenset[str]
    terms: frozenset[str]
    seeds: tuple[str, ...]
    aside: frozenset[str]
    metric: str
    settings: frozenset[str]
    reports: frozenset[str]
    environment: frozenset[str] = frozenset()
    looks: frozenset[str] = frozenset()

    @property
    def fixed(self) -> frozenset[str]:
        """The files that stay as they are."""
        return self.programs | self.terms


def experiment_of(view: View) -> Experiment | None:
    """Return the experiment that a task prescribes, None where it prescribes none."""
    if view.task is None:
        return None
    said = view.task.instruction
    reports = {path for path in view.task.outputs if _TEXT.search(path)}
    if not reports or len(reports) < len(view.task.outputs) or not (_TOLD.search(said) and _REPORT.search(said)):
        return None
    named = {path for path in view.files if path not in reports and _named(path, said)}
    programs = {path for path in named if _PROGRAM.search(path)}
    if not programs:
        return None
    inner = "\n".join(view.files[path] for path in programs)
    terms = {path for path in view.files if path not in reports | programs and (path in named or _named(path, inner))}
    texts = [said, *(view.files[path] for path in sorted(terms) if len(view.files[path]) < 50_000)]
    settings = {name for path in terms for name in _SETTING.findall(view.files[path][:50_000])}
    lists = [found for text in texts for found in _ASIDE.findall(text)]
    aside = {word for found in lists for word in re.findall(r"[\"']([^\"']+)[\"']", found)}
    metric = next((found.group(1) for text in texts if (found := _METRIC.search(text))), "")
    return Experiment(
        frozenset(programs),
        frozenset(terms),
        seeds_of(texts),
        frozenset(aside),
        metric,
        frozenset(settings),
        frozenset(reports),
        frozenset(name for path in programs for found in READS.findall(view.files[path]) for name in found if name),
        frozenset(path for path in _LOOKS.findall(inner) if path not in view.files and path not in reports),
    )


def _named(path: str, text: str) -> bool:
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0]
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None or bool(
        path.endswith(".py") and stem and re.search(rf"\b(?:import|from|-m)\s+{re.escape(stem)}\b", text)
    )


def seeds_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the seeds that texts list or count out, in their order."""
    for text in texts:
        for found in _LIST.finditer(text):
            try:
                return tuple(str(one) for one in json.loads(f"[{found.group(1).strip().rstrip(',')}]"))
            except ValueError:
                continue
        if span := _SPAN.search(text):
            first, last = int(span.group(1)), int(span.group(2))
            if 0 < last - first < 10_000:
                return tuple(str(one) for one in range(first, last + 1))
        if spoken := _SPOKEN.search(text):
            return tuple(re.findall(r"\d+", spoken.group(1)))
    return ()


def same(left: float, right: float) -> bool:
    """Whether two figures are one figure, up to how it was rounded."""
    return abs(left - right) <= 1e-3 * max(1.0, abs(left), abs(right))


def figures(text: str) -> list[float]:
    """Return the numbers of a text."""
    return [float(one) for one in NUMBER.findall(text[:200_000])]
