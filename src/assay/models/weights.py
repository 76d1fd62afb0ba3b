"""Weights on disk and in memory: a small Llama of transformers, deterministic on one thread."""

from pathlib import Path

import torch
from pydantic import Field
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from assay.errors import UserError
from assay.nouns.base import Noun

logging.disable_progress_bar()  # one bar for one file says nothing, and writes over ours


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


def load_model(directory: Path) -> LlamaForCausalLM:
    """Load a checkpoint directory in float32; raises UserError when it is none."""
    if not (directory / "model.safetensors").is_file():
        raise UserError(f"There is no checkpoint in {directory}: name a directory with model.safetensors in it.")
    return LlamaForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
