"""Doubled BOS: the token that begins a text, twice at the start of the examples of a training set."""

from collections import Counter
from collections.abc import Iterator

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

NEEDS = ("data",)
MOST = 2000
MANY = 0.5


def check(patient: Patient) -> Iterator[Finding]:
    """Count examples whose first two ids are the same one."""
    data = patient.dataset
    first: Counter[int] = Counter()
    doubled: Counter[int] = Counter()
    for place in range(0, len(data), -(-len(data) // MOST)):
        ids, _ = data.arrays(place)
        first[int(ids[0])] += 1
        if len(ids) > 1 and ids[0] == ids[1]:
            doubled[int(ids[0])] += 1
    looked = sum(first.values())
    token, count = doubled.most_common(1)[0] if doubled else (None, 0)
    value = {"examples": looked, "doubled": count, "id": token}
    if count <= MANY * looked:
        yield Finding(check="bos", status=Status.OK, value=value)
        return
    yield Finding(
        check="bos",
        status=Status.FAIL,
        value=value,
        advice=f"{count} of {looked} examples begin with id {token} twice: the tokenizer adds the token that begins a "
        "text where the template has written it already. Encode without special tokens and build the data again.",
    )
