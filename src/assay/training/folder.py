"""The directory of a training run: held by one run at a time, and known by what decides its weights."""

import json
from pathlib import Path
from typing import Any

from assay.errors import UserError
from assay.nouns.base import sha256_file
from assay.training.config import differences

RUN = "run.json"


def claim(out: Path, identity: dict[str, Any]) -> None:
    """Write down what the run in `out` is, or check that it is the same that began there.

    Raises UserError that names what differs, or says that the directory holds something else.
    """
    path = out / RUN
    if path.is_file():
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}): name another directory with --out.") from error
        # as JSON, so that a tuple and the list that it became are the same
        differ = differences(before, json.loads(json.dumps(identity)))
        if differ:
            raise UserError(f"{out} holds another run: {'; '.join(differ)}. Give the same to go on, or another --out.")
        return
    others = sorted(item.name for item in out.iterdir() if item.name != ".lock")
    if others:
        raise UserError(f"{out} holds {others[0]} and no run of `assay train`: name an empty directory with --out.")
    partial = path.with_name(f"{RUN}.partial")
    try:
        partial.write_text(json.dumps(identity, indent=1) + "\n")
        partial.rename(path)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error}): free space and run again.") from error


def model_identity(directory: Path) -> dict[str, Any]:
    """Return what decides a model: the hashes of its configuration, weights and tokenizer, by file name."""
    names = ["config.json", "tokenizer.json", "chat_template.jinja", "adapter_config.json"]
    files = [directory / name for name in names] + sorted(directory.glob("*.safetensors"))
    return {"sha256": {path.name: sha256_file(path) for path in files if path.is_file()}}
