"""The chat tokens' rows of the embedding over the run: rows that shrink make a model forget its end token.

Weight decay on an embedding multiplies every row by the same factor at every step, and only rows that are often
seen grow back. So the norms of the rows are compared with those that they had in the base.
"""

from collections.abc import Iterator

from assay.models.weights import load_model
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.series import values
from assay.training.doctor.weights import embedding_of
from assay.training.loop import chat_rows

NEEDS = ()
SHRUNK, SHRINKING = 0.9, 0.97  # of the norm at the start
ROWS = ("embedding", "chat_rows")


def check(patient: Patient) -> Iterator[Finding]:
    """Look at what the card says decays, at the norm in the log, and at the rows of base and checkpoint."""
    decay = patient.card.get("decay")
    if isinstance(decay, dict):
        yield _of_card(decay)
    norms = values(patient.log, "chat_rows_weight")
    if len(norms) > 1:
        yield _of_log(norms)
    if patient.has("base") and patient.has("model") and patient.has("format"):
        yield from _of_weights(patient)


def _of_card(decay: dict[str, float]) -> Finding:
    on = {kind: decay[kind] for kind in ROWS if decay.get(kind)}
    return Finding(
        check="chat_rows.decay",
        status=Status.FAIL if on else Status.OK,
        value=decay,
        advice=f"Weight decay {max(on.values()):g} is on the rows of the {' and '.join(on)}: rows that are seldom seen "
        "shrink, the end token's first of all. Let matrices alone decay."
        if on
        else "",
    )


def _of_log(norms: list[float]) -> Finding:
    ratio = norms[-1] / norms[0] if norms[0] else 1.0
    value = {"first": norms[0], "last": norms[-1], "ratio": ratio}
    return Finding(
        check="chat_rows.log",
        status=_status(ratio),
        value=value,
        advice=f"The rows of the chat tokens have shrunk to {ratio:.0%} of their norm over the run, and the end token "
        "with them: take weight decay off the embedding."
        if ratio < SHRINKING
        else "",
    )


def _status(ratio: float) -> Status:
    return Status.FAIL if ratio < SHRUNK else Status.WARN if ratio < SHRINKING else Status.OK


def _of_weights(patient: Patient) -> Iterator[Finding]:
    assert patient.base_folder is not None
    now_VD = embedding_of(patient.model).float()
    then_VD = embedding_of(load_model(patient.base_folder)).float()
    shared = min(len(now_VD), len(then_VD))
    now_VD, then_VD = now_VD[:shared], then_VD[:shared]
    rows = [row for row in chat_rows(patient.format) if row < shared]
    if now_VD.shape != then_VD.shape or not rows:
        return
    ratio = float(now_VD[rows].norm(dim=1).mean() / then_VD[rows].norm(dim=1).mean())
    others = float((now_VD.norm(dim=1) / then_VD.norm(dim=1).clamp(min=1e-9)).median())
    status = _status(ratio)
    why = (
        f"the median row of the whole embedding to {others:.0%}, which is what weight decay on the embedding does"
        if others < SHRINKING
        else "though other rows have not: look at how often the data end a turn with these tokens"
    )
    yield Finding(
        check="chat_rows.weights",
        status=status,
        value={"norm_ratio": ratio, "median_of_all_rows": others, "rows": len(rows)},
        advice=""
        if status is Status.OK
        else f"The chat tokens' rows have shrunk to {ratio:.0%} of the norm that they began with, {why}. A model so "
        "treated forgets its end token: take weight decay off embeddings, norms and gains.",
    )
