"""What is examined: a run, a training set or a checkpoint, with its parts opened when a check first asks for them."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from assay.errors import UserError
from assay.ledger import Ledger
from assay.models.formats import ChatFormat, load_format
from assay.models.weights import ADAPTER_CONFIG, load_model
from assay.training import checkpoints
from assay.training.adapters import ADAPTER
from assay.training.data import Dataset, open_dataset
from assay.training.data.layout import INDEX_FILE
from assay.training.doctor.weights import tensor_types
from assay.training.loop import LOG

LEDGER, NO_STEP = "ledger.sqlite", "no step/"  # where `assay.training.online` records rounds without a step
MISSING = {
    "log": f"there is no {LOG}",
    "model": "there is no checkpoint",
    "base": "it is not known which model the run began with, or that directory is gone (name it with --base)",
    "tokenizer": "there is no tokenizer (name a checkpoint that has it with --model)",
    "format": "there is no chat format that can be used (see `template`, or name a checkpoint with --model)",
    "data": "there is no training set (name one with --data)",
}


class Patient:
    """One directory under examination. `kind` is run, dataset or model.

    A run's model is its last checkpoint. Of a training set the `model` given is asked for its tokenizer and its
    context only. `data` and `base` stand in for what the directory does not say itself.
    """

    def __init__(
        self,
        path: Path,
        *,
        data: Path | None = None,
        model: Path | None = None,
        base: Path | None = None,
        prompts: int = 8,
        most: int = 128,
    ) -> None:
        """`prompts` is how many held-out prompts are answered, `most` how many tokens an answer may have."""
        self.path, self.prompts, self.most = path, prompts, most
        self.kind = _kind(path)
        self.checkpoints = checkpoints.checkpoints(path) if self.kind == "run" else []
        own = path if self.kind == "model" else self.checkpoints[-1] if self.checkpoints else None
        self.model_folder = own
        self.format_folder = own or model
        self.data_folder = path if self.kind == "dataset" else data or self._named("data")
        self.base_folder = base or self._named("base")

    def has(self, part: str) -> bool:
        """Whether a part is there to be read: log, model, base, tokenizer, format or data."""
        if part == "log":
            return bool(self.log)
        if part == "model":
            return self.model_folder is not None
        if part == "tokenizer":
            return self.format_folder is not None and (self.format_folder / "tokenizer.json").is_file()
        if part == "format":
            return self.has("tokenizer") and self._format_opens
        return (self.base_folder if part == "base" else self.data_folder) is not None

    def _named(self, field: str) -> Path | None:
        """Return the directory that the checkpoint's card names under `field`, where it is still there."""
        named = self.card.get(field)
        if isinstance(named, Mapping):
            named = named.get("directory") or named.get("folder")
        return Path(named) if isinstance(named, str) and named and Path(named).is_dir() else None

    @cached_property
    def card(self) -> dict[str, Any]:
        """The checkpoint's card, empty where there is none."""
        path = self.model_folder / "card.json" if self.model_folder is not None else None
        if path is None or not path.is_file():
            return {}
        try:
            card = json.loads(path.read_text())
        except ValueError as error:
            raise UserError(f"{path} is not JSON ({error}): the checkpoint was damaged, take another.") from error
        return card if isinstance(card, dict) else {}

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the run's log; a last line that a kill cut short is left out."""
        path = self.path / LOG
        if self.kind != "run" or not path.is_file():
            return []
        lines: list[dict[str, Any]] = []
        texts = path.read_text().splitlines()
        for number, text in enumerate(texts, start=1):
            try:
                lines.append(json.loads(text))
            except ValueError as error:
                if number < len(texts):
                    raise UserError(f"Line {number} of {path} is not JSON ({error}): mend or remove it.") from error
        return lines

    @cached_property
    def steps_not_taken(self) -> list[dict[str, Any]]:
        """What a run that samples recorded of rounds in which no attempt weighed anything, so without a step."""
        path = self.path / LEDGER
        if self.kind != "run" or not path.is_file():
            return []
        with Ledger(path) as ledger:
            return [fact for fact in ledger.facts(NO_STEP).values() if isinstance(fact, dict)]

    @cached_property
    def format(self) -> ChatFormat:
        """The chat format of the checkpoint."""
        assert self.format_folder is not None
        return load_format(self.format_folder)

    @cached_property
    def _format_opens(self) -> bool:
        """Whether the chat format can be used; why not is what the check `template` says."""
        try:
            return bool(self.format)
        except UserError:
            return False

    @cached_property
    def dataset(self) -> Dataset:
        """The training set."""
        assert self.data_folder is not None
        return open_dataset(self.data_folder)

    @cached_property
    def context(self) -> int | None:
        """How many tokens the model's positions reach, from its config.json, or None where that does not say."""
        path = self.format_folder / "config.json" if self.format_folder is not None else None
        if path is None or not path.is_file():
            return None
        config = json.loads(path.read_text())
        found = config.get("text_config", config).get("max_position_embeddings")
        return int(found) if found else None

    @cached_property
    def stored_types(self) -> list[str]:
        """The type of every tensor in the checkpoint's files, such as float32."""
        assert self.model_folder is not None
        return [kind for path in sorted(self.model_folder.glob("*.safetensors")) for kind in tensor_types(path)]

    @cached_property
    def model(self) -> PreTrainedModel:
        """The checkpoint's model with its adapter, if it is one, merged into its base; for reading only."""
        assert self.model_folder is not None
        return load_model(self.model_folder, base=self.base_folder).eval()


def _kind(path: Path) -> str:
    if not path.is_dir():
        raise UserError(f"There is no directory {path}: name a run, a training set or a checkpoint.")
    if (path / LOG).is_file() or (path / checkpoints.CHECKPOINTS).is_dir():
        return "run"
    if (path / INDEX_FILE).is_file():
        return "dataset"
    if any((path / name).is_file() for name in ("model.safetensors", "config.json", ADAPTER, ADAPTER_CONFIG)):
        return "model"
    rounds = sorted(path.glob("rounds/*/"), key=lambda folder: folder.name)
    if rounds:
        raise UserError(f"{path} trained in rounds, each a run of its own: name one of them, such as {rounds[-1]}.")
    raise UserError(
        f"{path} is no run ({LOG}), no training set ({INDEX_FILE}) and no checkpoint (config.json): name one of these."
    )
