"""Linear layers in float32 on a CPU by oneDNN in place of MKL, whose kernels are half as fast on some processors.

On an AMD EPYC (Zen 5, one thread) MKL reaches 60 to 110 GFLOP/s on the matrices of small models and oneDNN 180 to
250; where MKL does well the two are alike. Both are float32 throughout, so results differ in the last bits only.
Only the training pass takes this path: what the model computes elsewhere stays as it was, to the last bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from assay.models.engine_linear import has_onednn

_FEWEST_ROWS = 16  # below this the call costs more than the kernel saves
_within: ContextVar[bool] = ContextVar("within a training pass", default=False)


@contextmanager
def training_pass() -> Iterator[None]:
    """Within it linear layers take the fast path with and without gradients, so that both give the same bits."""
    token = _within.set(True)
    try:
        yield
    finally:
        _within.reset(token)


def times_transposed(left_NK: Tensor, right_MK: Tensor, bias_M: Tensor | None = None) -> Tensor:
    """Return left @ right.T + bias, (N, M): by oneDNN for float32 on a CPU that has it. Has no gradient of its own."""
    if left_NK.dtype == right_MK.dtype == torch.float32 and left_NK.device.type == "cpu" and has_onednn():
        product: Tensor = torch.ops.mkldnn._linear_pointwise(left_NK, right_MK, bias_M, "none", [], "")
        return product
    return nn.functional.linear(left_NK, right_MK, bias_M)


class _Multiply(torch.autograd.Function):
    """x W^T and its gradients g W and g^T x, each by one call of the kernel."""

    @staticmethod
    def forward(ctx: Any, rows_ND: Tensor, weight_OD: Tensor) -> Tensor:
        ctx.save_for_backward(rows_ND, weight_OD)
        return times_transposed(rows_ND, weight_OD)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        rows_ND, weight_OD = ctx.saved_tensors
        flow_NO = gradients[0].contiguous()
        wants_rows, wants_weight = ctx.needs_input_grad
        rows = times_transposed(flow_NO, weight_OD.T) if wants_rows else None
        # transposed twice: the kernel is fastest with the long side of activations in the middle
        weight = times_transposed(rows_ND.T, flow_NO.T).T if wants_weight else None
        return rows, weight


def _forward(self: nn.Linear, input: Tensor) -> Tensor:
    """Return input W^T + b: by oneDNN in training passes in float32 on a CPU, else as nn.Linear does."""
    width = input.shape[-1]
    if (
        not (torch.is_grad_enabled() or _within.get())
        or input.dtype != torch.float32
        or self.weight.dtype != torch.float32
        or input.device.type != "cpu"
        or input.numel() < _FEWEST_ROWS * width
        or torch.is_autocast_enabled("cpu")
    ):
        return nn.functional.linear(input, self.weight, self.bias)
    product = _Multiply.apply(input.reshape(-1, width), self.weight)
    assert isinstance(product, Tensor)
    if self.bias is not None:
        product = product + self.bias
    return product.view(*input.shape[:-1], -1)


def use_onednn(model: nn.Module) -> None:
    """Let the plain linear layers of `model`, those of adapters too, multiply by oneDNN where this torch has it.

    They stay nn.Linear, for others read their weights by that type.
    """
    if has_onednn():
        for module in model.modules():
            if type(module) is nn.Linear and "forward" not in vars(module):
                module.forward = MethodType(_forward, module)  # type: ignore[method-assign]
