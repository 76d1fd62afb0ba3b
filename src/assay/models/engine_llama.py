"""The forward pass of the Llama family straight from the weights, with a few large operations a layer.

transformers' modules spend more time in Python than in arithmetic on a small model. Equal to them within rounding:
the engine compares the two when it starts, and a test does for every family.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from assay.models.engine_attention import Memory
from assay.models.engine_linear import Linear
from assay.models.weights import context_of

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")


def takes(model: PreTrainedModel) -> bool:
    """Whether the model is one of those that this module computes; others run as transformers' modules."""
    config: Any = model.config
    model = _unwrapped(model)
    kinds = getattr(config, "layer_types", None) or []
    return (
        config.model_type in FAMILIES
        and type(model).__module__.startswith("transformers.models.")
        and type(model).__name__.endswith("ForCausalLM")
        and set(kinds) <= {"full_attention"}
        and (bool(kinds) or getattr(config, "sliding_window", None) is None)
        and config.hidden_act in ("silu", "swish")
    )


def _unwrapped(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model that an adapter of peft is wrapped around."""
    wrapped: Any = model
    return wrapped.get_base_model() if hasattr(model, "get_base_model") else model


def _weight(module: Any) -> Tensor:
    """Return a linear layer's weight, with what a LoRA adapter adds to it."""
    if type(module) is nn.Linear:
        return module.weight
    base = getattr(module, "base_layer", None)
    if type(base) is not nn.Linear or not hasattr(module, "get_delta_weight"):
        raise NotImplementedError(f"a layer of type {type(module).__name__}")
    if module.merged or module.disable_adapters:
        return base.weight
    added = [module.get_delta_weight(name) for name in module.active_adapters if name in module.lora_A]
    return sum(added, start=base.weight)


class _Layer:
    """The weights of one layer, those that read the same input side by side."""

    def __init__(self, layer: Any, interleave: Tensor, rotated: int) -> None:
        own = layer.self_attn
        weights = [_weight(own.q_proj), _weight(own.k_proj), _weight(own.v_proj)]
        biases = [own.q_proj.bias, own.k_proj.bias, own.v_proj.bias]
        weight = torch.cat(weights)
        bias = None if biases[0] is None else torch.cat(biases)
        # the two halves that a rotation pairs become neighbours: a complex number
        width = len(interleave)
        order = torch.arange(len(weight), device=weight.device)
        order[: rotated * width] = order[: rotated * width].view(rotated, width)[:, interleave].reshape(-1)
        self.read = Linear(weight[order], None if bias is None else bias[order])
        self.out = Linear(_weight(own.o_proj), own.o_proj.bias)
        self.gate = Linear(_weight(layer.mlp.gate_proj), layer.mlp.gate_proj.bias, silu=True)
        self.up = Linear(_weight(layer.mlp.up_proj), layer.mlp.up_proj.bias)
        self.down = Linear(_weight(layer.mlp.down_proj), layer.mlp.down_proj.bias)
        self.before, self.between = (
            layer.input_layernorm.weight.detach(),
            layer.post_attention_layernorm.weight.detach(),
        )
        self.q_norm, self.k_norm = (
            None if (norm := getattr(own, name, None)) is None else norm.weight.detach()[interleave]
            for name in ("q_norm", "k_norm")
        )


class Llama:
    """Logits of ids in float32 on a CPU, in the model's own precision elsewhere."""

    def __init__(self, model: PreTrainedModel) -> None:
        config: Any = model.config
        model = _unwrapped(model)
        inner: Any = model.model
        head: Any = model.get_output_embeddings()
        self.eps: float = config.rms_norm_eps
        self.queries: int = config.num_attention_heads
        self.heads: int = config.num_key_value_heads
        self.width: int = getattr(config, "head_dim", None) or config.hidden_size // self.queries
        half = self.width // 2
        self.embedding: Tensor = inner.embed_tokens.weight.detach()
        device = self.embedding.device
        interleave = torch.arange(self.width, device=device).view(2, half).t().reshape(-1)
        rotated = self.queries + self.heads
        with torch.inference_mode():
            self.layers = [_Layer(layer, interleave, rotated) for layer in inner.layers]
            self.norm: Tensor = inner.norm.weight.detach()
            self.head = Linear(_weight(head), getattr(head, "bias", None))
            where = torch.arange(context_of(config), device=device)[None]
            cosines, sines = inner.rotary_emb(torch.zeros(1, dtype=torch.float32, device=device), where)
            if cosines.shape[-1] != self.width:
                raise NotImplementedError("rotates only a part of each head")
            self.turns = torch.complex(cosines[0, :, :half].float(), sines[0, :, :half].float())

    def logits(self, ids_N: Tensor, positions_N: Tensor, memory: Memory, last: bool = False) -> Tensor:
        """Return the logits after each id, (N, vocabulary), or after the last one only."""
        ids, heads = len(ids_N), self.queries + 2 * self.heads
        x = F.embedding(ids_N, self.embedding)
        size, scale = (x.shape[-1],), self.width**-0.5
        turn = self.turns.new_ones(ids, heads, self.width // 2)  # values are turned by 1, which changes no bit
        turn[:, : self.queries + self.heads] = self.turns[positions_N][:, None]
        for number, layer in enumerate(self.layers):
            read = layer.read(F.rms_norm(x, size, layer.before, self.eps)).view(ids, heads, self.width)
            if layer.q_norm is not None and layer.k_norm is not None:
                q, k, v = read.split((self.queries, self.heads, self.heads), 1)
                q = F.rms_norm(q, (self.width,), layer.q_norm, self.eps)
                read = torch.cat((q, F.rms_norm(k, (self.width,), layer.k_norm, self.eps), v), 1)
            pairs = torch.view_as_complex(read.float().view(ids, heads, -1, 2))
            turned = torch.view_as_real(pairs * turn).view(ids, heads, -1).to(x.dtype)
            q, kv = turned[:, : self.queries].contiguous(), turned[:, self.queries :].contiguous()
            found = memory.attend(number, q, kv, scale)
            x = layer.out(found.reshape(ids, -1), x)
            h = F.rms_norm(x, size, layer.between, self.eps)
            x = layer.down(layer.gate(h) * layer.up(h), x)
        return self.head(F.rms_norm(x[-1:] if last else x, size, self.norm, self.eps))
