"""What the engine makes sure of before it serves a model: equal logits, and which batch sizes change no bit."""

from typing import Any

import torch
from transformers import PreTrainedModel

from assay.errors import UserError
from assay.models.engine_attention import Blind, Reading, Stepping
from assay.models.engine_cache import Cache, Shape
from assay.models.engine_llama import Llama, takes
from assay.models.engine_modules import Modules

Forward = Llama | Modules
_READ, _STEPS = 12, 4  # ids of the trial: so many read as a prompt, then one by one
_NOT_OURS = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)


def shape_of(model: PreTrainedModel) -> Shape:
    """Return the sizes of the model's keys and values. Raises UserError for a config without them."""
    config: Any = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", None)
    if not heads:
        raise UserError(f"The engine cannot decode {config.model_type!r}: its config has no attention heads.")
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    keys = getattr(config, "num_key_value_heads", None) or heads
    parameter = next(model.parameters())
    return Shape(config.num_hidden_layers, keys, width, parameter.dtype, parameter.device)


def forward_for(model: PreTrainedModel, shape: Shape) -> Forward:
    """Return the fastest forward pass whose logits are the model's own.

    Raises UserError where none is: for an architecture that keeps something else than keys and values (a recurrent
    state, say), or whose attention is not asked for through transformers' interface.
    """
    rope = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    kinds = {each.get("rope_type") for each in (rope, *rope.values()) if isinstance(each, dict)}
    if stretched := kinds & {"dynamic", "longrope"}:
        raise UserError(
            f"The engine cannot decode {type(model).__name__} with {stretched.pop()} rotary positions, which change "
            "with the longest row of a batch: serve it with vLLM and name it as openai:URL#NAME."
        )
    why = "its logits differ from the model's"
    makers: list[type[Llama] | type[Modules]] = [Llama, Modules] if takes(model) else [Modules]
    for make in makers:
        try:
            forward = make(model)
            if _agrees(model, forward, shape):
                return forward
        except _NOT_OURS as error:
            why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    raise UserError(
        f"The engine cannot decode {type(model).__name__} ({why}): serve it with vLLM and name it as openai:URL#NAME."
    )


def _agrees(model: PreTrainedModel, forward: Forward, shape: Shape) -> bool:
    """Compare with one plain pass of the model over the same ids."""
    count = _READ + _STEPS
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(vocabulary_of(model), (count,), generator=generator).to(shape.device)
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            expected = model(input_ids=ids[None], use_cache=False).logits[0].float()
            cache = Cache(shape, 1, count)
            row = cache.take(count)
            where = torch.arange(count, device=shape.device)
            found = [forward.logits(ids[:_READ], where[:_READ], Reading(row, 0, _READ))]
            row.ids = ids[:_READ].tolist()
            for at in range(_READ, count):
                step = Stepping([row], cache, lambda capacity: True, lambda size: size)
                found.append(forward.logits(ids[at : at + 1], where[at : at + 1], step))
                row.ids.append(int(ids[at]))
    finally:
        model.train(was)
    got = torch.cat(found).float()
    if not expected.isfinite().all():
        return True  # nothing to compare: whoever samples from it is told
    allowed = 1e-4 if shape.dtype == torch.float32 else 0.1
    return got.shape == expected.shape and bool((got - expected).abs().max() <= allowed * (1 + expected.abs().max()))


def steady_sizes(model: PreTrainedModel, forward: Forward, shape: Shape, slots: int) -> list[int]:
    """Measure which numbers of rows, `slots` among them, give every row the bits that `slots` rows give it."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(vocabulary_of(model), (slots,), generator=generator).to(shape.device)
    where = torch.arange(slots, device=shape.device) % 8
    with torch.inference_mode():
        full = forward.logits(ids, where, Blind())
        tried = [size for size in (1, 2, 4, *range(8, slots, 8)) if size < slots]
        same = [size for size in tried if torch.equal(forward.logits(ids[:size], where[:size], Blind()), full[:size])]
    return [*same, slots]


def vocabulary_of(model: PreTrainedModel) -> int:
    """Number of ids that the model reads."""
    embedding: Any = model.get_input_embeddings()
    return int(embedding.weight.shape[0])
