"""Duplicated data: examples of equal ids, and examples that teach the same words in all but the same setting."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from assay.training.data import Dataset
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

NEEDS = ("data",)
SOME, MANY = 0.01, 0.1
NEAR, COMPARED = 0.95, 4  # share of ids in common; how many of those that teach the same each is compared with


def check(patient: Patient) -> Iterator[Finding]:
    """Count examples that repeat an earlier one, exactly or nearly."""
    data = patient.dataset
    exact: dict[bytes, int] = {}
    taught: dict[bytes, list[int]] = defaultdict(list)
    copies: list[tuple[int, int]] = []
    for place, (ids, in_loss) in enumerate(data):
        whole = hashlib.sha256(np.ascontiguousarray(ids).tobytes()).digest()
        if whole in exact:
            copies.append((place, exact[whole]))
            continue
        exact[whole] = place
        taught[hashlib.sha256(np.ascontiguousarray(ids[in_loss]).tobytes()).digest()].append(place)
    near = [pair for places in taught.values() if len(places) > 1 for pair in _near(data, places)]
    share = (len(copies) + len(near)) / len(data) if len(data) else 0.0
    value = {"examples": len(data), "equal": len(copies), "nearly_equal": len(near), "share": share}
    if share <= SOME:
        yield Finding(check="duplicates", status=Status.OK, value=value)
        return
    place, other = (copies + near)[0]
    yield Finding(
        check="duplicates",
        status=Status.FAIL if share > MANY else Status.WARN,
        value=value,
        advice=f"{share:.0%} of the examples repeat another one ({len(copies)} id for id, {len(near)} in all but a few "
        f"ids; example {place} is example {other}): the count of distinct trajectories is wrong and the copies weigh "
        "double. Build the data again with deduplication, and look at how the sources overlap.",
    )


def _near(data: Dataset, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (place, earlier place) of examples, all teaching the same ids, whose other ids are nearly the same too."""
    kept: list[tuple[int, Counter[int]]] = []
    for place in places:
        mine = Counter(data.arrays(place)[0].tolist())
        twin = next((other for other, theirs in kept if _overlap(mine, theirs) >= NEAR), None)
        if twin is not None:
            yield place, twin
        else:
            kept = [*kept[-COMPARED + 1 :], (place, mine)]


def _overlap(a: Counter[int], b: Counter[int]) -> float:
    """Return the ids that both have over those that either has, each as often as it occurs."""
    return (a & b).total() / max((a | b).total(), 1)
