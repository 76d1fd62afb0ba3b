"""Read a training set: memory-mapped, so that opening it costs its index and no more."""

import json
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from assay.errors import UserError
from assay.nouns.base import sha256_file
from assay.training.data.card import FORMAT, DataCard
from assay.training.data.layout import CARD, INDEX_FILE, SPLITS, TOKENIZER, ids_file, mask_file, meta_file
from assay.training.examples import Example

_OPEN_SHARDS = 16  # a mapped shard stays open until this many others were read


class Dataset:
    """A training set, opened read-only. Places count from 0 to len - 1; what is returned are views, not copies."""

    def __init__(self, folder: Path, card: DataCard, index: np.ndarray, splits: list[str]) -> None:
        """Use `open_dataset`, which checks the folder."""
        self.folder, self.card, self.splits = folder, card, splits
        self._index = index
        self._arrays = lru_cache(maxsize=_OPEN_SHARDS)(self._map)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process by name: it opens the folder itself."""
        return open_dataset, (self.folder,)

    @property
    def tokenizer(self) -> Path:
        """The directory of the tokenizer and chat template that it was made with; a set made by hand has none."""
        return self.folder / TOKENIZER

    def __len__(self) -> int:
        return len(self._index)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, int64 (N,)."""
        return np.ascontiguousarray(self._index["length"])

    @cached_property
    def loss_tokens(self) -> np.ndarray:
        """Tokens in the loss of each example, int64 (N,)."""
        return np.ascontiguousarray(self._index["loss"])

    def arrays(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids, uint32 (N,), and whether each is in the loss, bool (N,), of one example."""
        row = self._index[place]
        ids, mask = self._arrays(int(row["shard"]))
        start, length = int(row["start"]), int(row["length"])
        return ids[start : start + length], mask[start : start + length]

    def example(self, place: int) -> Example:
        """Return one example in the form that is trained on."""
        ids, in_loss = self.arrays(place)
        return Example(tuple(ids.tolist()), tuple(in_loss.tolist()))

    def meta(self, place: int) -> dict[str, Any]:
        """Return what is known of one example: task_id, source, split, value, attempt, sha256 of its ids, ..."""
        row = self._index[place]
        with meta_file(self.folder, int(row["shard"])).open("rb") as lines:
            lines.seek(int(row["meta"]))
            return json.loads(lines.read(int(row["meta_bytes"])))

    def split(self, name: str) -> np.ndarray:
        """Return the places of a split, int64, rising. Raises UserError when there is no such split."""
        if name not in self.splits:
            raise UserError(f"{self.folder} has no split {name!r}: name one of {', '.join(self.splits)}")
        return np.flatnonzero(self._index["split"] == self.splits.index(name))

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for place in range(len(self)):
            yield self.arrays(place)

    def verify(self) -> None:
        """Raise UserError when a file is not the one that the card was written for; reads everything once."""
        for number, shard in enumerate(self.card.shards):
            for path, wanted in (
                (ids_file(self.folder, number), shard.ids_sha256),
                (mask_file(self.folder, number), shard.mask_sha256),
                (meta_file(self.folder, number), shard.meta_sha256),
            ):
                if not path.is_file() or sha256_file(path) != wanted:
                    raise UserError(f"{path} is not what its card says: build the data again with `assay data build`")

    def _map(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        try:
            ids = np.memmap(ids_file(self.folder, shard), dtype="<u4", mode="r")
            mask = np.memmap(mask_file(self.folder, shard), dtype=np.bool_, mode="r")
        except (OSError, ValueError) as error:
            raise UserError(
                f"Shard {shard} of {self.folder} cannot be read ({error}): build the data again with `assay data build`"
            ) from error
        return ids, mask


def open_dataset(folder: Path) -> Dataset:
    """Open a training set that `assay data build` made. Raises UserError when it is none, or unfinished."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"There is no training set at {folder}: make one with `assay data build`")
    path = folder / CARD
    if not path.is_file():
        raise UserError(f"{folder} has no {CARD}, so it is no finished training set: run its `assay data build` again")
    try:
        card = DataCard.model_validate_json(path.read_text(encoding="utf-8"))
        index = np.load(folder / INDEX_FILE, mmap_mode="r", allow_pickle=False)
        splits = json.loads((folder / SPLITS).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"{folder} is no training set of format {FORMAT} ({why}): name one that `assay data build` made, or build "
            "it again"
        ) from error
    if sha256_file(folder / INDEX_FILE) != card.index_sha256 or len(index) != card.examples:
        raise UserError(
            f"{folder / INDEX_FILE} is not what its card says: build the data again with `assay data build`"
        )
    for number, shard in enumerate(card.shards):
        for path, size in ((ids_file(folder, number), 4 * shard.tokens), (mask_file(folder, number), shard.tokens)):
            if not path.is_file() or path.stat().st_size != size:
                raise UserError(f"{path} is cut off or missing: build the data again with `assay data build`")
    return Dataset(folder, card, index, splits)
