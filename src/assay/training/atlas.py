"""Delta activations: where training has moved a model, as one vector that can be compared with other models' vectors.

v = mean over five generic probes of h_checkpoint(probe) - h_base(probe), where h is the last layer's hidden state
(after the final norm) at the probe's last token, in float32. A checkpoint equal to its base has v = 0 exactly.
Method: Delta Activations, https://arxiv.org/abs/2509.04442; the probes here are ours, in the same style.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from assay.errors import UserError
from assay.models.weights import ADAPTER_CONFIG, load_model, merge

_TASK = "### Instruction:\nPlease provide a response.\n\n### Input:\nInput.\n\n### Response:"
PROBES = tuple(
    f"{opening}\n\n{_TASK}"
    for opening in (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.",
        "The task below needs a response. Complete the request accurately.",
        "Here is a description of a task. Give a response that meets its requirements.",
        "The instruction that follows outlines a task. Produce a response that does what is asked.",
        "You get an instruction and an input. Write a response that completes the task as requested.",
    )
)
LONGEST_PROBE = 256  # tokens; of a longer probe the first are taken
MOST_WEIGHTS = 500_000_000  # so many numbers of all checkpoints together are compared as weights, at most
_SHAPE = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


@dataclass(frozen=True)
class Moved:
    """One checkpoint's vector, float32 (width,), and the change of its weights where that was asked for, (weights,)."""

    vector: np.ndarray
    weights: np.ndarray | None


def probe_ids(tokenizer: Tokenizer, limit: int = LONGEST_PROBE) -> list[list[int]]:
    """Return the ids of the probes: plain text without special tokens, at most `limit` ids each."""
    return [tokenizer.encode(text, add_special_tokens=False).ids[:limit] for text in PROBES]


def activation(model: PreTrainedModel, probes: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the mean over the probes of the last layer's hidden state at the last token: float32, (width,)."""
    states = []
    model.eval()
    with torch.inference_mode():
        for ids in probes:
            tokens_1T = torch.tensor([list(ids)], device=model.device)
            out = model(input_ids=tokens_1T, output_hidden_states=True, use_cache=False)
            states.append(out.hidden_states[-1][0, -1].float().cpu().numpy())
    return np.asarray(np.mean(np.stack(states), axis=0), dtype=np.float32)


def weights_of(model: PreTrainedModel) -> np.ndarray:
    """Return all weights of a model as one vector, float32."""
    return torch.cat([parameter.detach().float().flatten() for parameter in model.parameters()]).cpu().numpy()


def measure(
    base: Path, folders: Sequence[Path], *, weights: bool = True, tell: Callable[[Path], None] = lambda folder: None
) -> list[Moved]:
    """Return the vector of every checkpoint in `folders` against `base`; adapters are merged into it.

    With `weights` also what training added to each weight, unless these are too many for memory. One checkpoint is
    loaded at a time; `tell` hears of each before it is. Raises UserError for one of another architecture or
    tokenizer.
    """
    for folder in folders:
        check_kin(base, folder)
    start = load_model(base)
    context = getattr(start.config.get_text_config(), "max_position_embeddings", None) or LONGEST_PROBE
    probes = probe_ids(_tokenizer(base), min(LONGEST_PROBE, context))
    h_base = activation(start, probes)
    size = sum(parameter.numel() for parameter in start.parameters())
    w_base = weights_of(start) if weights and size * (len(folders) + 1) <= MOST_WEIGHTS else None
    del start
    found: list[Moved] = []
    for folder in folders:
        tell(folder)
        adapter = (folder / ADAPTER_CONFIG).is_file()
        model = merge(load_model(base), folder) if adapter else load_model(folder)
        vector = activation(model, probes) - h_base
        if not np.isfinite(vector).all():
            raise UserError(f"The checkpoint {folder} gives activations that are not finite: leave it out.")
        found.append(Moved(vector, None if w_base is None else weights_of(model) - w_base))
        del model
    return found


def check_kin(base: Path, folder: Path) -> None:
    """Raise UserError unless the checkpoint has the base's architecture and tokenizer, as far as it says."""
    mine, theirs = _config(base), _config(folder)
    if theirs:
        other = [
            f"{name} {theirs.get(name)} for {mine.get(name)}" for name in _SHAPE if mine.get(name) != theirs.get(name)
        ]
        if other:
            raise UserError(
                f"The checkpoint {folder} has another architecture than the base {base} ({', '.join(other)}): vectors "
                "compare checkpoints of one base only, so leave it out."
            )
    if (folder / "tokenizer.json").is_file() and _vocabulary(folder) != _vocabulary(base):
        raise UserError(
            f"The checkpoint {folder} has another tokenizer than the base {base}, so the probes would be other ids: "
            "leave it out."
        )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        if (folder / ADAPTER_CONFIG).is_file():
            return {}  # adapters of other tools have none; one that does not fit is refused when it is merged
        raise UserError(f"There is no checkpoint in {folder} (it has no config.json): name a checkpoint's directory.")
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): take another checkpoint.") from error
    text = config.get("text_config")
    return text if isinstance(text, dict) else config


def _tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"There is no tokenizer at {path}: name a base that has one.")
    return Tokenizer.from_file(str(path))


def _vocabulary(folder: Path) -> dict[str, int]:
    return _tokenizer(folder).get_vocab(with_added_tokens=True)
