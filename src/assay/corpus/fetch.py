"""Downloads pinned packages with their own clients, checks their sha256 and unpacks them."""

import errno
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.corpus.model import PackagePin
from assay.errors import UserError
from assay.nouns.base import sha256_file

TIMEOUT_S = 600


def default_cache() -> Path:
    """Return the folder where package files are kept between builds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay" / "packages"


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable folder into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"The disk that holds {where} is full; free some space and run again.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"{where} cannot be written; choose a folder that you may write to.") from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise UserError(f"{where} is not a folder; choose another place.") from error
        raise


def cached_archive(pin: PackagePin, cache: Path) -> Path | None:
    """Return the package file that the cache holds, or None when it has none with the right hash."""
    for path in sorted((cache / pin.sha256).glob("*")):
        if path.is_file() and sha256_file(path) == pin.sha256:
            return path
    return None


def fetch(pin: PackagePin, cache: Path) -> Path:
    """Return the package's file, downloading it when the cache lacks it; a wrong sha256 keeps nothing."""
    found = cached_archive(pin, cache)
    if found:
        return found
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as temporary:
            work = Path(temporary)
            _download(pin, work)
            files = [path for path in work.iterdir() if path.is_file()]
            if len(files) != 1:
                raise UserError(
                    f"Downloading {pin.package} {pin.version} from {pin.ecosystem} left {len(files)} files"
                    " where one was expected; run its client by hand to see why."
                )
            actual = sha256_file(files[0])
            if actual != pin.sha256:
                raise UserError(
                    f"{pin.package} {pin.version} from {pin.ecosystem} has sha256 {actual} where the recipe pins"
                    f" {pin.sha256}; nothing was kept, so check the package before changing the recipe."
                )
            home = cache / pin.sha256
            home.mkdir(exist_ok=True)
            return files[0].replace(home / files[0].name)


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a wheel, an sdist, an npm package or a Debian package, and return the folder."""
    with disk_errors(into):
        into.mkdir(parents=True, exist_ok=True)
        try:
            if archive.suffix in (".whl", ".zip"):
                with zipfile.ZipFile(archive) as bundle:
                    bundle.extractall(into)
            elif archive.suffix == ".deb":
                _run(["dpkg-deb", "-x", str(archive), str(into)], into)
            else:
                # Python before 3.11.4 has no filters; what is unpacked here is pinned by its hash.
                safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                with tarfile.open(archive) as bundle:
                    bundle.extractall(into, **safe)
        except (tarfile.TarError, zipfile.BadZipFile) as error:
            raise UserError(f"{archive} cannot be unpacked ({error}); delete it and run again.") from error
    return into


def _download(pin: PackagePin, work: Path) -> None:
    """Run the ecosystem's own client so that it leaves one file in `work`."""
    if pin.ecosystem == "npm":
        command = ["npm", "pack", "--silent", f"{pin.package}@{pin.version}"]
    elif pin.ecosystem == "debian":
        # As root, apt drops to a user of its own, who must be able to write here.
        work.chmod(0o755)
        command = ["apt-get", "download", "-q", f"{pin.package}={pin.version}"]
    else:
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--quiet",
            "--disable-pip-version-check", "--dest", ".", f"{pin.package}=={pin.version}",
        ]  # fmt: skip
    _run(command, work)


def _run(command: list[str], where: Path) -> None:
    """Run a client and turn each way it can fail into one sentence."""
    if shutil.which(command[0]) is None:
        raise UserError(f"{command[0]} is not installed; install it, or put the package's file in the cache.")
    try:
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{' '.join(command)} took more than {TIMEOUT_S} s; check the network and run again."
        ) from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        last = lines[-1].rstrip(".") if lines else f"exit status {done.returncode}"
        if "No space left" in done.stderr:
            raise UserError(f"The disk that holds {where} is full; free some space and run again.")
        raise UserError(
            f"{' '.join(command)} failed ({last}); check the network and that version,"
            " and for a Debian package run apt-get update."
        )
