"""Read-only trees that tasks share (a package's sources, say), prepared once and kept in a cache.

A tree lies in `$ASSAY_CACHE/trees/<key>`, by default under ~/.cache/assay. It is built beside its place and
renamed into it, so a half-built one is never seen; of two builders at once, one tree is kept. What takes long
(`prepare_slowly`) has a lock, so that the second builder waits and then finds it.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from assay.errors import MachineryError
from assay.nouns.base import sha256_file

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_LONGEST_BUILD_S = 86_400.0


def cache_folder() -> Path:
    """Return the folder of all that is kept between runs: `$ASSAY_CACHE`, by default ~/.cache/assay."""
    cache = os.environ.get("ASSAY_CACHE")
    return Path(cache) if cache else Path.home() / ".cache" / "assay"


def _place(key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise MachineryError(f"tree key {key!r}: use letters, digits and ._+- only")
    return cache_folder() / "trees" / key


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


def is_prepared(key: str) -> bool:
    """Whether the tree is there."""
    return _place(key).is_dir()


async def prepare_slowly(key: str, build: Callable[[Path], Awaitable[None]]) -> Path:
    """As `prepare`, for a build that takes long: it is awaited, and nobody else builds the same tree meanwhile."""
    place = _place(key)
    if place.is_dir():
        return place
    async with _locked(key):
        if place.is_dir():
            return place
        for left in place.parent.glob(".*-*"):  # by builders that were killed; of other keys some may be at work
            if left.name.startswith(f".{key}-") or _age_s(left) > _LONGEST_BUILD_S:
                shutil.rmtree(left, ignore_errors=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=place.parent))
        try:
            await build(beside)
            os.chmod(beside, 0o755)
            os.rename(beside, place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return place


def _age_s(folder: Path) -> float:
    with suppress(FileNotFoundError):  # finished, and renamed
        return time.time() - folder.lstat().st_mtime
    return 0.0


@asynccontextmanager
async def _locked(key: str) -> AsyncIterator[None]:
    """Hold the lock of a key, alone among all processes and tasks. It is let go of when the process ends, however."""
    folder = cache_folder() / "locks"
    for made in (folder, cache_folder() / "trees"):
        made.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / key, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(0.2)
        yield
    finally:
        os.close(lock)


def keep_link(key: str, target: Path) -> str:
    """Let the tree `key` be a folder of the host that lies elsewhere (an interpreter); return the key."""
    place = _place(key)
    if not place.is_dir() or place.resolve() != target.resolve():
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=place.parent))
        try:
            (beside / "link").symlink_to(target)
            (beside / "link").replace(place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return key


def keep_contents(kind: str, path: Path, hashes: Mapping[Path, str] | None = None) -> str:
    """Let a tree be a folder of the host, or hold a file of it; return its key, a hash of the whole contents.

    What differs anywhere has another key, so a machine that has the tree has the right one. Files whose SHA-256 is in
    `hashes` are not read for it again.
    """
    known = hashes or {}
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    top = path if path.is_dir() else path.parent
    found = hashlib.sha256()
    for file in (each for each in files if each.is_file()):
        found.update(f"{file.relative_to(top)} {known.get(file) or sha256_file(file)}\n".encode())
    key = f"{kind}-{found.hexdigest()}"
    if path.is_dir():
        return keep_link(key, path.resolve())

    def copy(folder: Path) -> None:
        shutil.copyfile(path, folder / path.name)

    prepare(key, copy)
    return key


def keep_only(key: str) -> None:
    """Remove the other trees of the kind (`keep_contents`) of this one."""
    place = _place(key)
    for other in place.parent.glob(f"{key.rpartition('-')[0]}-*"):
        if other != place:
            _remove(other)


def forget(key: str) -> None:
    """Remove a tree; of one that is a folder elsewhere, the link to it."""
    _remove(_place(key))


def _remove(place: Path) -> None:
    with suppress(OSError):
        if place.is_symlink():
            place.unlink()
        else:
            shutil.rmtree(place)


def mounts(task_mounts: Mapping[str, str]) -> dict[str, Path]:
    """Return `readonly` for `open_sandbox` from a task's mounts (path inside to tree key)."""
    return {inside: tree(key) for inside, key in task_mounts.items()}
