"""Read-only trees that tasks share (a package's sources, say), prepared once and kept in a cache.

A tree lies in `$ASSAY_CACHE/trees/<key>`, by default under ~/.cache/assay. It is built beside its place and
renamed into it, so a half-built one is never seen; of two builders at once, one tree is kept.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from assay.errors import MachineryError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


def _place(key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise MachineryError(f"tree key {key!r}: use letters, digits and ._+- only")
    cache = os.environ.get("ASSAY_CACHE")
    root = Path(cache) if cache else Path.home() / ".cache" / "assay"
    return root / "trees" / key


def tree(key: str) -> Path:
    """Return the host path of a prepared tree. Raises MachineryError when it was not prepared."""
    place = _place(key)
    if not place.is_dir():
        raise MachineryError(f"the tree {key!r} is not prepared: {place} does not exist")
    return place


def prepare(key: str, build: Callable[[Path], None]) -> Path:
    """Return the tree `key`, built first by `build(empty folder)` where it does not exist yet.

    What `build` raises passes through, and leaves nothing behind.
    """
    place = _place(key)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=place.parent))
    try:
        build(beside)
        beside.chmod(0o755)
        try:
            beside.rename(place)
        except OSError:
            if not place.is_dir():  # not a rival that came first, then, but a real failure
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return place


def mounts(task_mounts: Mapping[str, str]) -> dict[str, Path]:
    """Return `readonly` for `open_sandbox` from a task's mounts (path inside to tree key)."""
    return {inside: tree(key) for inside, key in task_mounts.items()}
