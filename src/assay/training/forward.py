"""The training forward pass: log-probabilities of a packed row's targets, exact and differentiable.

Documents lie end to end in one row without padding, attention stays inside each, and the LM head runs at the
places of targets only. Works for any transformers causal model whose logits are a linear map of its last hidden
states, with or without LoRA, and under FSDP2.
"""

from typing import Any

import torch
from torch import Tensor, nn

from assay.errors import UserError
from assay.training.attention import Documents, prepare
from assay.training.head import linear_logprobs
from assay.training.linear import training_pass, use_onednn
from assay.training.packing import Packed

# what some architectures do to their logits after the linear map, by the name in their configuration
_AFTER_HEAD = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier")


def _causal(model: nn.Module) -> Any:
    """Return the transformers model inside a peft wrapper; adapters live in its layers and stay in force."""
    wrapped: Any = model
    return wrapped.get_base_model() if hasattr(model, "get_base_model") else model


def _head(causal: Any) -> Any:
    """Return the LM head; raises UserError where the logits are not its plain output."""
    head = causal.get_output_embeddings()
    config = causal.config.get_text_config()
    odd = [name for name in _AFTER_HEAD if getattr(config, name, None) not in (None, 1, 1.0)]
    if odd:
        raise UserError(
            f"The architecture {config.model_type} changes its logits after the LM head ({', '.join(odd)}), which "
            "training here does not reproduce: take a model without it."
        )
    if not isinstance(head, nn.Linear):
        raise UserError(
            f"The LM head is a {type(head).__name__}, not a plain linear layer: "
            "leave the LM head out of the adapter's target modules."
        )
    return head


def hidden_states(model: nn.Module, packed: Packed) -> Tensor:
    """Return the last hidden states of every place of the row, (T, D), each document seen alone."""
    causal = _causal(model)
    backbone = causal.base_model
    ids_1T, positions_1T = packed.ids_T[None], packed.positions_T[None]
    if prepare(causal):
        # a mask of four dimensions is passed through unread, so that no T x T mask is made
        unread = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=packed.ids_T.device)
        row: Tensor = backbone(
            input_ids=ids_1T,
            position_ids=positions_1T,
            attention_mask=unread,
            use_cache=False,
            documents=Documents(packed.lengths, packed.ids_T.device),
        ).last_hidden_state[0]
        return row
    # the architecture takes no attention function of ours: every document by itself
    lengths = list(packed.lengths)
    parts = zip(ids_1T.split(lengths, dim=1), positions_1T.split(lengths, dim=1), strict=True)
    return torch.cat(
        [
            backbone(input_ids=ids_1t, position_ids=positions_1t, use_cache=False).last_hidden_state[0]
            for ids_1t, positions_1t in parts
        ]
    )


def target_logprobs(model: nn.Module, packed: Packed, *, temperature: float = 1.0) -> Tensor:
    """Return the log-probability (nats) of each target given its document's ids before it: (N,), differentiable.

    Logits are divided by `temperature`, so that with the sampler's temperature the values are those of the
    distribution it sampled from (over the whole vocabulary). Raises UserError for an architecture whose logits
    are not a linear map of its hidden states. A model sharded by FSDP2 must have this registered as one of its
    forward methods (`assay.training.distributed.shard`), so that its parameters are whole while it runs.
    """
    if packed.ids_T.device.type == "cpu":
        use_onednn(model)
    with training_pass():
        hidden_ND = hidden_states(model, packed)[packed.places_N]
    head = _head(_causal(model))
    return linear_logprobs(hidden_ND, head.weight, head.bias, packed.targets_N, temperature)
