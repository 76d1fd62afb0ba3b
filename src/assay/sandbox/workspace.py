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
from contextlib import suppress
from functools import cache
from pathlib import Path

from assay.errors import MachineryError

_PREFIX = f"assay-{os.getuid()}-"
_STALE_S = 60.0
MAX_ENTRIES = 20_000
MAX_DEPTH = 64
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
        made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{pid}-", dir=parent))
        lock = os.open(made / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)  # held until we end, however we end
    except OSError as error:
        raise MachineryError(f"no place for workspaces under {parent}: {error}") from error
    atexit.register(lambda: remove(made) if os.getpid() == pid else None)
    return made


def _remove_stale(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, MachineryError):
            if time.time() - folder.stat().st_mtime < _STALE_S:
                continue  # perhaps not locked yet
            lock = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
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


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if not path or path.startswith("/") or "\0" in path or any(p in ("", ".", "..") for p in parts):
        raise ValueError(f"{path!r} is not a plain relative path")
    return parts


class Workspace:
    """A folder of the host at `root`. Sizes in bytes: `file_bytes` one file, `total_bytes` all of it."""

    def __init__(self, root: Path, *, file_bytes: int, total_bytes: int) -> None:
        self.root = root
        self.file_bytes = file_bytes
        self.total_bytes = total_bytes

    def _folder(self, parts: list[str], *, make: bool) -> int:
        """Open the folder `parts` below the root, never through a link. The caller closes it."""
        current = os.open(self.root, _FOLDER)
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o755, dir_fd=current)
                below = os.open(part, _FOLDER, dir_fd=current)
                os.close(current)
                current = below
        except BaseException:
            os.close(current)
            raise
        return current

    def write(self, path: str, data: str | bytes) -> None:
        """Write a file, in place of whatever is there.

        Raises ValueError for a path that is not plain and relative, MachineryError when the system refuses.
        """
        *above, name = _parts(path)
        content = data.encode() if isinstance(data, str) else data
        try:
            folder = self._folder(above, make=True)
            try:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(name, flags, 0o644, dir_fd=folder), "wb") as file:
                    file.write(content)
            finally:
                os.close(folder)
        except OSError as error:
            raise MachineryError(f"could not write {path} into the workspace: {error}") from error

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes; None when it is absent, a link, not a regular file, or over `file_bytes`."""
        try:
            *above, name = _parts(path)
            folder = self._folder(above, make=False)
        except (OSError, ValueError):
            return None
        try:
            return self._read_at(folder, name)
        finally:
            os.close(folder)

    def _read_at(self, folder: int, name: str) -> bytes | None:
        try:
            descriptor = os.open(name, _READ, dir_fd=folder)
        except OSError:
            return None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > self.file_bytes:
                return None
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(self.file_bytes + 1)
        finally:
            os.close(descriptor)
        return data if len(data) <= self.file_bytes else None

    def listing(self) -> dict[str, str]:
        """Return relative path -> SHA-256 hex of every regular file that `read` would give, sorted by path.

        A name that is not UTF-8 is left out: nothing could be declared by it.
        """
        found: dict[str, str] = {}
        pending: list[list[str]] = [[]]
        while pending:
            parts = pending.pop()
            try:
                folder = self._folder(parts, make=False)
            except OSError:
                continue
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if not _is_text(entry.name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            if len(parts) < MAX_DEPTH:
                                pending.append([*parts, entry.name])
                        elif entry.is_file(follow_symlinks=False):
                            data = self._read_at(folder, entry.name)
                            if data is not None:
                                found["/".join([*parts, entry.name])] = hashlib.sha256(data).hexdigest()
            finally:
                os.close(folder)
        return dict(sorted(found.items()))

    def over(self) -> str:
        """Say in a few words which bound the whole tree is over; "" when it is within all of them."""
        total = entries_seen = 0
        pending: list[tuple[str, int]] = [(str(self.root), 0)]
        while pending:
            path, depth = pending.pop()
            if depth > MAX_DEPTH:
                return f"folders nested over {MAX_DEPTH} deep"
            with suppress(OSError), os.scandir(path) as entries:  # a folder may vanish as we look
                for entry in entries:
                    entries_seen += 1
                    if entries_seen > MAX_ENTRIES:
                        return f"over {MAX_ENTRIES} files"
                    with suppress(OSError):
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            pending.append((entry.path, depth + 1))
                    if total > self.total_bytes:
                        return f"over {self.total_bytes // (1024 * 1024)} MB"
        return ""


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
