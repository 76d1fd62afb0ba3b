"""The private folder of one sandbox on the host: written and read without ever following a link out of it.

What lies in it was made by untrusted code: symlinks, FIFOs, devices' look-alikes, folders nested a thousand
deep, permissions that shut the owner out. Nothing here blocks on, follows or trusts any of them.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assay.errors import MachineryError
from assay.sandbox.copying import FOLDER, Size, taken
from assay.sandbox.overlay import Folder, is_whiteout

_PREFIX = f"assay-{os.getuid()}-"
_STALE_S = 60.0
MAX_ENTRIES = 20_000
MAX_DEPTH = 64
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_DIGESTS = 200_000
_digests: dict[tuple[int, ...], str] = {}


def base() -> Path:
    """Return this process's folder for workspaces: under $ASSAY_TMP or the system's, removed at exit.

    Those of processes that were killed are removed first. A forked child gets a folder of its own.
    """
    return _base(os.getpid())


@cache
def _base(pid: int) -> Path:
    parent = Path(os.environ.get("ASSAY_TMP") or tempfile.gettempdir())
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(parent)
        new = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}{pid}-", dir=parent))
        lock = os.open(new / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)  # held until we end, however we end
        made = new.rename(new.with_name(new.name[1:]))
    except OSError as error:
        raise MachineryError(f"no place for workspaces under {parent}: {error}") from error
    atexit.register(lambda: remove(made) if os.getpid() == pid else None)
    return made


def _remove_stale(parent: Path) -> None:
    for folder in [*parent.glob(f"{_PREFIX}*"), *parent.glob(f".{_PREFIX}*")]:
        with suppress(OSError, MachineryError):
            named = not folder.name.startswith(".")  # which it is once it is locked
            if not named and time.time() - folder.stat().st_mtime < _STALE_S:
                continue
            lock = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if named else os.O_CREAT))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)
            finally:
                os.close(lock)


def remove(folder: Path) -> None:
    """Remove a tree, whatever untrusted code made of it. Raises MachineryError when it stays."""
    with suppress(OSError, RecursionError):
        shutil.rmtree(folder)
        return
    # Folders without permissions, or nested deeper than Python walks: the system's tools do both.
    for command in (["chmod", "-R", "u+rwX", "--", str(folder)], ["rm", "-rf", "--", str(folder)]):
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if os.path.lexists(folder):
        raise MachineryError(f"could not remove the workspace {folder}")


def plain_parts(path: str) -> list[str]:
    """Return the parts of a plain relative path. Raises ValueError for any other."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\0" in path or any(p in ("", ".", "..") for p in parts):
        raise ValueError(f"{path!r} is not a plain relative path")
    return parts


@dataclass(frozen=True)
class Kind:
    """What git keeps of an entry beside a file's content: whether its owner may run it, and a link's target.

    Bytes of `target` that are no UTF-8 stand in it as os.fsdecode has them.
    """

    executable: bool = False
    target: str | None = None


