"""Where things lie in a training set's folder, and the index of its examples.

card.json          written last: a folder without it is unfinished
index.npy          a row an example, see INDEX
splits.json        the names of the splits, in the order in which the index numbers them
ids-00000.bin      token ids, uint32, example after example
mask-00000.bin     one byte an id: 1 where it is in the loss
meta-00000.jsonl   one line an example
"""

from pathlib import Path

import numpy as np

CARD, SPLITS, INDEX_FILE, TOKENIZER = "card.json", "splits.json", "index.npy", "tokenizer"
WORK = "building"  # the folder within it that holds what only an unfinished build needs

# start and length count tokens of the shard, meta and meta_bytes bytes of its meta file.
INDEX = np.dtype(
    [
        ("shard", "<u4"),
        ("split", "<u4"),
        ("start", "<i8"),
        ("length", "<i8"),
        ("loss", "<i8"),
        ("meta", "<i8"),
        ("meta_bytes", "<i8"),
    ]
)


def ids_file(folder: Path, shard: int) -> Path:
    """Return where the ids of a shard lie."""
    return folder / f"ids-{shard:05d}.bin"


def mask_file(folder: Path, shard: int) -> Path:
    """Return where the mask of a shard lies."""
    return folder / f"mask-{shard:05d}.bin"


def meta_file(folder: Path, shard: int) -> Path:
    """Return where the meta lines of a shard lie."""
    return folder / f"meta-{shard:05d}.jsonl"
