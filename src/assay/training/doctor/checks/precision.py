"""Precision and kernels: the types of the weights, and how attention is computed here."""

from collections import Counter
from collections.abc import Iterator

import torch

from assay.training.doctor.finding import Finding, Status
from assay.training.doctor.patient import Patient

NEEDS = ("model",)


def check(patient: Patient) -> Iterator[Finding]:
    """Say which types and kernels are used, and warn of those that lose learning without a word."""
    model = patient.model
    stored = Counter(patient.stored_types)
    trained = patient.card.get("precision")
    value = {
        "stored": dict(stored),
        "trained_in": trained,
        "loaded_here": str(model.dtype).removeprefix("torch."),
        "attention": str(getattr(model.config, "_attn_implementation", "unknown")),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    advice = ""
    if "float16" in stored or trained == "float16":
        advice = (
            "float16 overflows above 65,504 and loses small gradients: train with float32 weights and bfloat16 "
            "compute, and save bfloat16 or float32."
        )
    elif len(stored) > 1:
        advice = (
            f"The weights are stored in {', '.join(sorted(stored))} together, as a converter left them: save in one."
        )
    elif patient.kind == "run" and "bfloat16" in stored:
        advice = (
            "The run keeps its weights in bfloat16, which has 8 bits: steps smaller than 1 / 256 of a weight are lost. "
            "Keep float32 weights and compute in bfloat16."
        )
    elif value["attention"] == "eager":
        advice = "Attention is computed eagerly, with the whole matrix of scores in memory: load the model with sdpa."
    yield Finding(check="precision", status=Status.WARN if advice else Status.OK, value=value, advice=advice)
