"""Cases of a labelled set: what the detectors see of each attempt, with or without the model's prose."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.audit.cases import open_source
from assay.audit.evaluation.generate import LEDGER
from assay.audit.evaluation.labels import Label, read_labels
from assay.audit.findings import Case
from assay.errors import UserError
from assay.nouns import Step


@dataclass(frozen=True)
class Labelled:
    """A case, what is known of it, and the seed that its plan had, where there was one."""

    case: Case
    label: Label
    seed: int | None = None


def read_set(folder: Path) -> Iterator[Labelled]:
    """Yield the labelled attempts of a folder with a ledger and labels.jsonl, as `assay audit` sees them.

    Raises UserError where one of the two is missing, or where an attempt is labelled that the ledger does not hold.
    """
    labels = {label.attempt: label for label in read_labels(folder)}
    if not (folder / LEDGER).is_file():
        raise UserError(f"{folder} holds labels and no {LEDGER}: name the folder of a whole labelled set")
    source = open_source(folder / LEDGER)
    for first, last in source.ranges():
        for record in source.records(first, last):
            label = labels.pop(record.name, None)
            if label is not None:
                yield Labelled(record.case(), label, record.plan.seed)
    if labels:
        raise UserError(
            f"{folder}: the attempt {min(labels)} is labelled and not in the ledger, or cannot be read there"
        )


def without_prose(case: Case) -> Case:
    """Return the case with what the model said taken out: of each reply only its command is left, in its block."""
    if case.trajectory is None:
        return case
    steps = tuple(_bare(step) for step in case.trajectory.steps)
    return case.model_copy(update={"trajectory": case.trajectory.model_copy(update={"steps": steps})})


def _bare(step: Step) -> Step:
    text = f"```bash\n{step.command}\n```" if step.command is not None else ""
    bare = {"text": text, "reasoning": "", "token_ids": None, "logprobs": None}
    return step.model_copy(update={"reply": step.reply.model_copy(update=bare)})
