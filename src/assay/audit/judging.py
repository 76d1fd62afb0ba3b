"""The judge on a whole run: those attempts that the detectors found something in, and what the model says of them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.audit.cases import Record, open_source
from assay.audit.findings import CHEAT_KINDS, Finding
from assay.audit.judge import Judgement, judged
from assay.audit.whole import beside
from assay.errors import UserError
from assay.models.base import Model
from assay.models.chosen import open_model

JUDGED = "audit-judge.jsonl"
_WORTH = 0.3  # attempts with a harness or task finding from here on are shown to the judge


async def judge_all(path: Path, written: Path, word: str, *, seed: int = 0) -> dict[str, Any]:
    """Judge the attempts with findings in `written`; a line each goes to audit-judge.jsonl beside it.

    Returns the counts: how many were asked about, the verdicts, the failures of the machinery, and where it is written.
    """
    found = doubtful(written)
    counts: Counter[str] = Counter()
    target = beside(written, JUDGED)
    async with open_model(word) as model:
        try:
            with target.open("w", encoding="utf-8") as stream:
                for record in records_of(path, set(found)):
                    said = await _one(record, found[record.name], model, seed)
                    counts["failed" if said.verdict is None else said.verdict] += 1
                    stream.write(said.model_dump_json() + "\n")
        except OSError as error:
            raise UserError(f"{target} cannot be written ({error.strerror or error}): free space there") from error
    return {"asked": sum(counts.values()), **dict(sorted(counts.items())), "written": str(target)}


async def _one(record: Record, found: list[Finding], model: Model, seed: int) -> Judgement:
    return await judged(record.case(), found, model, seed=seed)


def doubtful(written: Path, least: float = _WORTH) -> dict[str, list[Finding]]:
    """Return the findings by attempt of those attempts that have a harness or task finding of at least `least`."""
    found: dict[str, list[Finding]] = defaultdict(list)
    with written.open(encoding="utf-8") as lines:
        for line in lines:
            one = Finding.model_validate(json.loads(line))
            if one.attempt and one.kind in CHEAT_KINDS:
                found[one.attempt].append(one)
    return {name: each for name, each in found.items() if max(one.confidence for one in each) >= least}


def records_of(path: Path, names: set[str]) -> Iterator[Record]:
    """Yield the attempts of these names, in their order."""
    source = open_source(path)
    for first, last in source.ranges():
        for record in source.records(first, last):
            if record.name in names:
                yield record
