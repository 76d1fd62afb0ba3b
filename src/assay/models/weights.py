"""Weights on disk and in memory: any causal model of transformers, and our small Llama, deterministic on one thread."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import Field
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.utils import logging

from assay.errors import UserError
from assay.nouns.base import Noun

logging.disable_progress_bar()  # one bar for one file says nothing, and writes over ours


ADAPTER_CONFIG = "adapter_config.json"


class Architecture(Noun):
    """Sizes of a Llama: `width` must be a multiple of `heads`."""

    vocabulary: int = Field(default=2048, ge=300)
    width: int = Field(default=160, ge=16)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=5, ge=1)
    inner: int = Field(default=432, ge=16)
    context: int = Field(default=768, ge=64)


def use_one_thread(seed: int) -> None:
    """Seed torch and set one thread: two are slower on small models, and one is repeatable to the last bit."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)


def new_model(architecture: Architecture, seed: int) -> LlamaForCausalLM:
    """Return a freshly initialised model in float32."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=architecture.vocabulary,
        hidden_size=architecture.width,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.heads,
        intermediate_size=architecture.inner,
        max_position_embeddings=architecture.context,
        tie_word_embeddings=True,
        initializer_range=0.5 * architecture.width**-0.5,
    )
    config._attn_implementation = "sdpa"
    return LlamaForCausalLM(config)


def load_model(
    directory: Path,
    *,
    base: Path | None = None,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    attention: str = "sdpa",
) -> PreTrainedModel:
    """Load the causal language model of a directory: config.json and safetensors, in one file or several.

    `dtype` is float32 on a CPU and bfloat16 on a GPU unless given. A directory that holds a peft adapter instead gives
    the model that the adapter was made for (`base`, or the one that it names), with the adapter merged into its
    weights. Nothing is downloaded and no code of the directory is run. Raises UserError when the directory is no such
    checkpoint, or one of another architecture than its config says.
    """
    if (directory / ADAPTER_CONFIG).is_file() and not _has_weights(directory):
        return merge(load_model(base or _base_of(directory), device=device, dtype=dtype), directory)
    if not _has_weights(directory):
        raise UserError(f"There is no checkpoint in {directory}: name a directory with model.safetensors in it.")
    if device != "cpu" and not _has_device(device):
        raise UserError(f"There is no device {device!r} on this machine: leave it out, or install torch for it.")
    if device.startswith("cuda"):  # without it cuBLAS refuses to work under torch's deterministic algorithms
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    precision = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    with _quiet():
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=precision,
                attn_implementation=attention,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
            )
        except _UNLOADABLE as error:
            if attention == "sdpa" and "scaled_dot_product_attention" in str(error):
                return load_model(directory, device=device, dtype=dtype, attention="eager")
            raise UserError(f"The checkpoint in {directory} cannot be loaded: {_first_line(error)}") from error
    model, found = loaded
    parts = type(model).__name__ not in (model.config.architectures or [type(model).__name__])  # text of a larger model
    kinds = ("missing_keys", "mismatched_keys") if parts else ("missing_keys", "mismatched_keys", "unexpected_keys")
    every = [each for kind in kinds for each in found.get(kind) or ()]
    wrong = sorted(each if isinstance(each, str) else each[0] for each in every)  # a mismatched one has its shapes
    if wrong:
        raise UserError(
            f"The weights in {directory} are not those of {type(model).__name__}, which its config.json names: "
            f"{len(wrong)} tensors do not fit, {wrong[0]} for one."
        )
    return cast(PreTrainedModel, model.to(device))


# What transformers raises of a config.json with fields of a wrong kind is of many kinds.
_ODD_CONFIG = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError)
_UNLOADABLE = (*_ODD_CONFIG, OSError, ImportError, SafetensorError)


def _has_weights(directory: Path) -> bool:
    return any((directory / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json"))


def _has_device(device: str) -> bool:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        return False
    return True


def _first_line(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return first if " " in first else f"{type(error).__name__} {first}".strip()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the table of tensors that transformers prints: what is wrong is said in one sentence."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _base_of(directory: Path) -> Path:
    """Return where the model lies that an adapter names. Raises UserError."""
    path = directory / ADAPTER_CONFIG
    try:
        named = json.loads(path.read_text())["base_model_name_or_path"] or ""
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} does not name the model that the adapter is for ({error}): mend it.") from error
    places = [Path(named), directory / named, directory.parent / named]
    base = next((place for place in places if named and _has_weights(place)), None)
    if base is None:
        raise UserError(
            f"The adapter in {directory} is for {named!r}, which is no directory here: fetch it, mend {path}."
        )
    return base


def merge(model: PreTrainedModel, directory: Path) -> PreTrainedModel:
    """Return `model`, the base, with the adapter of `directory` added to its weights: a plain model again.

    Raises UserError where the directory holds no adapter, or one of another model.
    """
    from peft import PeftModel

    if not (directory / ADAPTER_CONFIG).is_file():
        raise UserError(f"There is no adapter in {directory}: name a directory with {ADAPTER_CONFIG} in it.")
    try:
        merged: Any = PeftModel.from_pretrained(model, str(directory)).merge_and_unload(safe_merge=True)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        base = model.name_or_path or "the model"
        raise UserError(f"The adapter in {directory} does not fit {base}: {_first_line(error)}") from error
    return cast(PreTrainedModel, merged)


def context_of(config: Any) -> int:
    """Return how many ids the model of a config takes, what its rotary positions are stretched to included.

    A linear, dynamic or YaRN stretch is by `factor`, from the original length where the config gives it; the other
    kinds have the stretched length in `max_position_embeddings` already.
    """
    text = config.get_text_config()
    plain = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None) or 2048
    rope = getattr(text, "rope_parameters", None) or {}
    if rope.get("rope_type") not in ("linear", "dynamic", "yarn"):
        return int(plain)
    original = rope.get("original_max_position_embeddings") or plain
    return max(int(plain), int(original * float(rope.get("factor", 1.0))))
