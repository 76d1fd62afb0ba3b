"""Masked share: how much of the data is learned from, and whether an example or a batch has nothing in the loss."""

from collections.abc import Iterator

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

NEEDS = ()
LITTLE = 0.01


def check(patient: Patient) -> Iterator[Finding]:
    """Count ids in the loss, from the masks themselves and not from what an index says of them."""
    if patient.has("data"):
        yield _of_data(patient)
    if patient.log:
        yield _of_log(patient)


def _of_data(patient: Patient) -> Finding:
    data = patient.dataset
    tokens = learned = prompts = 0
    empty: list[int] = []
    for place, (ids, in_loss) in enumerate(data):
        count = int(in_loss.sum())
        tokens += len(ids)
        learned += count
        prompts += len(ids) == count
        if count == 0:
            empty.append(place)
    share = learned / tokens if tokens else 0.0
    value = {"examples": len(data), "all_masked": len(empty), "nothing_masked": prompts, "share_in_loss": share}
    if empty:
        return Finding(
            check="masked_share.data",
            status=Status.FAIL,
            value=value,
            advice=f"{len(empty)} of {len(data)} examples have no token in the loss, example {empty[0]} (task "
            f"{data.meta(empty[0]).get('task_id')}) first: a batch of these teaches nothing and its mean is 0 / 0. "
            "Build the data again with `assay data build`.",
        )
    if prompts:
        return Finding(
            check="masked_share.data",
            status=Status.FAIL,
            value=value,
            advice=f"{prompts} of {len(data)} examples have every token in the loss, prompts and observations too: "
            "the model learns to write its own observations. Build the data again with `assay data build`.",
        )
    if share < LITTLE:
        return Finding(
            check="masked_share.data",
            status=Status.WARN,
            value=value,
            advice=f"Only {share:.2%} of the tokens are learned from: most of the compute reads observations. "
            "Filter long observations, or check that the assistant's turns are found.",
        )
    return Finding(check="masked_share.data", status=Status.OK, value=value)


def _of_log(patient: Patient) -> Finding:
    lines = [line for line in patient.log if "loss_tokens" in line]
    blank = [int(line.get("step", 0)) for line in lines if not line["loss_tokens"]]
    learned, tokens = (sum(int(line.get(name) or 0) for line in lines) for name in ("loss_tokens", "tokens"))
    value = {"steps": len(lines), "empty_steps": len(blank), "share_in_loss": learned / tokens if tokens else 0.0}
    if blank:
        return Finding(
            check="masked_share.log",
            status=Status.FAIL,
            value=value,
            advice=f"{len(blank)} steps had no token in the loss, step {blank[0]} first: they moved no weight, or made "
            "it NaN. Look at the masks of the data.",
        )
    return Finding(check="masked_share.log", status=Status.OK, value=value)
