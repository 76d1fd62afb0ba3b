"""Source distributions are fetched without running them, verified by hash, and read as data."""

import dataclasses
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from assay.errors import UserError
from assay.tasks.seeded import packages
from assay.tasks.seeded.packages import Package, fetch, modules, read, table

SETUP = "open(r'{marker}', 'w').write('it ran')\nfrom setuptools import setup\nsetup(name='tiny', version='1.0')\n"


def archive(place: Path, files: dict[str, str], links: Mapping[str, str] = MappingProxyType({})) -> str:
    """Write a tar.gz and return its SHA-256."""
    with tarfile.open(place, "w:gz") as out:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            out.addfile(member, io.BytesIO(text.encode()))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            out.addfile(member)
    return hashlib.sha256(place.read_bytes()).hexdigest()


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Package:
    """A source distribution that only pip's --find-links offers, whose set-up code leaves a mark when it runs."""
    (tmp_path / "index").mkdir()
    digest = archive(
        tmp_path / "index" / "tiny-1.0.tar.gz",
        {
            "tiny-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
            "tiny-1.0/pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'setuptools.build_meta'\n",
            "tiny-1.0/setup.py": SETUP.format(marker=tmp_path / "marker"),
            "tiny-1.0/tiny/__init__.py": "def f():\n    return 1\n",
            "tiny-1.0/tiny/tests/test_f.py": "def test_f():\n    assert True\n",
            "tiny-1.0/tiny/data.bin": "not a module",
        },
    )
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return Package(
        name="tiny",
        version="1.0",
        archive="tiny-1.0.tar.gz",
        sha256=digest,
        root="tiny-1.0",
        package="tiny",
        tests="tiny/tests",
        backend="setuptools.build_meta",
        leave_out=(),
    )


def test_it_is_fetched_into_the_cache_and_none_of_it_runs(tiny, tmp_path):
    place = fetch(tiny)
    assert place == tmp_path / "cache" / "packages" / "tiny-1.0.tar.gz"
    assert not (tmp_path / "marker").exists()
    assert list(place.parent.iterdir()) == [place]
    assert set(modules(tiny)) == {"tiny/__init__.py"}
    assert list(packages.tests(tiny)) == ["tiny/tests/test_f.py"]


def test_what_is_in_the_cache_needs_no_index(tiny, monkeypatch):
    fetch(tiny)
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert fetch(tiny).is_file()


def test_another_hash_on_the_index_is_refused(tiny, tmp_path):
    with pytest.raises(UserError, match=r"serves another tiny 1\.0"):
        fetch(dataclasses.replace(tiny, sha256="0" * 64))
    assert not (tmp_path / "marker").exists()
    assert not (tmp_path / "cache" / "packages" / "tiny-1.0.tar.gz").exists()


def test_another_hash_in_the_cache_is_refused_with_the_file_and_the_remedy(tiny):
    place = fetch(tiny)
    place.write_bytes(place.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"tiny-1\.0\.tar\.gz has SHA-256 .* delete the file"):
        fetch(tiny)


def test_no_index_is_one_sentence(tiny, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(UserError, match=r"pip cannot download tiny 1\.0") as caught:
        fetch(tiny)
    assert "\n" not in str(caught.value)


def test_only_plain_files_below_the_root_are_read(tiny, tmp_path):
    place = tmp_path / "cache" / "packages" / "tiny-1.0.tar.gz"
    place.parent.mkdir(parents=True)
    evil = {
        **{"tiny-1.0/tiny/__init__.py": "x = 1\n", "tiny-1.0/tiny/../../up.py": "x = 2\n"},
        **{
            "/tiny-1.0/tiny/absolute.py": "x = 3\n",
            "other/tiny/elsewhere.py": "x = 4\n",
            "../tiny/above.py": "x = 5\n",
        },
    }
    digest = archive(place, evil, links={"tiny-1.0/tiny/link.py": "/etc/passwd"})
    assert read(dataclasses.replace(tiny, sha256=digest)) == {"tiny/__init__.py": b"x = 1\n"}


def test_the_pinned_table_is_complete():
    for package in table():
        assert package.archive == f"{package.root}.tar.gz"
        assert len(package.sha256) == 64
