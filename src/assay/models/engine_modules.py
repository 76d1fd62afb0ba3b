"""The forward pass of any other architecture: transformers' own modules, with the engine's attention put in.

It is registered under a name with transformers, which then asks it, and no mask of its own, for every layer whose
attention goes through that interface.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel

from assay.models.engine_attention import Memory

_NAME = "assay_engine"


class _Pass:
    """Stands in for transformers' cache during one forward pass, and carries the memory to the attention."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.layer = 0

    def update(self, key: Tensor, value: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Let the new keys and values through; `_attend` writes them."""
        self.layer = layer
        return key, value

    def get_seq_length(self, *_: Any) -> int:
        """Say 0: positions are always given, and whoever asks decides nothing by it."""
        return 0


_running = threading.local()  # its `now` is the pass that this thread's engine makes


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers asks for it: (batch, heads, ids, width) in, (batch, ids, heads, width) out."""
    now: _Pass = _running.now
    if more.get("s_aux") is not None or more.get("position_bias") is not None:
        raise NotImplementedError("attention with sinks or with biases by position")
    if value.shape != key.shape:
        raise NotImplementedError("keys and values of different widths")
    batch, heads, ids, width = query.shape
    q, k, v = (each.transpose(1, 2).reshape(batch * ids, -1, width).contiguous() for each in (query, key, value))
    found = now.memory.attend(
        now.layer,
        q,
        torch.cat((k, v), 1),
        width**-0.5 if scaling is None else scaling,
        more.get("sliding_window"),
        more.get("softcap") or 0.0,
    )
    return found.view(batch, ids, heads, width), None


AttentionInterface.register(_NAME, _attend)


class Modules:
    """Logits of ids through the model's own `forward`."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    @contextmanager
    def _installed(self, memory: Memory) -> Iterator[_Pass]:
        """Put the engine's attention in, and dropout out, for one pass: the model may be its owner's to train."""
        config: Any = self._model.config
        before, training = config._attn_implementation, self._model.training
        config._attn_implementation = _NAME
        if training:
            self._model.eval()
        _running.now = _Pass(memory)
        try:
            yield _running.now
        finally:
            del _running.now
            config._attn_implementation = before
            if training:
                self._model.train()

    def logits(self, ids_N: Tensor, positions_N: Tensor, memory: Memory, last: bool = False) -> Tensor:
        """Return the logits after each id, (N, vocabulary), or after the last one only."""
        shape = (-1, 1) if memory.one_each else (1, -1)
        with self._installed(memory) as stand_in:
            found = self._model(
                input_ids=ids_N.view(shape),
                position_ids=positions_N.view(shape),
                past_key_values=stand_in,
                use_cache=True,
                logits_to_keep=1 if last else 0,
            ).logits
        return found.flatten(0, 1)
