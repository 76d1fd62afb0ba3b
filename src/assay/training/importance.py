"""Importance correction: what was sampled by one set of weights, or one kernel, is trained on by another.

The sampler and the trainer never agree to the last bit, and after the first minibatch of an iteration they differ
by a step of training. With r = pi_trainer(y) / pi_sampler(y), the update is weighed by min(r, cap), held constant:

    token      r_t of each token by itself: little variance, a bias that grows with the gap;
    sequence   one r for the whole attempt, the product over its tokens: unbiased but for the cap.

Sources: Ionides 2008, "Truncated importance sampling"; Yao et al. 2025, "Your efficient RL framework secretly
brings you off-policy RL training" (the token form). Always on: where both agree, r is 1 and nothing changes.
"""

from typing import Literal

import torch
from torch import Tensor

from assay.errors import MachineryError
from assay.training.packing import Packed

Level = Literal["token", "sequence"]


def correction(
    trainer_N: Tensor, sampler_N: Tensor, document_N: Tensor, *, level: Level = "token", cap: float = 2.0
) -> tuple[Tensor, dict[str, float]]:
    """Return (coefficients min(r, cap) of every token, what to log) from both log-probabilities (N,), in nats.

    `ratio_mean` and `ratio_max` are of r before the cap, `truncated_share` is the share of tokens whose r is above
    it, `sampler_gap` the mean of |trainer - sampler| over tokens. Carries no gradient.
    """
    if cap < 1.0:
        raise ValueError(f"A cap of {cap} would weigh what both agree on by less than 1.")
    with torch.no_grad():
        gap_N = trainer_N.double() - sampler_N.double()
        if not torch.isfinite(gap_N).all():
            raise MachineryError("a log-probability of the sampler or of the trainer is not finite")
        summed_N = gap_N
        if level == "sequence":
            documents = int(document_N.max()) + 1
            summed_N = gap_N.new_zeros(documents).index_add(0, document_N, gap_N)[document_N]
        ratio_N = summed_N.exp()
        told = {
            "ratio_mean": float(ratio_N.mean()),
            "ratio_max": float(ratio_N.max()),
            "truncated_share": float((ratio_N > cap).double().mean()),
            "sampler_gap": float(gap_N.abs().mean()),
        }
        return ratio_N.clamp(max=cap).to(trainer_N.dtype), told


class PolicyGradient:
    """The loss whose gradient is - sum_t Z_t min(r_t, cap) grad log pi(y_t): an Objective of the training loop.

    The row's `weights_N` are the Z of each token's attempt, `old_logprobs_N` the sampler's log-probabilities.
    """

    def __init__(self, *, level: Level = "token", cap: float = 2.0) -> None:
        self.level: Level = level
        self.cap = cap

    def __call__(self, logprobs_N: Tensor, packed: Packed) -> tuple[Tensor, dict[str, float]]:
        """Return (sum of losses, what to log) of one row."""
        if packed.weights_N is None or packed.old_logprobs_N is None:
            raise MachineryError("a row of sampled attempts lacks its weights or the sampler's log-probabilities")
        coefficient_N, told = correction(
            logprobs_N.detach(), packed.old_logprobs_N, packed.document_N, level=self.level, cap=self.cap
        )
        return -(packed.weights_N.to(logprobs_N.dtype) * coefficient_N * logprobs_N).sum(), told
