"""The weights of a checkpoint as they are used: full ones, or an adapter merged into the base that it was made for."""

import json
from pathlib import Path

import torch
from transformers import PreTrainedModel

from assay.errors import UserError
from assay.models.weights import load_model
from assay.training.adapters import ADAPTER_CONFIG, merge


def load_whole(folder: Path, base: Path | None = None) -> PreTrainedModel:
    """Load a checkpoint directory; an adapter is merged into `base`, by default the one that it names.

    Raises UserError when it is no checkpoint, or when the adapter's base is not there.
    """
    if not (folder / ADAPTER_CONFIG).is_file():
        return load_model(folder).eval()
    try:
        named = base or Path(json.loads((folder / ADAPTER_CONFIG).read_text())["base_model_name_or_path"] or "unknown")
    except (ValueError, KeyError) as error:
        raise UserError(f"{folder / ADAPTER_CONFIG} cannot be read ({error}): take another checkpoint.") from error
    if not named.is_dir():
        raise UserError(f"The adapter {folder} was made for {named}, which is not there: name that directory.")
    return merge(load_model(named), folder).eval()


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
