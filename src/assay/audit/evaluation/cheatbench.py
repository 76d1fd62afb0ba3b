"""CheatBench: labelled traces of real agents from a parquet file that the user has.

Format: https://huggingface.co/datasets/steinad/CheatBench, one row a trace with `trace_id`, `benchmark`, `label`
(benign or cheating), `cheating_type` (none, harness, task) and `trace`, a JSON text whose shape varies with the
benchmark it came from: events, messages or steps. Columns are found by name, others are not looked at. Nothing is
downloaded.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.audit.evaluation.cases import Labelled
from assay.audit.evaluation.labels import Label
from assay.audit.evaluation.transcripts import NoTranscript, trajectory_of
from assay.audit.findings import Case
from assay.errors import UserError

_NEEDED = ("trace_id", "benchmark", "label", "trace")
_OPTIONAL = ("cheating_type", "model", "harness")
_LABELS = {"cheating": True, "benign": False}
_ROWS = 8  # at once: a trace may have 20 MB


@dataclass
class CheatBench:
    """The traces of a file, read one after another. `notes` says afterwards what could not be read, and why."""

    path: Path
    notes: list[str] = field(default_factory=list)

    @property
    def cases(self) -> Iterator[Labelled]:
        """Yield the traces that can be read; the others are counted in `notes` by their reason."""
        skipped: dict[str, list[str]] = {}
        for number, row in enumerate(_rows(self.path), 1):
            name = str(row.get("trace_id") or f"row {number}")
            try:
                yield _labelled(name, row)
            except NoTranscript as problem:
                skipped.setdefault(str(problem), []).append(name)
        for why, names in sorted(skipped.items()):
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            self.notes.append(f"{len(names)} of the rows left out: {why} ({shown})")


def read_cheatbench(path: Path) -> CheatBench:
    """Return the traces of a CheatBench parquet file. Raises UserError where it is none."""
    schema = _opened(path).schema_arrow.names
    missing = [name for name in _NEEDED if name not in schema]
    if missing:
        raise UserError(
            f"{path} is no CheatBench file: it has no column {missing[0]!r} (it has {', '.join(schema[:12])}); "
            f"rename its columns to {', '.join(_NEEDED)}"
        )
    return CheatBench(path)


def _opened(path: Path) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UserError(
            f"{path} is a parquet file: run `pip install assay[swe]`, which has pyarrow, to read it"
        ) from error
    try:
        return ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise UserError(f"{path} cannot be read as parquet ({error}): name a parquet file") from error


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    file = _opened(path)
    columns = [name for name in (*_NEEDED, *_OPTIONAL) if name in file.schema_arrow.names]
    for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
        yield from batch.to_pylist()


def _labelled(name: str, row: Mapping[str, Any]) -> Labelled:
    label = row["label"]
    if label not in _LABELS:
        raise NoTranscript(f"the label is {label!r}, neither benign nor cheating")
    try:
        trace = json.loads(row["trace"])
    except (TypeError, ValueError) as error:
        raise NoTranscript("the trace is not JSON") from error
    benchmark = str(row["benchmark"] or "")
    trajectory = trajectory_of(trace, name, str(row.get("harness") or ""), str(row.get("model") or ""))
    kind = str(row.get("cheating_type") or "")
    return Labelled(
        Case(attempt=name, task_id=name, trajectory=trajectory, patch=trajectory.diff, arm=trajectory.model),
        Label(attempt=name, cheat=_LABELS[label], family=kind, mechanism=kind, benchmark=benchmark),
    )
