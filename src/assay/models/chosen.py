"""Which model a word names: an endpoint, a checkpoint on this machine, or a script.

openai:URL#NAME         chat completions of any OpenAI-compatible endpoint
completions:URL#NAME    its completions API, token ids in and out; needs a tokenizer directory
local:DIR               a Hugging Face causal model, sampled here
scripted:FILE           a JSON list of texts, one a turn
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import UserError
from assay.models.base import Model
from assay.models.endpoint import Endpoint
from assay.nouns.base import sha256_file

if TYPE_CHECKING:
    from assay.models.allowance import Allowance
    from assay.models.local import LocalModel

MAX_NEW_TOKENS = 1024  # of a local model's reply, where nothing is said
_KINDS = ("openai", "completions", "local", "scripted")
_CLASSES = {"local": "assay.models.local.LocalModel", "scripted": "assay.models.scripted.ScriptedModel"}
_DECIDING = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")  # files of a checkpoint


@dataclass(frozen=True)
class OnThisMachine:
    """A checkpoint directory or a script, and how it is sampled. `None` is: what `open_model` says."""

    kind: str
    path: Path
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    device: str | None = None
    slots: int = 32
    template: Path | None = None
    price: None = None

    @property
    def name(self) -> str:
        """The directory's own name, or the script's."""
        return self.path.resolve().stem if self.kind == "scripted" else self.path.resolve().name

    @cached_property
    def hashes(self) -> dict[Path, str]:
        """The SHA-256 of each file that decides the answers; of a checkpoint all weights are read, once.

        Whole, for an adapter merged into a few layers may change nothing but their middle.
        """
        found = sorted(each for kind in _DECIDING for each in self.path.glob(kind) if each.name != "card.json")
        files = [self.path] if self.path.is_file() else found
        return {file: sha256_file(file) for file in [*files, *([self.template] if self.template else [])]}

    @cached_property
    def described(self) -> dict[str, Any]:
        """What of it decides the answers, for the record."""
        return {
            "endpoint": f"{self.kind}:{self.path}",
            "model": self.name,
            "model_class": _CLASSES[self.kind],
            "weights": _fingerprint(self.hashes),
            "price": None,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "template": None if self.template is None else str(self.template),
        }


Which = Endpoint | OnThisMachine


def which(word: str, **options: Any) -> Which:
    """Return what `word` names; options that its kind does not have are left out. Raises UserError.

    Options: `temperature`, `top_p`, `max_tokens`; of endpoints those of `Endpoint` (`key`, `price`, `stream`...); of
    local models `device`, `slots`, `template`.
    """
    kind, _, rest = word.partition(":")
    if kind in ("openai", "completions"):
        known = {field.name for field in fields(Endpoint)}
        return Endpoint.parse(word, **{name: value for name, value in options.items() if name in known})
    if kind not in _KINDS or not rest:
        raise UserError(
            f"--model {word!r} names no model: write openai:URL#NAME, completions:URL#NAME, local:DIR or scripted:FILE"
        )
    path = Path(rest).expanduser()
    if kind == "local" and not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise UserError(f"--model {word}: there is no checkpoint in {path}: name a directory with config.json in it")
    if kind == "scripted" and not path.is_file():
        raise UserError(f"--model {word}: there is no file {path}: name a JSON list of texts")
    known = {field.name for field in fields(OnThisMachine)} - {"kind", "path", "price"}
    return OnThisMachine(kind, path, **{name: value for name, value in options.items() if name in known})


@asynccontextmanager
async def open_model(
    word: str | Which,
    *,
    tokenizer: Path | None = None,
    tell: Callable[[str], None] = lambda why: None,
    check: bool = False,
    allowance: "Allowance | None" = None,
    **options: Any,
) -> AsyncIterator[Model]:
    """Give the model that `word` names for as long as the block lasts. Raises UserError when there is none.

    `tokenizer` is the directory whose chat format renders for `completions:`. `tell` hears of tries that are made
    again. With `check` an endpoint is asked for its models first, so that what cannot work stops here. `allowance`
    admits each request or turn: the endpoint's own rates, or no limit, unless given.
    """
    chosen = which(word, **options) if isinstance(word, str) else word
    if isinstance(chosen, Endpoint):
        async with _asked(chosen, tokenizer, tell, check, allowance) as model:
            yield model
    elif chosen.kind == "scripted":
        from assay.models.scripted import ScriptedModel

        yield ScriptedModel.load(chosen.path)
    elif allowance is None:
        yield load_local(chosen)
    else:
        from assay.models.allowance import Metered

        yield Metered(load_local(chosen), allowance, chosen.max_tokens or MAX_NEW_TOKENS)


@asynccontextmanager
async def _asked(
    endpoint: Endpoint,
    tokenizer: Path | None,
    tell: Callable[[str], None],
    check: bool,
    allowance: "Allowance | None",
) -> AsyncIterator[Model]:
    from assay.models.http import HttpModel

    if endpoint.kind == "openai":
        async with HttpModel.open(endpoint, tell, None, allowance) as model:
            if check:
                await model.check()
            yield model
        return
    if tokenizer is None:
        raise UserError(
            "completions:URL#NAME sends token ids and needs the model's tokenizer: name its directory with --tokenizer"
        )
    from assay.models.completions import CompletionsWire
    from assay.models.formats import load_format

    form = load_format(tokenizer)
    async with HttpModel.open(endpoint, tell) as model:
        context = await model.check()
    async with HttpModel.open(endpoint, tell, CompletionsWire(endpoint, form, context, tell), allowance) as model:
        yield model


def load_local(chosen: OnThisMachine) -> "LocalModel":
    """Load a checkpoint and its engine. Raises UserError when it cannot be sampled from."""
    from assay.models.local import LocalModel
    from assay.models.weights import use_one_thread

    if chosen.device in (None, "cpu"):
        use_one_thread(0)
    given = {"device": chosen.device, "top_p": chosen.top_p, "template": chosen.template}
    more: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return LocalModel.load(
        chosen.path,
        temperature=1.0 if chosen.temperature is None else chosen.temperature,
        max_new_tokens=chosen.max_tokens or MAX_NEW_TOKENS,
        slots=chosen.slots,
        **more,
    )


def _fingerprint(hashes: Mapping[Path, str]) -> str:
    """Return a digest of a script, or of all of a checkpoint that decides what it says, and of the template, if any."""
    found = hashlib.sha256()
    for file, digest in hashes.items():
        found.update(f"{file.name} {digest}\n".encode())
    return found.hexdigest()[:16]
