"""What a record needs: its version, the requirements of its tree, and keys that change when they must."""

import shutil
import sys
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.tasks.swebench import specs
from assay.tasks.swebench.git import Repository
from assay.tasks.swebench.make import helpers_path
from assay.tasks.swebench.plan import Plan, plan
from assay.tasks.swebench.record import Record
from tests.tasks.swebench.conftest import Git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
SPECIFICATION = f"""
repository = "a/b"
runner = "pytest"
spare = {{"big.bin" = "big==1"}}
[[version]]
file = "nowhere.py"
pattern = "^(.*)$"
[[version]]
tags = 'v(\\d.*)'
[[environment]]
versions = ["1.2"]
python = "{HERE}"
packages = ["one==1"]
requirements = [{{file = "needs/all.txt", drop = ["^dropped"]}}, {{file = "absent.txt", optional = true}}]
variables = {{VERSION = "{{full_version}} of {{version}}"}}
[environment.test]
helpers_on_path = true
[[environment]]
versions = ["3"]
python = "{HERE}"
dependencies = true
exclude_newer = "2019-01-01"
requirements = [{{file = "absent.txt"}}]
"""


@pytest.fixture
def repository(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    folder = tmp_path / "upstream"
    (folder / "needs").mkdir()
    (folder / "needs" / "all.txt").write_text("# all\n-r more.txt\ntwo  # for tests\ndropped>1\n-e .\n--pre\n")
    (folder / "needs" / "more.txt").write_text("three; python_version > '3'\n-r all.txt\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "first")
    git("tag", "v1.2.0rc1")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a__b.toml").write_text(SPECIFICATION)
    monkeypatch.setattr(specs, "FOLDER", tmp_path / "specs")
    specs.specification.cache_clear()
    yield Repository("a/b", folder / ".git")
    specs.specification.cache_clear()


def planned(repository: Repository, git: Git, version: str = "", commit: str = "") -> Plan:
    base = commit or git("rev-parse", "HEAD")
    return plan(Record("a__b-1", "a/b", base, "x", "x", "x", ("t",), (), version), repository)


def test_requirements_are_read_from_the_tree(repository: Repository, git: Git) -> None:
    found = planned(repository, git)
    assert set(found.requirements) == {"three; python_version > '3'", "two"}
    with pytest.raises(UserError, match=r"the tree has no absent\.txt"):
        planned(repository, git, "3.0")


def test_the_version_comes_from_the_record_or_the_tags(repository: Repository, git: Git) -> None:
    found = planned(repository, git)
    assert (found.version, found.full_version) == ("1.2.0rc1", "1.2.0rc1")
    assert planned(repository, git, "1.2").variables == {"VERSION": "1.2.0rc1 of 1.2"}
    git("tag", "--delete", "v1.2.0rc1")
    with pytest.raises(UserError, match=r"version of a/b at .* cannot be read"):
        planned(repository, git)


def test_packages_are_cut_the_day_after_the_commit(repository: Repository, git: Git) -> None:
    assert planned(repository, git).cut == "2020-05-07"


def test_a_commit_changes_the_key_of_the_project_alone(repository: Repository, git: Git) -> None:
    first = planned(repository, git)
    (repository.folder.parent / "code.py").write_text("x = 1\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "second")
    second = planned(repository, git)
    assert second.environment_key == first.environment_key
    assert second.project_key != first.project_key
    (repository.folder.parent / "needs" / "all.txt").write_text("four\n")
    git("commit", "--quiet", "-a", "-m", "third")
    assert planned(repository, git).environment_key != first.environment_key


def test_a_file_that_the_mirror_lacks_is_planned_for(repository: Repository, git: Git) -> None:
    (repository.folder.parent / "big.bin").write_text("large\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "second")
    whole = planned(repository, git)
    blob = git("rev-parse", "HEAD:big.bin")
    (repository.folder / "objects" / blob[:2] / blob[2:]).unlink()
    partial = planned(repository, git)
    assert (whole.lacking, partial.lacking) == ((), ("big.bin",))
    assert partial.project_key != whole.project_key


def test_helpers_of_the_tests_are_imported_from_where_pytest_finds_them(repository: Repository, git: Git) -> None:
    package = repository.folder.parent / "tests" / "data" / "outer"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    git("add", "-A")
    git("commit", "--quiet", "-m", "second")
    record = Record("a__b-1", "a/b", git("rev-parse", "HEAD"), "x", "x", "x", ("tests/test_it.py::t",), (), "1.2")
    files = dict.fromkeys(
        ("tests/test_it.py", "tests/data/outer/new/__init__.py", "tests/data/outer/new/one.py", "tests/more.txt"), ""
    )
    found = plan(record, repository)
    assert helpers_path(found, files) == {"PYTHONPATH": "/testbed/tests/data"}
    assert helpers_path(found, {"tests/test_it.py": ""}) == {}
