"""Files of trees kept once: equal files of different trees become hard links to one file of `$ASSAY_CACHE/objects`.

Only for trees that nothing writes to any more. Times are made equal, so that equal files are equal in all that a
program sees of them.
"""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from assay.nouns.base import sha256_file
from assay.sandbox.trees import cache_folder

MOMENT = 946_684_800  # 2000-01-01; the time of every file of a shared tree


@dataclass
class Shared:
    """What was looked at: entries that are files, their bytes, and the bytes that were new to the cache."""

    files: int = 0
    bytes: int = 0
    new_bytes: int = 0


def settle(folder: Path) -> None:
    """Give all files of `folder` one time. Bytecode that is compiled after this stays right wherever it is linked."""
    for above, folders, files in os.walk(folder):
        for name in (*files, *folders):
            os.utime(os.path.join(above, name), (MOMENT, MOMENT), follow_symlinks=False)


def share(folder: Path) -> Shared:
    """Replace the plain files of `folder` by links to the equal files in the cache; new ones are put there."""
    seen = Shared()
    objects = cache_folder() / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    for above, folders, files in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")  # no two are alike
        for name in files:
            path = os.path.join(above, name)
            found = os.lstat(path)
            if not stat.S_ISREG(found.st_mode) or not found.st_size:
                continue
            seen.files += 1
            seen.bytes += found.st_size
            if found.st_nlink > 1 and found.st_mtime == MOMENT:
                continue  # it is a link to the cache already
            if _keep(path, found, objects):
                seen.new_bytes += found.st_size
    return seen


def _keep(path: str, found: os.stat_result, objects: Path) -> bool:
    """Put one file into the cache, or a link to the cache's in its place. Returns whether it was new there."""
    mode = 0o755 if found.st_mode & 0o111 else 0o644
    digest = sha256_file(Path(path))
    kept = objects / digest[:2] / f"{digest[2:]}{'-x' if mode == 0o755 else ''}"
    if found.st_mtime != MOMENT:
        os.utime(path, (MOMENT, MOMENT))
    os.chmod(path, mode)
    try:
        os.link(path, kept)
        return True
    except FileNotFoundError:
        kept.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            os.link(path, kept)
            return True
    except FileExistsError:
        pass
    except OSError:
        return True  # a file system without hard links
    if os.lstat(kept).st_size != found.st_size:  # cut short, when the machine went down
        os.unlink(kept)
        return _keep(path, found, objects)
    if os.path.samefile(path, kept):
        return False
    beside = tempfile.mktemp(prefix=".link-", dir=os.path.dirname(path))
    try:
        os.link(kept, beside)
    except OSError:
        return True  # the most links that one file may have: this copy stays
    os.rename(beside, path)
    return False


def linked_copy(source: Path, target: Path) -> None:
    """Make the folder `target` with the folders and links of `source` and hard links to its files."""
    target.mkdir(exist_ok=True)
    pending = [(str(source), str(target))]
    while pending:
        old, new = pending.pop()
        with os.scandir(old) as entries:
            for entry in entries:
                place = os.path.join(new, entry.name)
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), place)
                elif entry.is_dir():
                    os.mkdir(place)
                    pending.append((entry.path, place))
                else:
                    link_or_copy(entry.path, place)


def link_or_copy(old: str | Path, new: str | Path) -> None:
    """Make `new` a hard link to `old`, or a copy where the file system has no links, or too many of one file."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
