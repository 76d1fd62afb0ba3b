"""Near duplicates: two trajectories whose tasks and whose assistant's turns have almost the same words.

MinHash (Broder 1997) over 5-word shingles of normalised text, apart for what was asked and for what the assistant
said: many trajectories share an issue, and many tasks share commands, but only copies share both. Bands of rows find
candidates (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, ch. 3); the share of equal signature bytes,
freed from the 1/256 that agree by chance, estimates the Jaccard similarity. Of two that are near, the one with the
lower hash of its content stays, so the result does not hang on the order of reading.
"""

import zlib

import numpy as np

SAID, ASKED, BANDS = 64, 32, 8  # signature bytes for what was said and asked, bands for candidates
SIGNATURE = SAID + ASKED
_SHINGLE = 5
_CHUNK = 4096
_RANDOM = np.random.Generator(np.random.PCG64(20261121))
_ODD_K = _RANDOM.integers(0, 2**63, size=SAID, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_ADD_K = _RANDOM.integers(0, 2**64, size=SAID, dtype=np.uint64, endpoint=False)
_POWERS = np.cumprod(np.full(_SHINGLE, 0x9E3779B97F4A7C15, dtype=np.uint64))


def shingles(text: str) -> np.ndarray:
    """Return hashes, uint64, of the 5-word shingles of a text without regard to case and white space."""
    words = text.lower().split()
    if not words:
        return np.zeros(1, dtype=np.uint64)
    hashes = np.fromiter((zlib.crc32(w.encode("utf-8", "replace")) for w in words), dtype=np.uint64, count=len(words))
    if len(hashes) < _SHINGLE:
        hashes = np.concatenate([hashes, np.zeros(_SHINGLE - len(hashes), dtype=np.uint64)])
    windows = np.lib.stride_tricks.sliding_window_view(hashes, _SHINGLE)
    mixed = (windows * _POWERS).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed * np.uint64(0xBF58476D1CE4E5B9))


def minhash(values: np.ndarray, count: int) -> np.ndarray:
    """Return `count` minima, uint64, of hashed `values`."""
    least = np.full(count, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK, None] * _ODD_K[:count] + _ADD_K[:count]
        np.minimum(least, (part ^ (part >> np.uint64(31))).min(axis=0), out=least)
    return least


def signature(asked: str, said: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the signature, uint8 (SIGNATURE,), and the hashes of its bands, uint64 (BANDS,)."""
    said_K, asked_K = minhash(shingles(said), SAID), minhash(shingles(asked), ASKED)
    low = np.concatenate([said_K, asked_K]) >> np.uint64(40)
    bands = np.empty(BANDS, dtype=np.uint64)
    for band in range(BANDS):
        rows = np.concatenate([said_K[band::BANDS], asked_K[band::BANDS][:1]])
        bands[band] = np.uint64(zlib.crc32(rows.tobytes())) << np.uint64(32) | np.uint64(zlib.adler32(rows.tobytes()))
    return (low & np.uint64(255)).astype(np.uint8), bands


def similarity(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the estimated similarity of a signature (SIGNATURE,) to others (N, SIGNATURE): the lesser of its parts."""
    equal = one == others
    parts = np.stack([equal[:, :SAID].mean(axis=1), equal[:, SAID:].mean(axis=1)])
    return np.clip((parts - 1 / 256) / (1 - 1 / 256), 0.0, 1.0).min(axis=0)


def near_duplicates(signatures: np.ndarray, bands: np.ndarray, threshold: float) -> np.ndarray:
    """Return which of N are near one that stays, bool (N,), looking at them in their order: the first one stays."""
    count = len(signatures)
    doubtful = np.zeros(count, dtype=np.bool_)
    for band in range(bands.shape[1]):
        _, inverse, sizes = np.unique(bands[:, band], return_inverse=True, return_counts=True)
        doubtful |= sizes[inverse] > 1
    dropped = np.zeros(count, dtype=np.bool_)
    kept: dict[tuple[int, int], list[int]] = {}
    for place in np.flatnonzero(doubtful).tolist():
        keys = [(band, int(key)) for band, key in enumerate(bands[place])]
        candidates = sorted({other for key in keys for other in kept.get(key, ())})
        if candidates and (similarity(signatures[place], signatures[candidates]) >= threshold).any():
            dropped[place] = True
            continue
        for key in keys:
            kept.setdefault(key, []).append(place)
    return dropped
