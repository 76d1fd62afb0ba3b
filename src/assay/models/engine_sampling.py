"""Drawing the next ids of many rows at once: temperature, top-p, and the log-probability of what was drawn.

The log-probability is that of the model's distribution at the temperature used, over the whole vocabulary and before
top-p cuts it: log softmax(logits / temperature). A trainer that divides its logits by the same temperature computes the
same number. Temperature 0 takes the likeliest id, and gives its log-probability at temperature 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

_BLOCK = 64  # the cumulative sum goes over blocks first, then within one
_LIKELY = 1024  # top-p looks at so many ids before it sorts the whole vocabulary


@dataclass(frozen=True)
class Manner:
    """How one request is sampled; `noise` gives one uniform number an id."""

    temperature: float
    top_p: float
    noise: Random


def draw(logits_RV: Tensor, manners: Sequence[Manner]) -> tuple[list[int], list[float]]:
    """Return an id and its log-probability for each row; the latter is NaN where a row's logits are not finite.

    A row's result depends on its own logits and noise only.
    """
    logits = logits_RV.float()
    heats = [manner.temperature or 1.0 for manner in manners]
    if any(heat != 1.0 for heat in heats):
        logits = logits / torch.tensor(heats, device=logits.device)[:, None]
    chances = torch.softmax(logits, -1)
    greedy = [row for row, manner in enumerate(manners) if manner.temperature == 0]
    sampled = len(greedy) < len(manners)
    ids = _by_inversion(_nuclei(chances, manners), [manner.noise.random() for manner in manners]) if sampled else None
    if greedy:
        best = logits.argmax(-1)
        ids = best if ids is None else ids
        ids[greedy] = best[greedy]
    assert ids is not None
    found = chances.gather(1, ids[:, None])[:, 0].double().log()
    return ids.tolist(), [value if math.isfinite(value) else math.nan for value in found.tolist()]


def _by_inversion(chances_RV: Tensor, uniforms: Sequence[float]) -> Tensor:
    """Return for each row the id at which the cumulative sum passes the row's uniform number."""
    rows, size = chances_RV.shape
    device = chances_RV.device
    whole = size // _BLOCK * _BLOCK
    sums = chances_RV[:, :whole].view(rows, -1, _BLOCK).sum(-1)
    if whole < size:
        sums = torch.cat((sums, chances_RV[:, whole:].sum(-1, keepdim=True)), 1)
    # on the CPU in float64: exact enough for any vocabulary, and repeatable on every device
    reached = sums.cpu().double().cumsum(-1)
    goal = torch.tensor(uniforms, dtype=torch.float64)[:, None] * reached[:, -1:]
    block = torch.searchsorted(reached, goal, right=True).clamp_(max=reached.shape[1] - 1)
    before = reached.gather(1, (block - 1).clamp_(min=0)) * (block > 0)
    places = block * _BLOCK + torch.arange(_BLOCK)
    inside = chances_RV.gather(1, places.clamp(max=size - 1).to(device)).cpu().double()
    inside = torch.where(places < size, inside, 0.0).cumsum(-1)
    # rounding may leave the goal just beyond the block's own sum: then its last possible id is meant
    short = torch.minimum(goal - before, inside[:, -1:] * (1 - 1e-12))
    within = torch.searchsorted(inside, short, right=True).clamp_(max=_BLOCK - 1)
    return places.gather(1, within)[:, 0].clamp_(max=size - 1).to(device)


def _nuclei(chances_RV: Tensor, manners: Sequence[Manner]) -> Tensor:
    """Set to zero, in rows with top-p below 1, what lies outside the fewest ids that reach that probability."""
    narrow = [row for row, manner in enumerate(manners) if manner.top_p < 1.0]
    if not narrow:
        return chances_RV
    kept = chances_RV.clone()
    for row in narrow:
        goal = torch.tensor([manners[row].top_p], dtype=torch.float64)
        values, ids = chances_RV[row].topk(min(_LIKELY, chances_RV.shape[1]))
        reached = values.cpu().double().cumsum(-1)
        if reached[-1] < goal:
            values, ids = chances_RV[row].sort(descending=True, stable=True)
            reached = values.cpu().double().cumsum(-1)
        last = int(torch.searchsorted(reached, goal)) + 1
        kept[row] = 0.0
        kept[row, ids[:last]] = values[:last]
    return kept
