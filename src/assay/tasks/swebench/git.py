"""Repositories: a mirror on this machine or a clone of the upstream, and single commits taken out of them.

git runs here without hooks and without anyone's configuration; nothing of a repository is executed.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assay.errors import MachineryError, UserError
from assay.sandbox import workspace
from assay.sandbox.trees import cache_folder

_CLEAN = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
_OPTIONS = (
    "safe.directory=*",
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "gc.auto=0",
    "core.quotePath=false",
)
_WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "assay"), ("EMAIL", "assay@localhost"), ("DATE", "2000-01-01T00:00:00+0000"))
}
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_UPSTREAM = "https://github.com/"


class GitError(Exception):
    """git refused; the message is the last thing that it said."""


def git(
    *words: str, folder: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] = {}, timeout_s: float = 600.0
) -> bytes:
    """Run git with these words on the git directory `folder` and return its stdout. Raises GitError."""
    command = ["git", *(part for option in _OPTIONS for part in ("-c", option))]
    if folder is not None:
        command.append(f"--git-dir={folder}")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [*command, *words],
            input=stdin,
            capture_output=True,
            env={**inherited, **_CLEAN, **env},
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise UserError("git is not installed on this machine: install it to read repositories") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {words[0]} took longer than {timeout_s:g} s") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise GitError(next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1]))
    return done.stdout


@dataclass(frozen=True)
class Repository:
    """A git directory with the history of `name` (owner/name)."""

    name: str
    folder: Path

    def commit(self, name: str) -> str:
        """Return the full id of a commit. Raises UserError when it is not here."""
        try:
            if not _COMMIT.fullmatch(name):
                raise GitError("that is no commit id")
            return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", folder=self.folder).decode().strip()
        except GitError as error:
            raise UserError(
                f"{self.folder} has no commit {name} of {self.name}: fetch it there, or leave --mirrors out to clone"
            ) from error

    def date(self, commit: str) -> datetime:
        """Return when a commit was made, in UTC."""
        return datetime.fromtimestamp(int(git("show", "-s", "--format=%ct", commit, folder=self.folder)), UTC)

    def text(self, commit: str, path: str) -> str | None:
        """Return a file of a commit, None when it is not there."""
        data = self.data(commit, path)
        return None if data is None else data.decode("utf-8", "replace")

    def data(self, commit: str, path: str) -> bytes | None:
        """Return the bytes of a file of a commit, None when it is not there or no file."""
        try:
            return git("cat-file", "blob", f"{commit}:{path}", folder=self.folder)
        except GitError:
            return None

    def contains(self, commit: str, path: str) -> bool:
        """Whether a commit has a file or folder of this name."""
        try:
            git("cat-file", "-e", f"{commit}:{path}", folder=self.folder)
        except GitError:
            return False
        return True

    def tag(self, commit: str, pattern: str) -> str | None:
        """Return group 1 of the highest tag before `commit` that `pattern` matches wholly, None without one."""
        names = git(
            *(
                "for-each-ref",
                f"--merged={commit}",
                "--sort=-version:refname",
                "--format=%(refname:short)",
                "refs/tags",
            ),
            folder=self.folder,
        )
        for name in names.decode("utf-8", "replace").split():
            if found := re.fullmatch(pattern, name):
                return found[1] if found.re.groups else name
        return None

    def submodules(self, commit: str) -> dict[str, tuple[str, str]]:
        """Return path -> (address, commit) of the submodules of a commit."""
        lines = git("ls-tree", "-r", "-z", commit, folder=self.folder).split(b"\0")
        links = {
            os.fsdecode(line.split(b"\t", 1)[1]): line.split()[2].decode() for line in lines if line[:6] == b"160000"
        }
        if not links:
            return {}
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.data(commit, ".gitmodules") or b"")
            file.flush()
            try:
                said = git("config", "-z", "--file", file.name, "--get-regexp", r"^submodule\..*\.(path|url)$")
            except GitError:
                return {}
        entries = [entry.decode("utf-8", "replace").split("\n", 1) for entry in said.split(b"\0") if b"\n" in entry]
        table = {key: value for key, value in entries}
        return {
            path: (table.get(key.removesuffix(".path") + ".url", ""), links[path])
            for key, path in table.items()
            if key.endswith(".path") and path in links
        }

    def lacking(self, commit: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Return those of `paths` that a commit has and whose content is not here: large files are left out of some
        mirrors."""
        if not paths:
            return ()
        lines = git("ls-tree", "-z", commit, "--", *paths, folder=self.folder).split(b"\0")
        named = {line.split()[2].decode(): os.fsdecode(line.split(b"\t", 1)[1]) for line in lines if line}
        said = git("cat-file", "--batch-check", stdin="\n".join([*named, ""]).encode(), folder=self.folder).decode()
        return tuple(sorted(named[line.split()[0]] for line in said.splitlines() if line.endswith(" missing")))

    def check_out(self, commit: str, folder: Path, without: Sequence[str] = ()) -> None:
        """Write the files of a commit into the empty `folder`, with a fresh git directory of one commit in it.

        Nothing else of the history is in there, no remote, and no object that the commit does not need; nor are the
        paths `without`. Raises UserError when the mirror lacks objects.
        """
        new = folder / ".git"
        git("init", "--quiet", "--initial-branch=main", "--template=", str(folder))
        env = {
            "GIT_INDEX_FILE": str(new / "whole"),
            "GIT_OBJECT_DIRECTORY": str(new / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((self.folder / "objects").resolve()),
        }
        try:
            tree = git("rev-parse", f"{commit}^{{tree}}", folder=self.folder).decode().strip()
            if without:
                git("read-tree", commit, folder=self.folder, env=env)
                gone = "".join(f"0 {'0' * len(tree)}\t{path}\0" for path in without)
                git("update-index", "-z", "--index-info", stdin=os.fsencode(gone), folder=self.folder, env=env)
                tree = git("write-tree", folder=self.folder, env=env).decode().strip()
                (new / "whole").unlink()
            pack = git(
                "pack-objects",
                "--revs",
                "--stdout",
                "-q",
                "--delta-base-offset",
                stdin=f"{tree}\n".encode(),
                folder=self.folder,
                env=env,
            )
            git("index-pack", "--stdin", stdin=pack, folder=new)
            Repository(self.name, new).commit_tree(tree)
            git(f"--work-tree={folder}", "read-tree", "--reset", "-u", "HEAD", folder=new)
        except GitError as error:
            raise UserError(
                f"{self.folder} lacks parts of commit {commit} of {self.name} ({error}): fetch it there in full"
            ) from error

    def commit_tree(self, tree: str) -> None:
        """Make `main` one fresh commit of this tree, with a fixed author and date and nothing before it."""
        made = git("commit-tree", tree, "-m", "The repository as it stands", folder=self.folder, env=_WHO)
        git("update-ref", "refs/heads/main", made.decode().strip(), folder=self.folder)


def find(name: str, mirrors: Path | None, tell: Callable[[str], None]) -> Repository:
    """Return the repository `name` (owner/name) in a folder of mirrors, or a clone of the upstream in the cache.

    Raises UserError when there is no mirror, or the upstream cannot be cloned.
    """
    owner, _, short = name.partition("/")
    if mirrors is not None:
        for stem in (f"{owner}+{short}", f"{owner}__{short}", f"swe-bench+{owner}__{short}"):
            for place in (mirrors / stem, mirrors / stem / "repo", mirrors / stem / ".git"):
                if (place / "HEAD").is_file() and (place / "objects").is_dir():
                    return Repository(name, place.resolve())
        raise UserError(
            f"there is no mirror of {name} in {mirrors}: put a git directory there called {owner}+{short} or "
            f"{owner}__{short}"
        )
    place = cache_folder() / "mirrors" / f"{owner}__{short}"
    if not (place / "HEAD").is_file():
        _clone(f"{_UPSTREAM}{name}.git", place, tell)
    return Repository(name, place)


def _clone(address: str, place: Path, tell: Callable[[str], None]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    tell(f"cloning {address}")
    with tempfile.TemporaryDirectory(prefix=".clone-", dir=place.parent) as beside:
        try:
            done = subprocess.run(
                ["git", "clone", "--quiet", "--mirror", address, f"{beside}/repository"],
                env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise UserError("git is not installed on this machine: install it to clone repositories") from error
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise UserError(f"{address} cannot be cloned ({said[-1]}): mend the network, or give --mirrors DIR")
        if place.exists():
            return  # another process was first
        try:
            os.rename(f"{beside}/repository", place)
        except OSError as error:
            if not (place / "HEAD").is_file():
                raise MachineryError(f"the clone of {address} could not be put at {place}: {error}") from error


def apply_patch(repository: Repository, commit: str, patch: str, paths: Sequence[str] = ()) -> "Patched":
    """Return what `patch` makes of the files that it touches. Raises GitError when it does not apply.

    Done on an index and an object folder of its own, so that nothing of the repository changes.
    """
    folder = Path(tempfile.mkdtemp(prefix="patch-", dir=workspace.base()))
    try:
        env = {
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((repository.folder / "objects").resolve()),
        }
        (folder / "objects").mkdir()
        git("read-tree", commit, folder=repository.folder, env=env)
        git("apply", "--cached", "--whitespace=nowarn", "-", stdin=patch.encode(), folder=repository.folder, env=env)
        said = git("diff-index", "--cached", "--no-renames", "-z", commit, folder=repository.folder, env=env)
        words = said.split(b"\0")
        files: dict[str, bytes] = {}
        removed: list[str] = []
        for about, raw in zip(words[0:-1:2], words[1::2], strict=False):
            path = os.fsdecode(raw)
            _, mode, _, blob, status = about.decode().split()
            if status == "D":
                removed.append(path)
            elif mode != "160000":
                files[path] = git("cat-file", "blob", blob, folder=repository.folder, env=env)
        return Patched(files, tuple(removed))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Patched:
    """The files that a patch adds or changes, as it leaves them, and the paths that it removes."""

    files: dict[str, bytes]
    removed: tuple[str, ...]
