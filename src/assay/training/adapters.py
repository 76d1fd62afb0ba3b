"""Low-rank adapters by peft: put on a model, saved as an adapter directory, merged back into full weights."""

import shutil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from assay.errors import UserError
from assay.models.formats import load_format
from assay.models.weights import load_model, merge
from assay.training.checkpoints import partial_of, put
from assay.training.config import LoraChoice

ADAPTER = "adapter_model.safetensors"


def with_lora(model: PreTrainedModel, choice: LoraChoice, seed: int) -> PeftModel:
    """Return the model with adapters on its linear layers, all else frozen; `seed` draws their first values.

    The adapters' product starts at zero, so that the first step sees the model as it was.
    """
    torch.manual_seed(seed)
    most = max((min(layer.weight.shape) for layer in model.modules() if isinstance(layer, nn.Linear)), default=0)
    if most and choice.rank > most:
        raise UserError(f"`lora.rank` is {choice.rank} and no layer of the model has a rank above {most}: lower it.")
    config = LoraConfig(
        r=choice.rank,
        lora_alpha=choice.alpha or 2 * choice.rank,
        lora_dropout=choice.dropout,
        target_modules=list(choice.targets) or "all-linear",
        task_type="CAUSAL_LM",
        bias="none",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"`lora.targets` {list(choice.targets)} do not fit the model ({error}): mend them.") from error
    assert isinstance(adapted, PeftModel)
    return adapted


def save_adapter(model: PeftModel, parameters: dict[str, Tensor], directory: Path) -> None:
    """Write the adapter whose whole `parameters` are given by name, and the base model's config.json beside it."""
    tensors = get_peft_model_state_dict(model, state_dict=dict(parameters), save_embedding_layers=False)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, directory / ADAPTER, {"format": "pt"})
    model.peft_config["default"].save_pretrained(str(directory))
    base: Any = model.get_base_model()
    base.config.save_pretrained(directory)


def read_adapter(model: nn.Module, directory: Path) -> dict[str, Tensor]:
    """Return the weights of an adapter directory under the names that they have in the adapted `model`."""
    short = {
        name.replace(".default", ""): name for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    try:
        return {short.get(name, name): tensor for name, tensor in load_file(directory / ADAPTER).items()}
    except (SafetensorError, OSError) as error:
        raise UserError(f"The adapter {directory} cannot be read ({error}): remove it.") from error


def merge_checkpoint(base: Path, adapter: Path, out: Path) -> Path:
    """Write the model of directory `base` with the adapter added into `out`, a checkpoint directory; return it."""
    model = merge(load_model(base), adapter)
    partial = partial_of(out)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        model.save_pretrained(partial)
        load_format(adapter).save(partial)
        shutil.copy(adapter / "card.json", partial / "card.json")
        put(partial, out)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise UserError(
            f"The merged model {out} could not be written ({error}): free space and run the same command again."
        ) from error
    return out
