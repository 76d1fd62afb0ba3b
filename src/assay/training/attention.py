"""Attention that stays inside documents laid end to end, for any transformers model that takes an attention function.

Registered with transformers as `assay`: with the documents' bounds it attends within each (on CUDA by torch's
variable-length kernel, else by one causal SDPA a document); without them it is transformers' own SDPA.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from assay.errors import MachineryError

NAME = "assay"
_KNOWN = frozenset({"full_attention", "sliding_attention"})  # kinds of layer
_UNKNOWN = ("softcap", "s_aux", "position_bias")  # what some architectures ask of attention and is not done here


class Documents:
    """Where the documents of a row lie: `lengths` in tokens, and on CUDA their bounds as the kernel wants them."""

    def __init__(self, lengths: tuple[int, ...], device: torch.device) -> None:
        self.lengths = list(lengths)
        self.longest = max(lengths)
        self.bounds: Tensor | None = None
        if device.type == "cuda":
            bounds = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
            self.bounds = bounds.to(device, non_blocking=True)


def prepare(model: PreTrainedModel) -> bool:
    """Make `model` use this attention; return False where its documents must be run one by one.

    So where the architecture takes no attention function, and where it has layers of another kind (recurrent,
    convolutional), which would carry one document into the next. Outside packed rows the model computes what it
    did with SDPA, to the last bit.
    """
    layers = getattr(model.config.get_text_config(), "layer_types", None) or ()
    if not model._supports_attention_backend or model._is_stateful or not _KNOWN.issuperset(layers):
        return False
    if model.config._attn_implementation != NAME:
        model.set_attn_implementation(NAME)
    return True


def document_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    documents: Documents | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attend within documents: query (1, H, T, width), key and value (1, H or fewer, T, width) -> (1, T, H, width)."""
    if documents is None:
        if sliding_window is not None:
            others["sliding_window"] = sliding_window
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **others)
    unknown = [name for name in _UNKNOWN if others.get(name) is not None]
    if unknown:
        raise MachineryError(f"attention within documents does not know {unknown}, which this architecture asks for")
    if torch.is_autocast_enabled(query.device.type):  # rotary embeddings have made float32 of queries and keys
        query, key, value = (t.to(torch.get_autocast_dtype(query.device.type)) for t in (query, key, value))
    window = sliding_window if sliding_window is not None and sliding_window < documents.longest else None
    if documents.bounds is not None and query.dtype in (torch.bfloat16, torch.float16) and dropout == 0.0:
        return _by_kernel(query, key, value, documents.bounds, documents.longest, scaling, window), None
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    # split, not slices: the gradient of a slice is a full-length tensor of zeros, once for each document
    parts = zip(*(tensor.split(documents.lengths, dim=2) for tensor in (query, key, value)), strict=True)
    attended = [
        nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=_band(q.shape[2], window, q.device),
            dropout_p=dropout,
            scale=scaling,
            is_causal=window is None or q.shape[2] <= window,
        )
        for q, k, v in parts
    ]
    return torch.cat(attended, dim=2).transpose(1, 2), None


def _band(length: int, window: int | None, device: torch.device) -> Tensor | None:
    """Return the mask of causal attention over the last `window` positions, or None where plain causal is the same."""
    if window is None or length <= window:
        return None
    places = torch.arange(length, device=device)
    back = places[:, None] - places[None]
    return (back >= 0) & (back < window)


def _by_kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bounds: Tensor,
    longest: int,
    scaling: float | None,
    window: int | None,
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn  # absent before torch 2.10

    attended = varlen_attn(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        bounds,
        bounds,
        longest,
        longest,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=key.shape[1] != query.shape[1],
    )
    assert isinstance(attended, Tensor)
    return attended[None]


AttentionInterface.register(NAME, document_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
