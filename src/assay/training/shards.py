"""Tokenised examples on disk: one .npz file a tokenizer, made once and read by every arm that uses it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assay.errors import UserError
from assay.training.examples import Example


def save_examples(examples: Sequence[Example], path: Path) -> None:
    """Write `examples` to `path` in one rename."""
    lengths = np.array([len(example.ids) for example in examples], dtype=np.int64)
    ids = np.array([token for example in examples for token in example.ids], dtype=np.uint32)
    in_loss = np.array([learn for example in examples for learn in example.in_loss], dtype=np.bool_)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(partial, lengths=lengths, ids=ids, in_loss=in_loss)
        partial.rename(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"The data {path} could not be written ({error}): free space and run again.") from error


def load_examples(path: Path) -> list[Example]:
    """Read the examples of `path`."""
    with np.load(path) as arrays:
        ids, in_loss = arrays["ids"].tolist(), arrays["in_loss"].tolist()
        ends = np.cumsum(arrays["lengths"]).tolist()
    starts = [0, *ends[:-1]]
    return [Example(tuple(ids[start:end]), tuple(in_loss[start:end])) for start, end in zip(starts, ends, strict=True)]


def examples_hash(examples: Sequence[Example]) -> str:
    """SHA-256 over ids and masks in order: equal hashes, equal data in equal order."""
    state = hashlib.sha256()
    for example in examples:
        state.update(np.array(example.ids, dtype=np.uint32).tobytes())
        state.update(np.array(example.in_loss, dtype=np.bool_).tobytes())
        state.update(b";")
    return state.hexdigest()
