"""Edges of the mask: what is learned begins right after the assistant's header and ends with its end token.

A mask that is moved by one id teaches the header and never the end token, or an id of the next turn.
"""

from collections import Counter
from collections.abc import Iterator

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.turns import header, spans

NEEDS = ("data", "format")
MOST = 2000  # examples looked at, spread over the set
CUT_SHORT = 0.05  # turns without an end token: a reply that hit its limit has none


def check(patient: Patient) -> Iterator[Finding]:
    """Look at both edges of every stretch in the loss, in up to MOST examples."""
    data, format = patient.dataset, patient.format
    before = header(format)
    wrong: Counter[str] = Counter()
    seen = 0
    for place in range(0, len(data), -(-len(data) // MOST)):
        ids_N, in_loss_N = data.arrays(place)
        ids = ids_N.tolist()
        for start, end in spans(in_loss_N):
            seen += 1
            turn = ids[start:end]
            if ids[max(0, start - len(before)) : start] != before:
                if ids[start - len(before) + 1 : start + 1] == before:
                    wrong["begins one id early"] += 1
                elif ids[start - len(before) - 1 : start - 1] == before:
                    wrong["begins one id late"] += 1
                else:
                    wrong["does not begin after the assistant's header"] += 1
            if turn[-1] not in format.stops:
                wrong["ends without an end token"] += 1
            if any(token in format.stops for token in turn[:-1]):
                wrong["goes on after the end token"] += 1
    value = {"stretches": seen, **wrong}
    if not seen or not wrong:
        yield Finding(check="mask_edges", status=Status.OK if seen else Status.SKIPPED, value=value)
        return
    starts = {name: count for name, count in wrong.items() if name != "ends without an end token"}
    if not starts and wrong["ends without an end token"] <= CUT_SHORT * seen:
        yield Finding(check="mask_edges", status=Status.OK, value=value)
        return
    yield Finding(check="mask_edges", status=Status.FAIL, value=value, advice=_advice(wrong, seen))


def _advice(wrong: Counter[str], seen: int) -> str:
    counted = ", ".join(f"{count} {name}" for name, count in wrong.most_common())
    early, late = wrong["begins one id early"], wrong["begins one id late"]
    if max(early, late) > seen / 2:
        way = "early: it teaches the header and not the end token" if early > late else "late: it skips the first id"
        return (
            f"The mask is off by one, {way}. Of {seen} stretches in the loss {counted}. Targets are the next ids: "
            "shift them once, in the loss, and build the data again."
        )
    if set(wrong) == {"ends without an end token"}:
        return (
            f"{wrong['ends without an end token']} of {seen} turns in the loss have no end token, so the model is not "
            "taught to stop: take a template that ends the assistant's turn inside its generation block."
        )
    return (
        f"Of {seen} stretches in the loss {counted}: the mask was made with another tokenizer or template than this "
        "one, or it is broken. Build the data again with this model's format."
    )
