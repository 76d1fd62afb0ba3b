"""Commits out of repositories: exactly their files, one fresh commit, nothing of the history; patches tried apart."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from assay.errors import UserError
from assay.tasks.swebench import git as repositories
from assay.tasks.swebench.git import GitError, Repository, apply_patch, find
from tests.tasks.swebench.conftest import Git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def upstream(git: Git, tmp_path: Path) -> Repository:
    """Two commits: what a task begins from, and the secret that came later."""
    folder = tmp_path / "upstream"
    (folder / "package").mkdir()
    (folder / "package" / "code.py").write_text("x = 1\n")
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o755)
    (folder / "link").symlink_to("package/code.py")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("latin\n")
    (folder / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    (folder / ".gitattributes").write_text("*.txt text eol=crlf\nhidden.cfg export-ignore\n")
    (folder / "hidden.cfg").write_text("kept\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "first")
    git("tag", "v1.2.0")
    (folder / "package" / "code.py").write_text("x = 'the secret of the future'\n")
    git("commit", "--quiet", "-a", "-m", "second", day="2021-01-01T00:00:00+0000")
    git("tag", "v1.3.0")
    return Repository("a/b", folder / ".git")


def first(git: Git) -> str:
    return git("rev-parse", "HEAD~1")


def test_a_checkout_is_the_commit_and_nothing_else(git: Git, upstream: Repository, tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    upstream.check_out(first(git), place)
    assert (place / "package" / "code.py").read_text() == "x = 1\n"
    assert os.access(place / "tool", os.X_OK)
    assert os.readlink(place / "link") == "package/code.py"
    assert b"caf\xe9.txt" in os.listdir(os.fsencode(place))
    assert (place / "dos.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (place / "hidden.cfg").exists()

    def inside(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(place), *words], capture_output=True, errors="replace", check=True)
        return done.stdout

    assert inside("status", "--short") == ""
    assert len(inside("log", "--all", "--oneline").splitlines()) == 1
    assert inside("remote") == inside("tag") == ""
    assert "someone" not in inside("log", "--format=%an %ae %cn %B")
    ids = inside("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").split()
    assert ids.count("commit") == 1
    assert "the future" not in inside("grep", "-h", "", "--", "package")
    everything = inside("cat-file", "--batch-all-objects", "--batch")
    assert "the secret of the future" not in everything
    again = tmp_path / "again"
    again.mkdir()
    upstream.check_out(first(git), again)
    assert (again / ".git/refs/heads/main").read_text() == (place / ".git/refs/heads/main").read_text()


def test_dates_tags_and_files_of_a_commit(git: Git, upstream: Repository) -> None:
    commit = first(git)
    assert upstream.commit(commit[:10]) == commit
    assert str(upstream.date(commit).date()) == "2020-05-06"
    assert upstream.tag(commit, r"v(\d+\.\d+)\.\d+") == "1.2"
    assert upstream.tag(git("rev-parse", "HEAD"), r"v(\d+\.\d+)\.\d+") == "1.3"
    assert upstream.tag(commit, r"release-(.*)") is None
    assert upstream.text(commit, "package/code.py") == "x = 1\n"
    assert upstream.text(commit, "nothing.py") is None
    assert upstream.contains(commit, "package")
    assert not upstream.contains(commit, "nothing.py")


@pytest.mark.parametrize("name", ["f" * 40, "HEAD", "--all", ""])
def test_a_commit_that_is_not_there_is_named(name: str, upstream: Repository) -> None:
    with pytest.raises(UserError, match="has no commit"):
        upstream.commit(name)


def test_a_mirror_that_lacks_objects_is_named(git: Git, upstream: Repository, tmp_path: Path) -> None:
    blob = git("rev-parse", "HEAD~1:package/code.py")
    (upstream.folder / "objects" / blob[:2] / blob[2:]).unlink()
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="lacks parts of commit"):
        upstream.check_out(first(git), tmp_path / "out")


def test_a_file_that_the_mirror_lacks_is_left_out(git: Git, upstream: Repository, tmp_path: Path) -> None:
    blob = git("rev-parse", "HEAD~1:package/code.py")
    (upstream.folder / "objects" / blob[:2] / blob[2:]).unlink()
    commit = first(git)
    paths = ("package/code.py", "tool", "nothing")
    assert upstream.lacking(commit, paths) == ("package/code.py",)
    assert upstream.lacking(commit, ()) == ()
    place = tmp_path / "out"
    place.mkdir()
    objects = git("count-objects")
    upstream.check_out(commit, place, ("package/code.py",))
    assert not (place / "package").exists()
    assert (place / "tool").exists()
    assert subprocess.check_output(["git", "-C", str(place), "status", "--short"]) == b""
    assert git("count-objects") == objects


def test_a_patch_is_tried_apart(git: Git, upstream: Repository) -> None:
    folder = upstream.folder.parent
    commit = first(git)
    git("checkout", "--quiet", "-b", "work", commit)
    (folder / "package" / "code.py").write_text("x = 2\n")
    (folder / "new.py").write_text("y = 1\n")
    (folder / "picture").write_bytes(bytes(range(256)))
    (folder / "hidden.cfg").unlink()
    git("add", "-A")
    patch = git("diff", "--cached", "--binary") + "\n\n"
    git("reset", "--quiet", "--hard")
    objects = git("count-objects")
    found = apply_patch(upstream, commit, patch)
    assert found.files == {"package/code.py": b"x = 2\n", "new.py": b"y = 1\n", "picture": bytes(range(256))}
    assert found.removed == ("hidden.cfg",)
    assert git("status", "--short") == ""
    assert git("count-objects") == objects
    with pytest.raises(GitError, match=r"does not apply|patch failed"):
        apply_patch(upstream, git("rev-parse", "trunk"), patch)
    with pytest.raises(GitError):
        apply_patch(upstream, commit, "nonsense")


@pytest.mark.parametrize("place", ["a+b", "a__b", "a+b/repo", "a__b/.git", "swe-bench+a__b"])
def test_mirrors_are_found_under_each_name(place: str, upstream: Repository, tmp_path: Path) -> None:
    mirrors = tmp_path / "mirrors"
    (mirrors / place).parent.mkdir(parents=True)
    shutil.copytree(upstream.folder, mirrors / place)
    found = find("a/b", mirrors, lambda text: None)
    assert found.folder == (mirrors / place).resolve()
    with pytest.raises(UserError, match=r"no mirror of a/c .* a\+c or a__c"):
        find("a/c", mirrors, lambda text: None)


def test_submodules_are_named_with_their_commits(git: Git, upstream: Repository) -> None:
    commit = git("rev-parse", "HEAD")
    folder = upstream.folder.parent
    (folder / ".gitmodules").write_text(
        '[submodule "helpers"]\n\tpath = helpers\n\turl = https://example.org/x/helpers.git\n'
    )
    git("add", ".gitmodules")
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},helpers")
    git("commit", "--quiet", "-m", "with a submodule")
    made = git("rev-parse", "HEAD")
    assert upstream.submodules(made) == {"helpers": ("https://example.org/x/helpers.git", commit)}
    assert upstream.submodules(commit) == {}


def test_without_mirrors_the_upstream_is_cloned_once(
    git: Git, upstream: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosting" / "a").mkdir(parents=True)
    upstream.folder.rename(tmp_path / "hosting" / "a" / "b.git")
    monkeypatch.setattr(repositories, "_UPSTREAM", f"file://{tmp_path}/hosting/")
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    told: list[str] = []
    found = find("a/b", None, told.append)
    assert told == [f"cloning file://{tmp_path}/hosting/a/b.git"]
    assert found.text("trunk", "tool") == "#!/bin/sh\n"
    assert find("a/b", None, told.append) == found
    assert len(told) == 1
    with pytest.raises(UserError, match=r"a/c\.git cannot be cloned .* --mirrors DIR"):
        find("a/c", None, told.append)
