"""Write a training set: shards that are whole or not there, then the index over them, then the card, last.

A shard is finished when its rows lie in the folder `building`; a build that was killed goes on after the shards
that it finished.
"""

import hashlib
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from assay import __version__
from assay.corpus.fetch import disk_errors
from assay.errors import MachineryError, UserError
from assay.training.data.card import DataCard, ShardCard, SplitCard
from assay.training.data.layout import CARD, INDEX, INDEX_FILE, SPLITS, TOKENIZER, WORK, ids_file, mask_file, meta_file

# A row of a shard, before it is known which of the examples stay: two examples of equal ids have equal digests.
ROW = np.dtype(
    [
        *((name, INDEX[name]) for name in ("start", "length", "loss", "meta", "meta_bytes", "split")),
        ("task", "<u8"),
        ("ids_digest", "S32"),
        ("sampled", "<u4"),
        ("written", "<u4"),
    ]
)
SHARD_TOKENS = 32 * 1024 * 1024


def ids_sha256(ids: np.ndarray) -> str:
    """Return the SHA-256, in hexadecimal, of ids as little-endian uint32: equal sequences, equal hashes."""
    return hashlib.sha256(np.ascontiguousarray(ids, dtype="<u4").tobytes()).hexdigest()


def task_number(task_id: str) -> int:
    """Return a task's id as 64 bits of its SHA-256, by which distinct tasks are counted in little memory."""
    return int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:8], "little")


class _File:
    """A file written beside its place and moved there when whole; hashes what goes through it."""

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, path.with_name(f"{path.name}.part")
        self._stream: BinaryIO = self._part.open("wb")
        self._state = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self._state.update(data)
        self.size += len(data)

    def close(self) -> str:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._part.replace(self.path)
        return self._state.hexdigest()

    def drop(self) -> None:
        self._stream.close()
        self._part.unlink(missing_ok=True)


def save(path: Path, content: bytes | np.ndarray) -> str:
    """Write bytes, or an array as .npy, so that `path` is whole or as it was; return the SHA-256 of what was written.

    Goes by way of memory: numpy's own writing says of a full disk only how much it wrote.
    """
    if isinstance(content, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, content, allow_pickle=False)
        content = buffer.getvalue()
    file = _File(path)
    try:
        file.write(content)
        return file.close()
    except BaseException:
        file.drop()
        raise


