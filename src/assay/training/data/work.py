"""The parts of a build, whatever process does them: scan a unit of the sources, tokenise a shard of the plan."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.corpus.fetch import disk_errors
from assay.errors import UserError
from assay.training.data.layout import WORK
from assay.training.data.recipe import LENGTH, Recipe, task_of
from assay.training.data.records import Fault
from assay.training.data.results import Results
from assay.training.data.scan import Account, checked, content_digest, group_of, place_of, scan_unit
from assay.training.data.sources import Source, SourceReader, Unit
from assay.training.data.tokenise import OpenFormat, open_format, tokenised
from assay.training.data.writer import ShardWriter

IDENTITY = "identity.json"  # in the folder of what is not finished: what decides the bytes of the build
Run = Callable[[Callable, list[tuple]], Iterator]  # calls a function with each tuple of arguments


@dataclass(frozen=True)
class Job:
    """What every process of a build is told."""

    sources: list[Source]
    recipe: Recipe
    results: Results
    model: Path
    template: Path | None
    out: Path


class Worker:
    """One process of a build: scans units and tokenises shards, with its readers and its tokenizer opened once."""

    def __init__(self, job: Job) -> None:
        """Open nothing yet: the tokenizer is loaded with the first shard."""
        self.job = job
        self._reader = SourceReader(job.sources, thinking=job.recipe.thinking)
        self._format: OpenFormat | None = None

    def scan(self, number: int, unit: Unit) -> None:
        """Scan a unit and leave what was found."""
        with disk_errors(self.job.out):
            scan_unit(self._reader, unit, self.job.recipe, self.job.results, scan_file(self.job.out, number))

    def tokenise(self, shard: int, first: int, last: int) -> int:
        """Write the shard of the plan's rows `first` to before `last`; return its tokens."""
        if self._format is None:
            self._format = open_format(self.job.model, self.job.template)
        recipe, account = self.job.recipe, Account()
        plan = np.load(plan_file(self.job.out), mmap_mode="r")[first:last]
        with ShardWriter(self.job.out, shard, list(recipe.splits)) as writer:
            for row in plan:
                self._add(row, writer, account)
            writer.close(json.loads(account.to_json()))
            return writer.tokens

    def _add(self, row: np.void, writer: ShardWriter, account: Account) -> None:
        assert self._format is not None
        recipe, source, place = self.job.recipe, int(row["source"]), place_of(row)
        where = self._reader.where(source, place)
        record = checked(self._reader.read(source, place), where, self.job.results)
        if content_digest(record.conversation) != row["content"].tobytes():
            raise UserError(f"{where} was changed while it was read: run the same command again")
        try:
            found = tokenised(record, self._format, recipe, where)
        except Fault as error:
            account.fault(error)
            account.by_source.setdefault(source, [0, 0])[1] += 1
            return
        if found is None:
            account.dropped[LENGTH] += 1
            return
        meta = {
            "task_id": task_of(record),
            "split": recipe.split_of(group_of(record, recipe)),
            "source": self.job.sources[source].name,
            "at": where,
            "kind": record.kind,
            "attempt": record.attempt,
            "value": record.value,
            "exit": record.exit,
            "flags": list(record.flags),
            "sampled_turns": found.sampled,
            "written_turns": found.written,
            "cut": found.cut,
        }
        writer.add(found.ids, found.in_loss, meta)


def scan_file(out: Path, number: int) -> Path:
    """Return the name, without its ending, of what a unit's scan left."""
    return out / WORK / f"scan-{number:05d}"


def plan_file(out: Path) -> Path:
    """Return where the rows lie that are to be tokenised."""
    return out / WORK / "plan.npy"
