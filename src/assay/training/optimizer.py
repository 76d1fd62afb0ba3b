"""AdamW with the groups that small gains and chat-token rows need, and a clip that says what dominates."""

from collections import defaultdict

import torch
from torch import nn


def build_optimizer(model: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only: none on embeddings, norms and gains.

    Decay on embeddings shrinks rows that are seldom seen, the end token's first of all (spec 18, fault 7).
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (decayed if parameter.ndim >= 2 and "embed" not in name and "lm_head" not in name else free).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), eps=1e-8)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(model: nn.Module, limit: float) -> tuple[float, str]:
    """Clip the global gradient norm to `limit`; return (norm before, kind of parameter with the largest share)."""
    squares: dict[str, float] = defaultdict(float)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            kind = "norms" if parameter.ndim < 2 else "embedding" if "embed" in name else "matrices"
            squares[kind] += float(parameter.grad.detach().pow(2).sum())
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))
    return norm, max(squares, key=squares.__getitem__) if squares else "none"


def rate_at(step: int, steps: int, peak: float, warmup: int, decay_share: float) -> float:
    """Constant-then-decay: linear warm-up over `warmup` steps, constant, linear to 5 % over the last share.

    `step` counts from 0 to steps - 1.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    start = steps - max(1, int(steps * decay_share))
    if step < start:
        return peak
    return peak * (1.0 - 0.95 * (step - start + 1) / (steps - start))
