"""The weights of a checkpoint: its embedding, and the types of its tensors as its files say them."""

import json
from pathlib import Path

import torch
from transformers import PreTrainedModel

from assay.errors import UserError


def embedding_of(model: PreTrainedModel) -> torch.Tensor:
    """Return the rows of the model's input embedding: (vocabulary, width)."""
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, torch.Tensor)
    return weight.detach()


_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}


def tensor_types(path: Path) -> list[str]:
    """Return the type of every tensor of a safetensors file, from its header; raises UserError when it has none."""
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a safetensors file ({error}): take another checkpoint.") from error
    kinds = [entry["dtype"] for name, entry in header.items() if name != "__metadata__"]
    return [_TYPES.get(kind, kind.lower()) for kind in kinds]
