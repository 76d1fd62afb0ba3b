"""Several processes: the model sharded by FSDP2, each process with its share of every step's rows.

Start it with `torchrun --nproc-per-node N -m assay train ...`, or whatever sets the variables RANK, WORLD_SIZE and
LOCAL_RANK as it does. All processes make the same plan of the whole step and take every N-th row of it, so
that the sum over processes is the step of one process but for the order of additions. Every process runs the same
number of passes: where rows run out, one is run again and counts nothing. Tested on CPU with gloo; NCCL on several
GPUs takes the same path and has not been run.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from assay.errors import UserError
from assay.training.config import TrainConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among those of the run, and the device that it computes on."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes what the run writes."""
        return self.rank == 0

    def share(self, rows: Sequence[T]) -> list[tuple[T, bool]]:
        """Return this process's rows of a step, each with whether it counts; equally many for every process."""
        rounds = -(-len(rows) // self.count)
        mine = [rows[place] for place in range(self.rank, len(rows), self.count)]
        return [(row, True) for row in mine] + [(rows[0], False)] * (rounds - len(mine))

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sums over all processes, in float64."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return tensor.tolist()

    def gather(self, value: T) -> list[T]:
        """Return what every process gave, in order of rank."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            dist.barrier()


def join(device: str) -> Processes:
    """Return this process's place, and join the others where a launcher started several.

    `device` is auto, cpu or cuda. Raises UserError for a device that is not there.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("The device cuda was asked for and torch sees none here: leave `device` out, or take cpu.")
    where = torch.device(kind, int(os.environ.get("LOCAL_RANK", "0"))) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(where)
    if count > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    return Processes(rank, count, where)


def leave() -> None:
    """Leave the other processes, where there are any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def precision_of(config: TrainConfig, device: torch.device) -> torch.dtype:
    """Return what is computed in: bfloat16 on CUDA and float32 on the CPU, unless the configuration says."""
    if config.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return the transformer's blocks: the layers that are sharded, or compiled, one by one."""
    names = set(getattr(model, "_no_split_modules", None) or ())
    found = [module for module in model.modules() if type(module).__name__ in names]
    if not found:
        lists = [list(module) for module in model.modules() if isinstance(module, nn.ModuleList)]
        found = max(lists, key=len, default=[])
    return found


def shard(model: nn.Module, processes: Processes, precision: torch.dtype, methods: Sequence[str]) -> None:
    """Shard the parameters of `model` over all processes, in place, block by block.

    `methods` are the names of the model's methods that compute with its weights beside `forward`. Weights stay in
    float32; with bfloat16 they are gathered and computed with in that type, and gradients summed in float32.
    """
    mesh = init_device_mesh(processes.device.type, (processes.count,))
    low = precision is torch.bfloat16
    policy = MixedPrecisionPolicy(param_dtype=precision, reduce_dtype=torch.float32) if low else MixedPrecisionPolicy()
    for block in blocks_of(model):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for name in methods:
        register_fsdp_forward_method(model, name)


def whole(tensor: Tensor) -> Tensor:
    """Return a sharded or plain tensor whole, on the CPU. Every process must call it."""
    tensor = tensor.detach()
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).cpu()


def like(values: Tensor, model: Tensor) -> Tensor:
    """Return whole `values` in the type, on the device and in the sharding of the tensor `model`."""
    if isinstance(model, DTensor):
        local = values.to(model.device, model.dtype)
        return distribute_tensor(local, model.device_mesh, model.placements, src_data_rank=None)
    return values.to(model.device, model.dtype).clone()
