"""Copy-on-write workspaces: an overlay mount over a host tree, its upper folder read from the host.

bwrap mounts the overlay inside its user namespace (`userxattr`), once for each command; the upper folder stays
between them. In an upper folder an entry hides the lower one of the same name, a character device 0/0 (a whiteout)
stands for nothing at all, a folder with user.overlay.opaque = "y" hides what the lower folder of that name holds,
and other folders are merged. Only that is believed here: no redirect, no metadata-only file, no link is followed,
so whatever untrusted code leaves there, reading gives its own files or those of the tree. Code in the sandbox sees
the merged mount and not the upper folder, and the kernel lets it make neither whiteouts nor these attributes.
"""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assay.sandbox.copying import FOLDER, OPAQUE, WHITEOUT, open_up

_TRUSTED_OPAQUE = "trusted.overlay.opaque"  # what an overlay that root mounts without userxattr would write
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_PATH = {"PATH": "/usr/bin:/bin"}
# What the trial does in an overlay over low/: change, remove, replace a file and a folder; then see it again.
_TRIAL = (
    "cd /tmp/o; echo new > changed; rm gone; rm -r folder; mkdir folder; echo x > folder/x",
    "cd /tmp/o; [ $(cat changed kept/a | tr -d '\\n') = newold ] && [ ! -e gone ] && [ $(ls folder) = x ]",
)


@dataclass
class Folder:
    """An open folder of a workspace: `upper` is its own, `lower` that of the tree below, either may be absent."""

    upper: int | None
    lower: int | None

    def close(self) -> None:
        """Close both."""
        for descriptor in (self.upper, self.lower):
            if descriptor is not None:
                os.close(descriptor)
        self.upper = self.lower = None

    def enter(self, name: str) -> "Folder":
        """Open the folder `name` in it. Raises OSError when that is absent or no folder."""
        if self.upper is not None:
            with suppress(FileNotFoundError):
                upper = os.open(name, FOLDER, dir_fd=self.upper)
                lower = None if self.lower is None or is_opaque(upper) else _below(self.lower, name)
                return Folder(upper, lower)
        if self.lower is None:
            raise FileNotFoundError(name)
        return Folder(None, os.open(name, FOLDER, dir_fd=self.lower))

    def make(self, name: str) -> "Folder":
        """Open the folder `name` for writing: make it, in place of whatever is there, where it is not one."""
        assert self.upper is not None
        lower = None if self.lower is None else _below(self.lower, name)
        try:
            found = os.stat(name, dir_fd=self.upper, follow_symlinks=False)
        except FileNotFoundError:
            os.mkdir(name, 0o755, dir_fd=self.upper)
            upper = os.open(name, FOLDER, dir_fd=self.upper)
            if lower is not None:
                os.fchmod(upper, stat.S_IMODE(os.fstat(lower).st_mode) | 0o700)
            return Folder(upper, lower)
        if stat.S_ISDIR(found.st_mode):
            if found.st_mode & 0o700 != 0o700:
                open_up(self.upper, name, 0o700)
            upper = os.open(name, FOLDER, dir_fd=self.upper)
            hides = is_opaque(upper)
        else:
            os.unlink(name, dir_fd=self.upper)
            os.mkdir(name, 0o755, dir_fd=self.upper)
            upper = os.open(name, FOLDER, dir_fd=self.upper)
            hides = True
            if lower is not None:
                os.setxattr(upper, OPAQUE, b"y")
        if hides and lower is not None:
            os.close(lower)
            lower = None
        return Folder(upper, lower)

    def open(self, name: str) -> tuple[int, bool]:
        """Open `name` for reading, no link followed; True when it is the tree's. Raises OSError."""
        if self.upper is not None:
            with suppress(FileNotFoundError):
                return os.open(name, _READ, dir_fd=self.upper), False
        if self.lower is None:
            raise FileNotFoundError(name)
        return os.open(name, _READ, dir_fd=self.lower), True

    def look(self, name: str) -> tuple[int, str | None]:
        """Return the mode of `name`, and its target when it is a symbolic link. Raises OSError."""
        for descriptor in (self.upper, self.lower):
            if descriptor is not None:
                with suppress(FileNotFoundError):
                    mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
                    return mode, os.readlink(name, dir_fd=descriptor) if stat.S_ISLNK(mode) else None
        raise FileNotFoundError(name)

    def entries(self) -> Iterator[tuple[str, bool, bool]]:
        """Yield (name, is a folder, is a regular file) of all that is in it."""
        seen = set()
        for descriptor in (self.upper, self.lower):
            if descriptor is None:
                continue
            with os.scandir(descriptor) as found:
                for entry in found:
                    if entry.name not in seen:
                        seen.add(entry.name)
                        yield entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)