class ShardWriter:
    """One shard. Use it as a context: left by an error it leaves nothing behind."""

    def __init__(self, folder: Path, number: int, splits: Sequence[str]) -> None:
        """Begin shard `number` of the training set in `folder`."""
        self.folder, self.number = folder, number
        self._splits = {name: place for place, name in enumerate(splits)}
        self._rows: list[tuple[Any, ...]] = []
        self._tokens = 0
        self._files: list[_File] = []
        with disk_errors(folder):
            (folder / WORK).mkdir(parents=True, exist_ok=True)
            for path in (ids_file(folder, number), mask_file(folder, number), meta_file(folder, number)):
                self._files.append(_File(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.drop()

    @property
    def tokens(self) -> int:
        """How many tokens it holds so far."""
        return self._tokens

    def add(self, ids: Sequence[int] | np.ndarray, in_loss: Sequence[bool] | np.ndarray, meta: dict[str, Any]) -> None:
        """Add one example. `meta` has `task_id` and `split`, and counts of `sampled_turns` and `written_turns`."""
        ids_N = np.asarray(ids, dtype="<u4")
        mask_N = np.asarray(in_loss, dtype=np.bool_)
        if ids_N.shape != mask_N.shape or ids_N.ndim != 1:
            raise MachineryError(f"an example has {ids_N.shape} ids and a mask of {mask_N.shape}")
        loss = int(mask_N.sum())
        if loss == 0:
            raise MachineryError("an example has no token in the loss")
        digest = ids_sha256(ids_N)
        known = {**meta, "sha256": digest, "tokens": len(ids_N), "loss_tokens": loss}
        line = json.dumps(known, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        ids_part, mask_part, meta_part = self._files
        row = (
            *(self._tokens, len(ids_N), loss, meta_part.size, len(line), self._splits[meta["split"]]),
            *(task_number(meta["task_id"]), bytes.fromhex(digest)),
            *(meta.get("sampled_turns", 0), meta.get("written_turns", 0)),
        )
        with disk_errors(self.folder):
            ids_part.write(ids_N.tobytes())
            mask_part.write(mask_N.tobytes())
            meta_part.write(line)
        self._rows.append(row)
        self._tokens += len(ids_N)

    def close(self, account: Mapping[str, Any] | None = None) -> None:
        """Move the shard to its place. `account` is kept with it: what a build counted while it wrote the shard."""
        try:
            with disk_errors(self.folder):
                hashes = [file.close() for file in self._files]
                save(rows_file(self.folder, self.number), np.array(self._rows, dtype=ROW))
                names = dict(zip(("ids_sha256", "mask_sha256", "meta_sha256"), hashes, strict=True))
                done = {"examples": len(self._rows), "tokens": self._tokens, **names, "account": dict(account or {})}
                save(done_file(self.folder, self.number), json.dumps(done, sort_keys=True).encode())
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Remove what was written."""
        for file in self._files:
            file.drop()


def rows_file(folder: Path, shard: int) -> Path:
    """Return where the rows of a finished shard lie until the index is made."""
    return folder / WORK / f"rows-{shard:05d}.npy"


def done_file(folder: Path, shard: int) -> Path:
    """Return the file that is there when a shard is finished, with what was counted in it."""
    return folder / WORK / f"done-{shard:05d}.json"


def clear(folder: Path) -> None:
    """Remove an unfinished build, but for its lock. Raises UserError when the folder holds anything else."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if (folder / CARD).exists():
        raise UserError(f"{folder} holds a finished training set: name another folder with --out, or remove it")
    names = {path.name.removesuffix(".part") for path in folder.iterdir()}
    ours = {WORK, INDEX_FILE, SPLITS, CARD, TOKENIZER}
    if WORK not in names or not all(name in ours or name[:4] in ("ids-", "mask", "meta") for name in names):
        raise UserError(f"{folder} is not empty and not a training set: name another folder with --out")
    with disk_errors(folder):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "lock":
                path.unlink()


def finish(folder: Path, shards: int, splits: Sequence[str], about: Mapping[str, Any]) -> DataCard:
    """Write index and card over finished shards; `about` are the card's fields that are not counted here.

    Of examples with equal ids the first stays and the others are left out of the index, counted as
    `equal ids` among what was dropped. Raises UserError when nothing is left to learn from.
    """
    cards, parts = [], [np.zeros(0, dtype=ROW)]
    for number in range(shards):
        done = json.loads(done_file(folder, number).read_text())
        done.pop("account")
        cards.append(ShardCard(**done))
        parts.append(np.load(rows_file(folder, number), allow_pickle=False))
    rows = np.concatenate(parts)
    shard_N = np.repeat(np.arange(len(parts)), [len(part) for part in parts]) - 1
    del parts
    _, first = np.unique(rows["ids_digest"], return_index=True)
    kept = np.sort(first)
    dropped = len(rows) - len(kept)
    rows, shard_N = rows[kept], shard_N[kept]
    index = np.zeros(len(rows), dtype=INDEX)
    index["shard"] = shard_N
    for name in ("start", "length", "loss", "meta", "meta_bytes", "split"):
        index[name] = rows[name]
    if len(index) == 0:
        counts = {**about.get("broken", {}), **about.get("dropped", {})}
        lost = ", ".join(f"{count} by {name}" for name, count in counts.items() if count)
        raise UserError(
            f"Nothing is left to learn from of {about.get('read', 0)} trajectories"
            + (f" (left out: {lost})" if lost else "")
            + ": loosen a filter or name other sources"
        )
    counted = {}
    for place, name in enumerate(splits):
        mine = index["split"] == place
        counted[name] = SplitCard(
            examples=int(mine.sum()),
            tasks=len(np.unique(rows["task"][mine])),
            tokens=int(index["length"][mine].sum()),
            loss_tokens=int(index["loss"][mine].sum()),
        )
    given = dict(about)
    given["dropped"] = dict(Counter(given.get("dropped", {})) + Counter({"equal ids": dropped}))
    with disk_errors(folder):
        index_sha256 = save(folder / INDEX_FILE, index)
        save(folder / SPLITS, json.dumps(list(splits)).encode() + b"\n")
        card = DataCard(
            **{"assay": __version__, **given},
            examples=len(index),
            distinct=len(np.unique(rows["ids_digest"])),
            tasks=len(np.unique(rows["task"])),
            tokens=int(index["length"].sum()),
            loss_tokens=int(index["loss"].sum()),
            longest=int(index["length"].max()),
            sampled_turns=int(rows["sampled"].sum()),
            written_turns=int(rows["written"].sum()),
            splits=counted,
            shards=tuple(cards),
            index_sha256=index_sha256,
        )
        save(folder / CARD, card.model_dump_json(indent=1).encode() + b"\n")
        shutil.rmtree(folder / WORK)
    return card


def write_dataset(
    folder: Path,
    examples: Iterable[tuple[Sequence[int] | np.ndarray, Sequence[bool] | np.ndarray, dict[str, Any]]],
    *,
    splits: Sequence[str] = ("train",),
    shard_tokens: int = SHARD_TOKENS,
    about: Mapping[str, Any] | None = None,
) -> DataCard:
    """Write (ids, in_loss, meta) examples as a training set, for those who have them in hand; return its card.

    `meta` has at least `task_id` and `split`. An unfinished build in `folder` is removed first. Raises UserError
    when the folder holds something else.
    """
    clear(folder)
    number = 0
    writer: ShardWriter | None = None
    try:
        for ids, in_loss, meta in examples:
            if writer is not None and writer.tokens + len(ids) > shard_tokens:
                writer.close()
                writer, number = None, number + 1
            if writer is None:
                writer = ShardWriter(folder, number, splits)
            writer.add(ids, in_loss, meta)
        if writer is not None:
            writer.close()
            writer, number = None, number + 1
    except BaseException:
        if writer is not None:
            writer.drop()
        raise
    return finish(folder, number, splits, about or {})