class Workspace:
    """A folder of the host at `root`, or one that lies over the host tree `lower`.

    Sizes in bytes: `file_bytes` one file, `total_bytes` all of it. What lies in `lower` does not count; what was
    `copied` from a tree into `root` at the start comes on top.
    """

    def __init__(
        self, root: Path, *, file_bytes: int, total_bytes: int, lower: Path | None = None, copied: Size | None = None
    ) -> None:
        self.root = root
        self.lower = lower
        self.file_bytes = file_bytes
        self.total_bytes = total_bytes
        self.copied = copied or Size()

    def _open(self) -> Folder:
        upper = os.open(self.root, FOLDER)
        try:
            return Folder(upper, None if self.lower is None else os.open(self.lower, FOLDER))
        except OSError:
            os.close(upper)
            raise

    def _folder(self, parts: list[str], *, make: bool) -> Folder:
        """Open the folder `parts` below the root, never through a link. The caller closes it."""
        current = self._open()
        for part in parts:
            try:
                below = current.make(part) if make else current.enter(part)
            finally:
                current.close()
            current = below
        return current

    def write(self, path: str, data: str | bytes) -> None:
        """Write a file, in place of whatever is there: links, and folders that have its name, make way.

        Raises ValueError for a path that is not plain and relative, MachineryError when the system refuses.
        """
        *above, name = plain_parts(path)
        content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        try:
            self.open_up()
            place = self._folder(above, make=True)
            try:
                folder = place.upper
                assert folder is not None
                try:
                    os.unlink(name, dir_fd=folder)
                except FileNotFoundError:
                    pass
                except IsADirectoryError:
                    remove(Path(f"/proc/{os.getpid()}/fd/{folder}/{name}"))
                with open(os.open(name, _CREATE, 0o644, dir_fd=folder), "wb") as file:
                    file.write(content)
            finally:
                place.close()
        except OSError as error:
            raise MachineryError(f"could not write {path} into the workspace: {error}") from error

    def open_up(self) -> None:
        """Take back the permissions of the root that a command may have taken from us."""
        found = os.lstat(self.root)
        if found.st_mode & 0o700 != 0o700:
            os.chmod(self.root, stat.S_IMODE(found.st_mode) | 0o700)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes; None when it is absent, a link, not a regular file, or over `file_bytes`."""
        try:
            *above, name = plain_parts(path)
            folder = self._folder(above, make=False)
        except (OSError, ValueError):
            return None
        try:
            with self._plain(folder, name) as found:
                return found and self._content(found[0])
        finally:
            folder.close()

    @contextmanager
    def _plain(self, folder: Folder, name: str) -> Iterator[tuple[int, os.stat_result, bool] | None]:
        """Open a plain file of at most `file_bytes`; the last of the three is whether it is the tree's."""
        try:
            descriptor, from_tree = folder.open(name)
        except OSError:
            yield None
            return
        try:
            found = os.fstat(descriptor)
            plain = stat.S_ISREG(found.st_mode) and found.st_size <= self.file_bytes
            yield (descriptor, found, from_tree) if plain else None
        finally:
            os.close(descriptor)

    def _content(self, descriptor: int) -> bytes | None:
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(self.file_bytes + 1)
        return data if len(data) <= self.file_bytes else None

    def _digest(self, descriptor: int, found: os.stat_result, from_tree: bool) -> str | None:
        """Return the SHA-256 of a file; that of a tree's file is kept, since many sandboxes lie over one tree."""
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if from_tree and state in _digests:
            return _digests[state]
        data = self._content(descriptor)
        if data is None:
            return None
        digest = hashlib.sha256(data).hexdigest()
        if from_tree:
            if len(_digests) >= _MOST_DIGESTS:
                _digests.clear()
            _digests[state] = digest
        return digest

    def listing(self) -> dict[str, str]:
        """Return relative path -> SHA-256 hex of every regular file that `read` would give, sorted by path.

        A name that is not UTF-8 is left out: nothing could be declared by it. In a workspace that is over its
        bounds, so are the files beyond them.
        """
        digests: dict[str, str] = {}
        left = self.total_bytes + self.copied.bytes
        for path, name, folder, is_file in self._entries():
            if not is_file:
                continue
            with self._plain(folder, name) as found:
                if found is None or (not found[2] and found[1].st_size > left):
                    continue
                left -= 0 if found[2] else found[1].st_size
                digest = self._digest(*found)
            if digest is not None:
                digests[path] = digest
        return dict(sorted(digests.items()))

    def kinds(self) -> dict[str, Kind]:
        """Return relative path -> kind of every regular file and symbolic link, whatever its size."""
        found: dict[str, Kind] = {}
        for path, name, folder, is_file in self._entries():
            with suppress(OSError):
                mode, target = folder.look(name)
                if is_file or target is not None:
                    found[path] = Kind(executable=is_file and bool(mode & stat.S_IXUSR), target=target)
        return found

    def _entries(self) -> Iterator[tuple[str, str, Folder, bool]]:
        """Yield (path, name, open folder that holds it, is a regular file) of all but folders whose name is UTF-8."""
        pending: list[list[str]] = [[]]
        while pending:
            parts = pending.pop()
            try:
                folder = self._folder(parts, make=False)
            except OSError:
                continue
            try:
                for name, is_folder, is_file in folder.entries():
                    if not _is_text(name):
                        continue
                    if not is_folder:
                        yield "/".join([*parts, name]), name, folder, is_file
                    elif len(parts) < MAX_DEPTH + self.copied.depth:
                        pending.append([*parts, name])
            finally:
                folder.close()

    def over(self, held: int = 0) -> str:
        """Say in a few words which bound the whole tree is over; "" when it is within all of them.

        `held` are bytes that belong to it and have no name.
        """
        total, entries_seen = held - self.copied.bytes, -self.copied.entries
        pending: list[tuple[str, int]] = [(str(self.root), 0)]
        while pending:
            path, depth = pending.pop()
            if depth > MAX_DEPTH + self.copied.depth:
                return f"folders nested over {MAX_DEPTH} deep"
            with suppress(OSError), os.scandir(path) as entries:  # a folder may vanish as we look
                for entry in entries:
                    entries_seen += 1
                    if entries_seen > MAX_ENTRIES:
                        return f"over {MAX_ENTRIES} files"
                    with suppress(OSError):
                        found = entry.stat(follow_symlinks=False)
                        if self.lower is not None and is_whiteout(found):
                            entries_seen -= 1  # what was removed from the tree is no file
                            continue
                        total += taken(found)
                        if entry.is_dir(follow_symlinks=False):
                            pending.append((entry.path, depth + 1))
                    if total > self.total_bytes:
                        break
            if total > self.total_bytes:
                return f"over {self.total_bytes // (1024 * 1024)} MB"
        return ""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
