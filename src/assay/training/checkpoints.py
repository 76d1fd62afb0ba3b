"""Checkpoints of a run: written beside their place and renamed into it, so that none is ever half made.

    OUT/checkpoints/STEP/   model.safetensors or adapter_model.safetensors, config.json, the tokenizer, card.json
    OUT/checkpoints/STEP/state/   optimizer.safetensors, random-RANK.safetensors, state.json
    OUT/checkpoints/STEP.partial, STEP.before   one at work, and one that another of its step is taking the place of

Everything is safetensors and JSON: no code runs when a checkpoint is read.
"""

import json
import math
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from assay.errors import UserError
from assay.models.weights import load_model

CHECKPOINTS, STATE, CARD = "checkpoints", "state", "card.json"
_OPTIMIZER, _STATE = "optimizer.safetensors", "state.json"
_BEFORE = ".before"


def checkpoints(out: Path) -> list[Path]:
    """Return the finished checkpoints of a run, by rising step.

    One that was being replaced when the run was killed is its step's, where no other is.
    """
    folder = out / CHECKPOINTS
    if not folder.is_dir():
        return []
    finished = [path for path in folder.iterdir() if (path / CARD).is_file()]
    of_step = {int(path.stem): path for path in finished if path.stem.isdigit() and path.suffix == _BEFORE}
    of_step |= {int(path.name): path for path in finished if path.name.isdigit()}
    return [of_step[step] for step in sorted(of_step)]


def latest(out: Path) -> Path | None:
    """Return the last finished checkpoint of a run, or None."""
    found = checkpoints(out)
    return found[-1] if found else None


def partial_of(final: Path) -> Path:
    """Return where a directory is written before it is renamed to `final`."""
    return final.with_name(f"{final.name}.partial")


def begin(partial: Path) -> None:
    """Make the partial directory anew: what a killed run left there goes."""
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)


def full_disk(final: Path, error: Exception) -> UserError:
    """Return the sentence for a checkpoint that could not be written."""
    kept = latest(final.parent.parent)
    last = f"the last good checkpoint is {kept}" if kept is not None else "there is no checkpoint before it"
    return UserError(
        f"The checkpoint {final} could not be written ({error}); {last}: free space and run the same command again."
    )


def finish(final: Path, keep: int) -> None:
    """Rename what lies at `partial_of(final)` to `final`, and remove all but the newest `keep`; 0 removes none."""
    put(partial_of(final), final)
    if keep:
        prune(final.parent.parent, keep)


def prune(out: Path, keep: int) -> None:
    """Remove all checkpoints of a run but the newest `keep`, and what killed runs left half written or half removed."""
    kept = checkpoints(out)[-keep:]
    folder = out / CHECKPOINTS
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.stem.isdigit() and old.is_dir() and old not in kept:
            _remove(old)


def put(partial: Path, final: Path) -> None:
    """Rename a finished directory to `final`; what is there moves aside first and goes last, so that one always is."""
    _flush(partial)
    before = final.with_name(f"{final.name}{_BEFORE}")
    if final.exists():
        _remove(before)
        final.rename(before)
    partial.rename(final)
    _sync(final.parent)
    _remove(before)


def _remove(directory: Path) -> None:
    """Remove a checkpoint, its card first: what a kill leaves half removed is none."""
    (directory / CARD).unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)


def _flush(directory: Path) -> None:
    """Bring a directory to the disk before it is renamed: after a power cut a name must not lack its bytes."""
    for path in (*directory.rglob("*"), directory):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def guarded(final: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with the partial directory of `final`; a full disk is a sentence and leaves nothing behind."""
    partial = partial_of(final)
    try:
        write(partial)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise full_disk(final, error) from error


def write_state(directory: Path, optimizer: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write the optimiser's tensors by name, and the facts that JSON can hold, into `directory/state`."""
    (directory / STATE).mkdir(exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in optimizer.items()}, directory / STATE / _OPTIMIZER)
    (directory / STATE / _STATE).write_text(json.dumps(facts, indent=1) + "\n")


def read_state(directory: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the optimiser's tensors and the facts that `write_state` wrote; UserError where they cannot be read."""
    try:
        facts: dict[str, Any] = json.loads((directory / STATE / _STATE).read_text())
        return load_file(directory / STATE / _OPTIMIZER), facts
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(
            f"The state of the checkpoint {directory} cannot be read ({error}): remove it, and the run goes on from "
            "the one before."
        ) from error


def write_card(directory: Path, card: dict[str, Any]) -> None:
    """Write the card, which makes a directory a checkpoint."""
    (directory / CARD).write_text(json.dumps(card, indent=1) + "\n")


def read_card(directory: Path) -> dict[str, Any]:
    """Return the card of a checkpoint."""
    card: dict[str, Any] = json.loads((directory / CARD).read_text())
    return card


def read_weights(directory: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint under the names that they have in the model, in float32.

    Raises UserError where they cannot be read.
    """
    try:
        return dict(load_model(directory, dtype=torch.float32).state_dict())
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; remove it, and the run goes on from the one before.") from error


def write_random(directory: Path, rank: int) -> None:
    """Write the states of this process's random number generators."""
    (directory / STATE).mkdir(parents=True, exist_ok=True)
    states = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    version, numbers, gauss = random.getstate()
    states["python"] = torch.tensor([version, *numbers], dtype=torch.int64)
    gauss_value = float("nan") if gauss is None else float(gauss)
    states["gauss"] = torch.tensor([gauss_value], dtype=torch.float64)
    save_file(states, directory / STATE / f"random-{rank}.safetensors")


def read_random(directory: Path, rank: int) -> None:
    """Set this process's random number generators; a rank that the run did not have keeps its own."""
    path = directory / STATE / f"random-{rank}.safetensors"
    if not path.is_file():
        return
    states = load_file(path)
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    version, *numbers = states["python"].tolist()
    gauss = float(states["gauss"][0])
    random.setstate((version, tuple(numbers), None if gauss != gauss else gauss))


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Add one JSON object to a file of lines; a number that is not finite, which JSON has no word for, is null."""
    try:
        with path.open("a") as lines:
            lines.write(json.dumps(_finite(line), allow_nan=False) + "\n")
    except OSError as error:
        raise UserError(f"The log {path} could not be written ({error}): free space and run again.") from error


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cut_log(path: Path, step: int) -> None:
    """Keep the lines of a log up to `step`, so that steps made again after a kill stand there once."""
    if not path.is_file():
        return
    kept: list[str] = []
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue  # the line that was being written when the run was killed
        if line["step"] <= step:
            kept.append(text)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text("".join(f"{text}\n" for text in kept))
        partial.rename(path)
    except OSError as error:
        raise UserError(f"The log {path} could not be written ({error}): free space and run again.") from error
