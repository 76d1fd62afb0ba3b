"""The one frozen configuration of a training run, and how it is read from a TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from assay.errors import UserError
from assay.nouns.base import Noun

OPERATIONAL = frozenset(
    {"save_every", "evaluate_every", "keep"}
)  # may differ when a run goes on: no weight depends on it

Beta = Annotated[float, Field(ge=0, lt=1)]


class LoraChoice(Noun):
    """A low-rank adapter (Hu et al., arXiv 2106.09685) on linear layers, in place of all weights."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=0, ge=0)  # 0 takes twice the rank; the update is scaled by alpha / rank
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ()  # names of layers such as q_proj; none means every linear layer but the head


class TrainConfig(Noun):
    """Everything that decides the weights a run ends with, but for model, data and number of processes.

    Rates are per step, tokens are counted over all processes. `steps` counts optimiser steps; 0 takes as many
    as `epochs` give. `context` is the longest example in tokens; 0 takes the model's own.
    """

    objective: str = "supervised"
    seed: int = Field(default=0, ge=-(1 << 63), lt=1 << 63)
    epochs: int = Field(default=1, ge=1)
    steps: int = Field(default=0, ge=0)
    batch_tokens: int = Field(default=16_384, ge=1)  # of a step, at most; one longer example is a step of its own
    pack_tokens: int = Field(default=4096, ge=1)  # of one forward pass
    context: int = Field(default=0, ge=0)
    peak_rate: float = Field(default=2e-5, gt=0, allow_inf_nan=False)
    schedule: Literal["cosine", "constant"] = "cosine"  # constant stays at the peak, then falls over `decay_share`
    warmup: int = Field(default=10, ge=0)  # steps
    decay_share: float = Field(default=0.3, gt=0, le=1)
    end_share: float = Field(default=0.1, ge=0, le=1)  # of the peak rate, at the last step
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)  # of matrices only
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    epsilon: float = Field(default=1e-8, gt=0, allow_inf_nan=False)
    clip: float = Field(default=1.0, gt=0)
    clip_by: Literal["group", "whole"] = "group"  # see `assay.training.optimizer`
    lora: LoraChoice | None = None
    save_every: int = Field(default=0, ge=0)  # steps; 0 saves at the end only
    evaluate_every: int = Field(default=0, ge=0)  # steps; 0 evaluates at the end only
    keep: int = Field(default=2, ge=1)  # checkpoints
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = Field(default=1, ge=1)
    recompute: bool = False  # gradient checkpointing: activations are computed again in the backward pass
    compile: bool = False  # each block by torch.compile, on CUDA


def read_config(path: Path | None, given: dict[str, Any]) -> tuple[TrainConfig, dict[str, Any]]:
    """Return the configuration of a TOML file with the fields `given` on the command line laid over it.

    The second value is the file's table `online`, which belongs to the objectives that sample. Raises UserError
    that names file, field and remedy.
    """
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise UserError(f"There is no configuration file {path}: name one, or leave --config out.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"The configuration file {path} cannot be read ({error}): mend it.") from error
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"The configuration file {path} is not TOML: {error}; mend that line.") from error
    online = raw.pop("online", {})
    source = f"The configuration file {path}" if path is not None else "The configuration"
    try:
        return TrainConfig(**{**raw, **given}), online
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        fault = first["msg"].rstrip(".")
        raise UserError(f"{source} is wrong at `{field}`: {fault}; mend that field.") from error


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """Return what differs between two nested records, each as `name was X and is Y`."""
    found: list[str] = []
    for name in sorted({*before, *now} - (OPERATIONAL if not prefix or prefix == "config." else frozenset())):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{name}.")
        elif old != new:
            found.append(f"{prefix}{name} was {old} and is {new}")
    return found