def _below(folder: int, name: str) -> int | None:
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except OSError:
        return None


def is_opaque(folder: int | Path) -> bool:
    """Say whether a folder of an upper one hides what the lower folder of its name holds."""
    for name in (OPAQUE, _TRUSTED_OPAQUE):
        with suppress(OSError):
            if os.getxattr(folder, name) == b"y":
                return True
    return False


def is_whiteout(found: os.stat_result) -> bool:
    """Say whether an entry of an upper folder stands for nothing."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == WHITEOUT


@cache
def works(bwrap: str, base: Path) -> str:
    """Try an overlay whose upper folder lies in `base`. Return "" when it does all we need, else what went wrong."""
    try:
        with tempfile.TemporaryDirectory(prefix="overlay-", dir=base) as name:
            return _try(bwrap, Path(name))
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)


def _try(bwrap: str, place: Path) -> str:
    low = place / "low"
    for folder in (low / "folder", low / "kept"):
        folder.mkdir(parents=True)
    for path in ("changed", "gone", "folder/y", "kept/a"):
        (low / path).write_text("old\n")
    for command in _TRIAL:
        if said := _run(bwrap, low, place, command):
            return said
    root = Folder(os.open(place / "upper", FOLDER), os.open(low, FOLDER))
    try:
        merged = root.enter("folder")
        names = {name for name, _, _ in merged.entries()}
        merged.close()
        gone = is_whiteout(os.stat(place / "upper" / "gone", follow_symlinks=False))
    finally:
        root.close()
    return "" if gone and names == {"x"} else "its upper folder is not as expected"


def _run(bwrap: str, low: Path, place: Path, command: str) -> str:
    """Run a command over `low` at /tmp/o, with upper and work folders in `place`; return what went wrong, or ""."""
    upper, work = place / "upper", place / "work"
    for folder in (upper, work):
        folder.mkdir(exist_ok=True)
    words = [bwrap, "--unshare-all", "--ro-bind", "/", "/", "--tmpfs", "/tmp"]
    words += ["--overlay-src", str(low), "--overlay", str(upper), str(work), "/tmp/o", "/bin/sh", "-c", command]
    try:
        done = subprocess.run(
            words, env=_PATH, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False
        )
    finally:
        release(work)
    return "" if done.returncode == 0 else done.stderr.strip()[:200] or "files were not as an overlay should show them"


def release(work: Path) -> None:
    """Let the work folder of an overlay be removed: the kernel leaves a folder without permissions in it."""
    with suppress(OSError):
        os.chmod(work / "work", 0o700, follow_symlinks=True)


@cache
def _is_ours(tree: Path, mark: tuple[int, int, int]) -> bool:
    user, group = os.geteuid(), os.getegid()
    for above, folders, files in os.walk(tree, onerror=_raise):
        for name in (".", *folders, *files):
            found = os.stat(os.path.join(above, name), follow_symlinks=False)
            if (found.st_uid, found.st_gid) != (user, group) or not found.st_mode & 0o400:
                return False
    return True


def _raise(error: OSError) -> None:
    raise error


_lower: dict[tuple[str, int], bool] = {}  # of a bwrap and a device: whether its folders can lie below


def can_lie_below(tree: Path, bwrap: str, base: Path) -> bool:
    """Say whether a host tree can be the lower folder: every entry ours and readable, so that it can be changed.

    In the user namespace of a sandbox only our own files have an owner, and the kernel copies nothing else up. Its
    file system must serve too: not all do (an overlay on an overlay, some network file systems).
    """
    try:
        found = os.stat(tree)
        if not _is_ours(tree, (found.st_dev, found.st_ino, found.st_mtime_ns)):
            return False
        if (bwrap, found.st_dev) not in _lower:
            with tempfile.TemporaryDirectory(prefix="overlay-", dir=base) as name:
                said = _run(bwrap, tree, Path(name), "cd /tmp/o && : > .assay-trial")
                _lower[bwrap, found.st_dev] = not said
        return _lower[bwrap, found.st_dev]
    except (OSError, subprocess.SubprocessError):
        return False
