"""The one training loop: a step over packed rows with any objective, its log line, and checkpoints that resume.

A step sums the objective over all its rows and divides once, by how many tokens of the whole step are in the loss:
a mean over the step, not a mean of the rows' means. What is not finite stops the run before any weight changes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from assay.errors import MachineryError, UserError
from assay.models.formats import ChatFormat
from assay.nouns import Message, Role
from assay.training import checkpoints
from assay.training.adapters import read_adapter, save_adapter, with_lora
from assay.training.config import TrainConfig
from assay.training.distributed import Processes, blocks_of, join, like, precision_of, shard, whole
from assay.training.forward import target_logprobs
from assay.training.optimizer import KINDS, Groups, build_optimizer, set_rate
from assay.training.packing import Packed
from assay.training.schedule import scheduled

LOG = "training.jsonl"

Objective = Callable[[Tensor, Packed], tuple[Tensor, dict[str, float]]]
"""Log-probabilities (N,) of a row's targets and the row in; the sum of losses, and numbers to log, out. Pure.

The numbers are averaged over the step's rows by how many targets they have; of a name that ends in `_max` the
largest is taken.
"""


def supervised(logprobs_N: Tensor, packed: Packed) -> tuple[Tensor, dict[str, float]]:
    """The negative log-likelihood of every target, L = - sum_t log pi(y_t | y_<t, x)."""
    return -logprobs_N.sum(), {}


@dataclass(frozen=True)
class StepLog:
    """One step. `tokens` and `loss_tokens` are this step's; `loss` is in nats a token for supervised training.

    `norms` are gradient norms by kind of parameter before clipping, `largest` the kind that dominates.
    """

    step: int
    loss: float
    tokens: int
    loss_tokens: int
    rate: float
    gradient_norm: float
    clipped: bool
    norms: dict[str, float]
    largest: str
    seconds: float
    more: dict[str, Any] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        """Return what stands in the log: one flat object."""
        line = asdict(self)
        more = line.pop("more")
        return {**line, **more}


class Trainer:
    """A model under training: its optimiser, its counters, and the directory that it is saved in.

    `config.steps` must say how many steps the whole run has, for the schedule. `position` is the caller's: anything
    that JSON can hold and says where in the data the next step begins; it is saved and comes back with the rest.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        format: ChatFormat,
        config: TrainConfig,
        out: Path,
        *,
        processes: Processes | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a model in float32. `card` goes into every checkpoint's card: base, data, what the caller knows."""
        if config.steps < 1:
            raise MachineryError("a Trainer needs `steps`, the length of the whole run")
        self.format, self.config, self.out = format, config, Path(out)
        self.processes = processes or join(config.device)
        self.card = dict(card or {})
        self.steps_done = self.tokens = self.loss_tokens = 0
        self.position: dict[str, Any] = {}
        self.precision = precision_of(config, self.processes.device)
        self.model: PreTrainedModel | PeftModel = model
        if config.lora is not None:
            self.model = with_lora(model, config.lora, config.seed)
        self.model.to(self.processes.device)  # type: ignore[arg-type]
        self._logprobs = self._prepare()
        self.groups = Groups(self.model, chat_rows(format))
        self.optimizer = build_optimizer(
            self.model,
            config.peak_rate,
            config.weight_decay,
            betas=config.betas,
            epsilon=config.epsilon,
            fused=self.processes.device.type == "cuda" or self.processes.count == 1,
        )
        self.model.train()

    def _prepare(self) -> Callable[..., Tensor]:
        """Set up recomputation, compilation and sharding; return the function that gives log-probabilities."""
        if self.config.recompute:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
        if self.config.compile:
            if self.processes.device.type != "cuda":
                raise UserError("`compile` is for cuda; on the CPU it costs more than it gives: leave it out.")
            for block in blocks_of(self.model):
                block.compile()
        if self.processes.count == 1:
            return lambda packed, temperature: target_logprobs(self.model, packed, temperature=temperature)
        name = "target_logprobs"
        setattr(self.model, name, MethodType(target_logprobs, self.model))
        shard(self.model, self.processes, self.precision, [name])
        method = getattr(self.model, name)
        return lambda packed, temperature: method(packed, temperature=temperature)

    def _cast(self) -> AbstractContextManager[Any]:
        if self.precision is torch.bfloat16 and self.processes.count == 1:
            return torch.autocast(self.processes.device.type, torch.bfloat16)
        return nullcontext()

    def logprobs(self, packed: Packed, *, temperature: float = 1.0) -> Tensor:
        """Return the log-probability of each target of a row on this run's device, (N,), differentiable."""
        with self._cast():
            return self._logprobs(packed.to(self.processes.device), temperature)

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        config = self.config
        return scheduled(
            config.schedule,
            self.steps_done,
            config.steps,
            config.peak_rate,
            warmup=config.warmup,
            decay_share=config.decay_share,
            end_share=config.end_share,
        )

    def step(
        self,
        batch: Sequence[Packed],
        objective: Objective,
        *,
        temperature: float = 1.0,
        denominator: float | None = None,
        names: Sequence[str] = (),
        told: Mapping[str, Any] | None = None,
    ) -> StepLog:
        """Take one optimiser step on the rows of `batch` and log it.

        The sum of losses is divided by `denominator`, by default the number of targets of the whole step. Every
        process is given the whole batch. `names` says, a row each, what data it holds, for the sentence of a loss
        that is not finite; `told` is added to the log line. Raises MachineryError when nothing is to be learned
        from, UserError when loss or gradient is not finite: the weights are then those before the step.
        """
        began = time.perf_counter()
        number = self.steps_done + 1
        loss_tokens = sum(len(row.targets_N) for row in batch)
        if loss_tokens == 0:
            raise MachineryError(
                f"step {number} has nothing to learn from: no token of its {len(batch)} rows is in the loss"
            )
        divisor = float(loss_tokens if denominator is None else denominator)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        means: dict[str, float] = {}
        largest: dict[str, float] = {}
        numbered = [(place, row) for place, row in enumerate(batch) if len(row.targets_N)]
        for (place, row), counts in self.processes.share(numbered):
            loss, found = objective(self.logprobs(row, temperature=temperature), row.to(self.processes.device))
            # FSDP takes the mean of the processes' gradients, and the step wants their sum
            scaled = loss * (self.processes.count / divisor if counts else 0.0)
            value = float(loss.detach())
            if not torch.isfinite(loss.detach()):
                raise self._not_finite(f"the loss is {value}", names[place] if place < len(names) else f"row {place}")
            scaled.backward()
            if counts:
                total += value
                for name, number_found in found.items():
                    if name.endswith("_max"):
                        largest[name] = max(largest.get(name, number_found), number_found)
                    else:
                        means[name] = means.get(name, 0.0) + number_found * len(row.targets_N) / loss_tokens
        total, means, largest = self._over_processes(total, means, largest)
        clip = self.groups.clip(self.config.clip, by=self.config.clip_by)
        if not clip.norm < float("inf"):
            kind = next((kind for kind, norm in clip.norms.items() if not norm < float("inf")), "all together")
            raise self._not_finite(f"the gradient of {kind} is {clip.norms.get(kind)}", "; ".join(names) or "its rows")
        rate = self.rate()
        set_rate(self.optimizer, rate)
        self.optimizer.step()
        tokens = sum(len(row.ids_T) for row in batch)
        self.steps_done, self.tokens, self.loss_tokens = number, self.tokens + tokens, self.loss_tokens + loss_tokens
        rows_norm = self.groups.chat_rows_norm()
        more = {**means, **largest, **(told or {})}
        if rows_norm is not None:
            more["chat_rows_weight"] = rows_norm
        log = StepLog(
            step=number,
            loss=total / divisor,
            tokens=tokens,
            loss_tokens=loss_tokens,
            rate=rate,
            gradient_norm=clip.norm,
            clipped=clip.clipped,
            norms=clip.norms,
            largest=clip.largest,
            seconds=round(time.perf_counter() - began, 4),
            more=more,
        )
        if self.processes.first:
            self.out.mkdir(parents=True, exist_ok=True)
            checkpoints.append_line(self.out / LOG, log.line())
        return log

    def _over_processes(
        self, total: float, means: dict[str, float], largest: dict[str, float]
    ) -> tuple[float, dict[str, float], dict[str, float]]:
        if self.processes.count == 1:
            return total, means, largest
        gathered = self.processes.gather((total, means, largest))
        names = sorted({name for _, found, _ in gathered for name in found})
        tops = sorted({name for _, _, found in gathered for name in found})
        return (
            sum(part for part, _, _ in gathered),
            {name: sum(found.get(name, 0.0) for _, found, _ in gathered) for name in names},
            {name: max(found[name] for _, _, found in gathered if name in found) for name in tops},
        )

    def _not_finite(self, what: str, data: str) -> UserError:
        self.optimizer.zero_grad(set_to_none=True)
        kept = checkpoints.latest(self.out)
        last = f"the last good checkpoint is {kept}" if kept is not None else "no checkpoint was saved before it"
        return UserError(
            f"Step {self.steps_done + 1} was not taken: {what}, on {data}; {last}: lower `peak_rate`, or look at that "
            "data with `assay doctor`."
        )

    def held_out(self, rows: Sequence[Packed]) -> float:
        """Return the mean loss (nats a token) of the targets of `rows`, all processes together; trains nothing."""
        count = sum(len(row.targets_N) for row in rows)
        if count == 0:
            raise MachineryError("nothing is held out: no token of the rows to evaluate on is in the loss")
        self.model.eval()
        total = 0.0
        try:
            with torch.no_grad():
                for row, counts in self.processes.share([row for row in rows if len(row.targets_N)]):
                    value = -float(self.logprobs(row).double().sum())
                    total += value if counts else 0.0
        finally:
            self.model.train()
            if self.processes.count > 1:
                self.model.reshard()  # type: ignore[operator]
        return self.processes.total([total])[0] / count

    def save(self, final: Path | None = None) -> Path:
        """Write the checkpoint of this step, by rename, and remove all but the newest `config.keep`; return it.

        With `final` it is written there and none is removed. A full disk raises UserError and leaves the
        checkpoints before it as they are.
        """
        keep = self.config.keep if final is None else 0
        final = final or self.out / checkpoints.CHECKPOINTS / str(self.steps_done)
        weights = {name: whole(p) for name, p in self._weights().items()}
        state = {
            f"{name}/{kind}": whole(value)
            for name, parameter in self.groups.parameters.items()
            for kind, value in self.optimizer.state.get(parameter, {}).items()
        }
        if self.processes.first:
            checkpoints.guarded(final, checkpoints.begin)
        self.processes.wait()
        checkpoints.guarded(final, lambda folder: checkpoints.write_random(folder, self.processes.rank))
        if self.processes.first:
            checkpoints.guarded(final, lambda folder: self._write(folder, weights, state))
        self.processes.wait()
        if self.processes.first:
            checkpoints.guarded(final, lambda folder: checkpoints.finish(final, keep))
        self.processes.wait()
        return final

    def _weights(self) -> dict[str, Tensor]:
        """Return what a checkpoint holds: all weights, tied ones once, or with LoRA the trained ones."""
        if self.config.lora is not None:
            return dict(self.groups.parameters)
        once = {name for name, _ in self.model.named_parameters()}
        tied = {name for name, _ in self.model.named_parameters(remove_duplicate=False)} - once
        return {name: tensor for name, tensor in self.model.state_dict().items() if name not in tied}

    def _write(self, folder: Path, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        if isinstance(self.model, PeftModel):
            save_adapter(self.model, weights, folder)
        else:
            self.model.save_pretrained(folder, state_dict=weights)
        self.format.save(folder)
        facts = {
            "step": self.steps_done,
            "tokens": self.tokens,
            "loss_tokens": self.loss_tokens,
            "position": self.position,
            "processes": self.processes.count,
        }
        checkpoints.write_state(folder, state, facts)
        card = {
            **self.card,
            **{name: facts[name] for name in ("step", "tokens", "loss_tokens", "processes")},
            "config": self.config.model_dump(mode="json"),
            "decay": {kind: self.config.weight_decay if kind == "matrices" else 0.0 for kind in KINDS},
            "device": str(self.processes.device),
            "precision": str(self.precision).removeprefix("torch."),
            "torch": torch.__version__,
        }
        checkpoints.write_card(folder, card)

    def resume(self, out: Path | None = None) -> bool:
        """Go on from the last checkpoint of `out` (by default this run's), to the last bit on a CPU.

        Returns whether there was one. Log lines of steps after it are removed, for these are made again, and of its own
        directory so is what a killed run should have removed.
        """
        if out is None and self.processes.first:
            checkpoints.prune(self.out, self.config.keep)
        self.processes.wait()
        out = self.out if out is None else Path(out)
        directory = checkpoints.latest(out)
        if directory is None:
            self._cut_log(0)
            return False
        self.restore(directory)
        return True

    def _cut_log(self, step: int) -> None:
        if self.processes.first:
            checkpoints.cut_log(self.out / LOG, step)
        self.processes.wait()

    def restore(self, directory: Path) -> None:
        """Go on from the checkpoint `directory`."""
        if isinstance(self.model, PeftModel):
            self._load_adapter(directory)
        else:
            self._load_weights(directory)
        tensors, facts = checkpoints.read_state(directory)
        for name, parameter in self.groups.parameters.items():
            mine = {key.rpartition("/")[2]: value for key, value in tensors.items() if key.rpartition("/")[0] == name}
            self.optimizer.state[parameter] = {
                kind: like(value, parameter) if value.shape == parameter.shape else value
                for kind, value in mine.items()
            }
        self.steps_done, self.tokens, self.loss_tokens = facts["step"], facts["tokens"], facts["loss_tokens"]
        self.position = facts["position"]
        checkpoints.read_random(directory, self.processes.rank)
        self._cut_log(self.steps_done)

    def _load_adapter(self, directory: Path) -> None:
        tensors = read_adapter(self.model, directory)
        self._set(dict(self.groups.parameters), tensors, directory)

    def _load_weights(self, directory: Path) -> None:
        found = checkpoints.read_weights(directory)
        self._set(self.model.state_dict(), found, directory)

    def _set(self, mine: dict[str, Tensor], found: dict[str, Tensor], directory: Path) -> None:
        wrong = [name for name, tensor in mine.items() if name not in found or found[name].shape != tensor.shape]
        if wrong:
            raise UserError(
                f"The checkpoint {directory} is of another model: `{wrong[0]}` differs; give the model that the run "
                "began with, or another --out."
            )
        with torch.no_grad():
            for name, tensor in mine.items():
                tensor.copy_(like(found[name], tensor))


def chat_rows(format: ChatFormat) -> list[int]:
    """Return the ids of the tokens that the format writes around turns: those of a turn that carry no text."""
    asked = [Message(role=Role.USER, content="a"), Message(role=Role.ASSISTANT, content="a")]
    said = {token for token in format.render(asked)[0] if not format.decode([token])}
    return sorted(said | format.stops | {format.pad})
