"""Which paths of a tree a workspace laid over it has changed, as the upper folder of its overlay tells.

What lies there was made by untrusted code: no link is followed, and only what `overlay` believes is believed.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from assay.sandbox.overlay import is_opaque, is_whiteout
from assay.sandbox.workspace import MAX_DEPTH


def touched(upper: Path, lower: Path) -> set[str]:
    """Return every path, folders left out, that is in `upper`, or in `lower` and hidden by something in `upper`.

    Names that are no UTF-8 are as os.fsdecode has them. Raises OSError where a folder cannot be read.
    """
    found: set[str] = set()
    pending = [("", 0)]
    while pending:
        above, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise OSError(f"folders nested over {MAX_DEPTH} deep")
        with os.scandir(upper / above) as entries:
            for entry in entries:
                path = above + entry.name
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode):
                    pending.append((f"{path}/", depth + 1))
                    if not is_opaque(upper / path) and (lower / path).is_dir() and not (lower / path).is_symlink():
                        continue
                elif not is_whiteout(info):
                    found.add(path)
                found |= set(_below(lower, path))
    return found


def _below(tree: Path, path: str) -> Iterator[str]:
    """Yield `path`, or the paths below it where it is a folder; nothing where it is not there."""
    place = tree / path
    if place.is_symlink() or place.is_file():
        yield path
        return
    for above, folders, files in os.walk(place):
        for name in [*files, *(folder for folder in folders if os.path.islink(os.path.join(above, folder)))]:
            yield os.path.relpath(os.path.join(above, name), tree)
