"""The tokenizer: whether it is the one that the checkpoint and the data were made with, and fits the embedding."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from assay.nouns.base import sha256_file
from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient
from assay.training.doctor.weights import embedding_of

NEEDS = ("tokenizer",)
TOKENIZER = "tokenizer.json"
TEXT = (
    "The captain opened the door and looked out at the sea, which had been quiet since the morning. There was "
    "no ship to be seen, and the men who had waited all night on the shore were beginning to go home."
)


def check(patient: Patient) -> Iterator[Finding]:
    """Compare hashes with what cards recorded, sizes with the weights, and where no hash is known a text's cost."""
    recorded = list(_recorded(patient))
    yield from recorded
    if patient.has("model"):
        yield _size(patient)
        if not recorded and patient.has("format"):
            yield _cost(patient)


def _recorded(patient: Patient) -> Iterator[Finding]:
    """Compare the tokenizer with the hashes in the card of the checkpoint, of its base and of its data."""
    folder = patient.format_folder
    assert folder is not None
    mine = {sha256_file(folder / TOKENIZER)}
    base = patient.base_folder / TOKENIZER if patient.base_folder is not None else None
    claims = {f"the card of {folder}": _named(patient.card, "sha256", TOKENIZER)}
    if base is not None and base.is_file():
        claims[f"the base {patient.base_folder}"] = sha256_file(base)
        if _same(base, folder / TOKENIZER):  # the checkpoint's may be written anew, in other bytes
            mine.add(sha256_file(base))
    claims["the run of its base"] = _named(patient.card, "base", "sha256", TOKENIZER)
    claims["the run of its data"] = _named(patient.card, "data", "tokenizer_sha256")
    if patient.has("data"):
        claims[f"the training set {patient.data_folder}"] = patient.dataset.card.tokenizer_sha256
    known = {who: claim for who, claim in claims.items() if claim}
    other = [who for who, claim in known.items() if claim not in mine]
    if not known:
        return
    yield Finding(
        check="tokenizer.recorded",
        status=Status.FAIL if other else Status.OK,
        value={"sha256": min(mine)[:12], "compared_with": list(known)},
        advice=f"The tokenizer of {folder} is not the one that {' and '.join(other)} recorded: ids mean other words. "
        "Put back the tokenizer.json that belongs to these weights, or tokenise the data again."
        if other
        else "",
    )


def _same(a: Path, b: Path) -> bool:
    """Whether two files hold one tokenizer, however they are written."""
    return bool(Tokenizer.from_file(str(a)).to_str() == Tokenizer.from_file(str(b)).to_str())


def _named(card: Any, *fields: str) -> str:
    """Return the text that a card holds under the fields, one inside the other, or nothing."""
    for field in fields:
        card = card.get(field) if isinstance(card, dict) else None
    return card if isinstance(card, str) else ""


def _size(patient: Patient) -> Finding:
    rows = len(embedding_of(patient.model))
    assert patient.format_folder is not None
    ids = Tokenizer.from_file(str(patient.format_folder / TOKENIZER)).get_vocab_size()
    value = {"ids": ids, "embedding_rows": rows}
    if ids <= rows:
        return Finding(check="tokenizer.size", status=Status.OK, value=value)
    return Finding(
        check="tokenizer.size",
        status=Status.FAIL,
        value=value,
        advice=f"The tokenizer has {ids} ids and the model {rows} rows of its embedding: it belongs to another model.",
    )


def _cost(patient: Patient) -> Finding:
    """A model that reads plain prose in ids of another vocabulary does worse than guessing evenly."""
    ids = patient.format.encode(TEXT)
    rows = len(embedding_of(patient.model))
    if max(ids) >= rows:
        return Finding(check="tokenizer.cost", status=Status.SKIPPED, advice="Not looked at: the ids do not fit.")
    with torch.inference_mode():
        tokens_1T = torch.tensor([ids], device=patient.model.device)
        logits_TV = patient.model(input_ids=tokens_1T[:, :-1]).logits[0].float()
        nats = float(torch.nn.functional.cross_entropy(logits_TV, tokens_1T[0, 1:]))
    even = math.log(rows)
    value = {"nats_per_token": nats, "even_guess": even}
    if nats < even:
        return Finding(check="tokenizer.cost", status=Status.OK, value=value)
    return Finding(
        check="tokenizer.cost",
        status=Status.WARN,
        value=value,
        advice=f"Plain English costs the model {nats:.2f} nats a token, more than guessing evenly ({even:.2f}): this "
        "is another model's tokenizer, the weights are destroyed, or the model has never read prose.",
    )
