"""Context: whether the examples of a training set fit the model's positions."""

from collections.abc import Iterator

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

NEEDS = ("data", "format")


def check(patient: Patient) -> Iterator[Finding]:
    """Compare the lengths of the examples with the model's context."""
    lengths = patient.dataset.lengths
    context = patient.context
    if context is None:
        return
    over = int((lengths > context).sum())
    yield Finding(
        check="context",
        status=Status.FAIL if over else Status.OK,
        value={"longest": int(lengths.max()), "context": context, "over": over},
        advice=f"{over} examples are longer than the model's context of {context} tokens: leave them out with "
        "`assay data build --longest`, or take a model of a longer context."
        if over
        else "",
    )
