"""Log-probabilities of chosen ids from hidden states, with the matrix of logits never whole in memory.

For hidden state h, head W (vocabulary x width) and temperature c, the log-probability of id y is
z_y - log sum_v exp(z_v) with z = W h / c, and its gradients are (1[v = y] - p_v) / c towards the logits.
Rows are worked in chunks; the backward pass makes each chunk's logits again unless they are few enough to keep.
"""

from typing import Any

import torch
from torch import Tensor

from assay.training.linear import times_transposed

CHUNK_ELEMENTS = 1 << 26  # logits worked on at a time: 256 MiB in float32; on CUDA four times as many
KEPT_ELEMENTS = 1 << 26  # up to so many logits in all are kept for the backward pass


class _LinearLogprobs(torch.autograd.Function):
    """See `linear_logprobs`."""

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, temperature: float
    ) -> Tensor:
        count, vocabulary = len(hidden_ND), len(weight_VD)
        rows = max(1, CHUNK_ELEMENTS * (4 if hidden_ND.is_cuda else 1) // vocabulary)
        keep = count * vocabulary <= KEPT_ELEMENTS and any(ctx.needs_input_grad)
        kept: list[Tensor] = []
        found = []
        totals = []
        for start in range(0, count, rows):
            logits_nV = _logits(hidden_ND[start : start + rows], weight_VD, bias_V, temperature)
            targets_n1 = targets_N[start : start + rows, None]
            total_n = torch.logsumexp(logits_nV, dim=-1)
            found.append(logits_nV.gather(1, targets_n1)[:, 0] - total_n)
            totals.append(total_n)
            if keep:
                kept.append(logits_nV)
        ctx.rows, ctx.temperature, ctx.kept = rows, temperature, kept
        empty = hidden_ND.new_zeros(0, dtype=_precise(hidden_ND.dtype))
        ctx.save_for_backward(hidden_ND, weight_VD, bias_V, targets_N, torch.cat(totals) if totals else empty)
        return torch.cat(found) if found else empty

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        (gradient_N,) = gradients
        hidden_ND, weight_VD, bias_V, targets_N, totals_N = ctx.saved_tensors
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        hidden_gradient = torch.empty_like(hidden_ND) if wants_hidden else None
        weight_gradient: Tensor | None = None
        bias_gradient = torch.zeros_like(bias_V, dtype=_precise(bias_V.dtype)) if wants_bias else None
        for number, start in enumerate(range(0, len(hidden_ND), ctx.rows)):
            here = slice(start, start + ctx.rows)
            hidden_nD, targets_n1 = hidden_ND[here], targets_N[here, None]
            logits_nV = ctx.kept[number] if ctx.kept else None
            if logits_nV is None:
                logits_nV = _logits(hidden_nD, weight_VD, bias_V, ctx.temperature)
            else:
                ctx.kept[number] = None  # it is written over below, so a second pass makes it again
            scale_n1 = gradient_N[here, None] / ctx.temperature
            flow_nV = logits_nV.sub_(totals_N[here, None]).exp_().mul_(-scale_n1)
            flow_nV.scatter_add_(1, targets_n1, scale_n1)
            low_nV = flow_nV.to(hidden_ND.dtype)
            if hidden_gradient is not None:
                hidden_gradient[here] = _product(low_nV, weight_VD.T)
            if wants_weight:
                product_VD = _product(low_nV.T, hidden_nD.T)
                weight_gradient = product_VD if weight_gradient is None else weight_gradient.add_(product_VD)
            if bias_gradient is not None:
                bias_gradient += flow_nV.sum(0)
        if wants_weight:
            weight_gradient = (
                torch.zeros_like(weight_VD) if weight_gradient is None else weight_gradient.to(weight_VD.dtype)
            )
        if bias_gradient is not None:
            bias_gradient = bias_gradient.to(bias_V.dtype)
        return hidden_gradient, weight_gradient, bias_gradient, None, None


def _precise(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are made in: float32 for the short types, else the type itself."""
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def _product(left_NK: Tensor, right_MK: Tensor) -> Tensor:
    """Return left @ right.T, for short types in float32: a logit of 20 rounded to bfloat16 is off by up to 0.06."""
    if _precise(left_NK.dtype) == left_NK.dtype:
        return times_transposed(left_NK, right_MK)
    if left_NK.device.type == "cuda":
        return torch.mm(left_NK, right_MK.T, out_dtype=torch.float32)
    return left_NK.float() @ right_MK.float().T


def _logits(hidden_nD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, temperature: float) -> Tensor:
    logits_nV = _product(hidden_nD, weight_VD)
    if bias_V is not None:
        logits_nV += bias_V
    return logits_nV if temperature == 1.0 else logits_nV.div_(temperature)


def linear_logprobs(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, temperature: float = 1.0
) -> Tensor:
    """Return the log-probability (nats) of each target under softmax((W h + b) / temperature): (N,), differentiable.

    About CHUNK_ELEMENTS logits are worked on at a time and at most KEPT_ELEMENTS kept, whatever N is. For short types,
    and under autocast, logits and result are float32. `temperature` must be above 0.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; log-probabilities need one above 0")
    device = hidden_ND.device.type
    if torch.is_autocast_enabled(device):  # which reaches neither into the backward pass nor past a matmul's output
        short = torch.get_autocast_dtype(device)
        hidden_ND, weight_VD = hidden_ND.to(short), weight_VD.to(short)
        bias_V = None if bias_V is None else bias_V.to(short)
    with torch.autocast(device, enabled=False):
        result = _LinearLogprobs.apply(hidden_ND, weight_VD, bias_V, targets_N, temperature)
    assert isinstance(result, Tensor)
    return result
