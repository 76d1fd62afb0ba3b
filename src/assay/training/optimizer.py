"""AdamW with the groups that small gains and chat-token rows need, and a clip that says what dominates.

Every trained parameter is of one kind: `matrices`; `embedding` (input and output embeddings, the rows of the chat
format's own tokens apart as `chat_rows`); `norms` (gains, biases and other vectors). Only matrices decay: decay on
embeddings shrinks rows that are seldom seen, the end token's first of all, until the model forgets to stop.

Gradients are clipped by kind, each to the same limit. Under one clip of the whole norm a few scalar gains whose
gradients leap by orders of magnitude set the factor by which every matrix is scaled. AdamW forgets a constant
factor, but not a leaping one: most steps of the matrices become tiny beside the few that were not clipped and that
their second moments remember, and training stops without a word. Clipped by kind, a leap of the gains cuts the
gains only. The norm of all kinds together may so reach the limit times the square root of four.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from assay.training.schedule import rate_at

__all__ = ["Clip", "Groups", "build_optimizer", "clip_gradients", "rate_at", "set_rate"]

MATRICES, EMBEDDING, NORMS, CHAT_ROWS = "matrices", "embedding", "norms", "chat_rows"
KINDS = (MATRICES, EMBEDDING, NORMS, CHAT_ROWS)


@dataclass(frozen=True)
class Clip:
    """What a clip found: norms before it, whole and by kind, the largest kind, and whether anything was cut."""

    norm: float
    norms: dict[str, float]
    largest: str
    clipped: bool


def kinds_of(model: nn.Module) -> dict[str, str]:
    """Return the kind of every trained parameter by its name."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    head = getattr(model, "get_output_embeddings", lambda: None)()
    if head is not None:
        tables.add(id(head.weight))
    return {
        name: EMBEDDING if id(parameter) in tables else NORMS if parameter.ndim < 2 else MATRICES
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


class Groups:
    """The trained parameters of a model by kind; reads and scales their gradients, sharded or whole."""

    def __init__(self, model: nn.Module, chat_rows: Iterable[int] = ()) -> None:
        """`chat_rows` are the ids of the tokens that the chat format writes."""
        self.kinds = kinds_of(model)
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.vocabulary = max((p.shape[0] for name, p in self._of(EMBEDDING)), default=0)
        self.chat_rows = sorted(set(chat_rows))

    def _of(self, kind: str) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.parameters.items() if self.kinds[name] == kind]

    def decayed(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Return (parameters that decay, parameters that do not)."""
        free = [p for name, p in self.parameters.items() if self.kinds[name] != MATRICES]
        return [p for _, p in self._of(MATRICES)], free

    def _rows_of(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """Return this process's part of an embedding-shaped tensor and which of its rows are the chat format's."""
        local, offset = table, 0
        if isinstance(table, DTensor):
            _, offsets = compute_local_shape_and_global_offset(table.shape, table.device_mesh, table.placements)
            local, offset = table.to_local(), offsets[0]
        rows = [row - offset for row in self.chat_rows if offset <= row < offset + local.shape[0]]
        return local, torch.tensor(rows, dtype=torch.long, device=local.device)

    def _chat_tables(self) -> list[nn.Parameter]:
        return [p for _, p in self._of(EMBEDDING) if p.shape[0] == self.vocabulary]

    def squares(self) -> dict[str, float]:
        """Return the squared gradient norm of every kind, over all processes."""
        names = [name for name, p in self.parameters.items() if p.grad is not None]
        if not names:
            return {}
        locals_ = [_local(self.parameters[name].grad) for name in names]
        parts = [torch.linalg.vector_norm(local.float()) for local in locals_]
        tables = [p.grad for p in self._chat_tables() if p.grad is not None] if self.chat_rows else []
        for table in tables:
            local, rows = self._rows_of(table)
            parts.append(torch.linalg.vector_norm(local[rows].float()))
        squares = torch.stack(parts).double().pow(2)
        if any(isinstance(self.parameters[name].grad, DTensor) for name in names):
            torch.distributed.all_reduce(squares)
        values = squares.tolist()
        found: dict[str, float] = {}
        for name, value in zip(names, values[: len(names)], strict=True):
            found[self.kinds[name]] = found.get(self.kinds[name], 0.0) + value
        if tables:
            found[CHAT_ROWS] = sum(values[len(names) :])
            found[EMBEDDING] = _minus(found[EMBEDDING], found[CHAT_ROWS])
        return found

    def scale(self, factors: dict[str, float]) -> None:
        """Multiply the gradients of every kind by its factor."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                if parameter.grad is None:
                    continue
                factor = factors[self.kinds[name]]
                local = _local(parameter.grad)
                if self.kinds[name] == EMBEDDING and self.chat_rows and parameter.shape[0] == self.vocabulary:
                    _, rows = self._rows_of(parameter.grad)
                    kept = local[rows] * factors[CHAT_ROWS]
                    local.mul_(factor)
                    local[rows] = kept
                elif factor != 1.0:
                    local.mul_(factor)

    def clip(self, limit: float, *, by: str = "group") -> Clip:
        """Clip every kind to `limit`, or all together where `by` is `whole`; a norm that is not finite is not cut."""
        squares = self.squares()
        norms = {kind: square**0.5 for kind, square in squares.items()}
        norm = sum(squares.values()) ** 0.5
        largest = max(norms, key=norms.__getitem__) if norms else "none"
        if by == "whole":
            factors = dict.fromkeys(norms, min(1.0, limit / (norm + 1e-6)))
        else:
            factors = {kind: min(1.0, limit / (value + 1e-6)) for kind, value in norms.items()}
        clipped = any(factor < 1.0 for factor in factors.values())
        if clipped and norm < float("inf"):
            self.scale(factors)
        return Clip(norm, norms, largest, clipped)

    def chat_rows_norm(self) -> float | None:
        """Return the mean norm of the chat tokens' rows of the first embedding, or None where none is trained.

        Rows that shrink over a run are rows that decay.
        """
        tables = self._chat_tables()
        if not tables or not self.chat_rows:
            return None
        with torch.no_grad():
            local, rows = self._rows_of(tables[0])
            total = local[rows].float().norm(dim=1).sum()
            if isinstance(tables[0], DTensor):
                torch.distributed.all_reduce(total)
        return float(total) / len(self.chat_rows)


def _local(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _minus(whole: float, part: float) -> float:
    """Return `whole - part`, at least 0: both are sums of squares in float32, so the difference may miss it."""
    return max(0.0, whole - part)


def build_optimizer(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    *,
    betas: tuple[float, float] = (0.9, 0.95),
    epsilon: float = 1e-8,
    fused: bool = False,
) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only: none on embeddings, norms and gains."""
    decayed, free = Groups(model).decayed()
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=epsilon, fused=fused or None)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(model: nn.Module, limit: float) -> tuple[float, str]:
    """Clip the whole gradient norm to `limit`; return (norm before, kind of parameter with the largest share).

    Kept for pre-training, whose shipped checkpoints were made with it.
    """
    squares = Groups(model).squares()
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))
    return norm, max(squares, key=squares.__getitem__) if squares else "none"
