"""The patch of an attempt, from the two trees: what the workspace began as, and what the agent left.

The agent's git metadata is never asked. Which files differ is seen from the host, as data; their texts are then
compared by git in a sandbox of its own, with a repository made there. What the beginning's .gitignore files leave
out, what tools leave behind, and `patch.txt`, into which agents of mini-swe-agent write their own patch, is no part
of it. As in git's own patches a file may become executable, or no longer be, and a symbolic link is its target's
name: no link is followed.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.errors import MachineryError, UserError
from assay.grading.command.place import as_bytes
from assay.grading.suites.suite_restore import is_test
from assay.nouns import Task
from assay.sandbox import CallError, CallTimeout, Sandbox, open_sandbox
from assay.sandbox.workspace import Kind, Workspace

_DIFF_S = 120.0
_LARGEST = 16 << 20  # characters of a patch
_PRISTINE = "/opt/pristine"
_METADATA = {".git", ".hg", ".svn"}
_LEFT = ("__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", "/patch.txt")


class TooLarge(Exception):
    """A patch that nobody could apply; the message says how large."""


@dataclass(frozen=True)
class Change:
    """What an attempt changed: a patch in git's format, "" for nothing, and the paths it touches."""

    patch: str
    paths: tuple[str, ...]

    @property
    def tests_only(self) -> bool:
        """Whether it changes tests and nothing else."""
        return only_tests(self.paths)


def only_tests(paths: Iterable[str]) -> bool:
    """Whether all paths, and at least one, are tests by their name or folder."""
    found = list(paths)
    return bool(found) and all(is_test(path) for path in found)


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class _Entry:
    """A file with its bytes, or a symbolic link with those of its target's name."""

    data: bytes
    kind: Kind

    @property
    def is_text(self) -> bool:
        return is_text(self.data)


_Entries = dict[str, _Entry]


async def taken(task: Task, sandbox: Sandbox, tree: Path | None) -> Change:
    """Return what differs between the workspace as `task` and `tree` begin it and as it lies in `sandbox` now.

    Raises TooLarge, MachineryError, and UserError when this machine has no git.
    """
    before, after = await asyncio.to_thread(_differing, task, sandbox, tree)
    if not before and not after:
        return Change("", ())
    # git would garble a text that is no UTF-8: such files get a binary patch, apart.
    odd = {path for entries in (before, after) for path, entry in entries.items() if not entry.is_text}
    patch = ""
    paths: list[str] = []
    for binary in (False, True):
        some = {path for path in {*before, *after} if (path in odd) is binary}
        if some:
            ignored = {} if tree is None else _ignore_files(task, tree, some)
            found = await _compared(_of(before, some) | ignored, _of(after, some) | ignored, tree, binary)
            patch += found.patch
            paths += found.paths
    if len(patch) > _LARGEST:
        raise TooLarge(f"the patch has over {_LARGEST >> 20} MB")
    return Change(patch, tuple(sorted(paths)))


def _of(entries: _Entries, paths: set[str]) -> _Entries:
    return {path: entry for path, entry in entries.items() if path in paths}


def _pristine(task: Task, tree: Path) -> Workspace:
    return Workspace(tree, file_bytes=task.limits.file_mb << 20, total_bytes=1 << 62)


def _differing(task: Task, sandbox: Sandbox, tree: Path | None) -> tuple[_Entries, _Entries]:
    """Return what differs as it was and as it is, absent on a side where there is no such file or link."""
    now, kinds = sandbox.listing(), sandbox.kinds()
    if tree is None:
        old = {path: as_bytes(text) for path, text in task.files.items()}
        were = dict.fromkeys(old, Kind())
        same = {path for path, data in old.items() if sandbox.get(path) == data}
        read: Callable[[str], bytes | None] = old.get
    else:
        space = _pristine(task, tree)
        were = space.kinds()
        same = {path for path, digest in space.listing().items() if now.get(path) == digest}
        read = space.read
    links = {path for path, kind in kinds.items() if kind.target is not None and were.get(path) == kind}
    # A file over the bound is in no listing: it counts as it did before there were kinds, as not there.
    changed = {path for path in same if were.get(path) != kinds.get(path)}
    changed |= {path for path in {*were, *kinds} if path not in same and path not in links}
    changed = {path for path in changed if not _METADATA & set(path.split("/"))}
    # Of a file of which only the mode is another, git says no more; a file of patterns is read for what it leaves out.
    bare = {path for path in changed & same if path.rpartition("/")[2] != ".gitignore"}
    was = {path: entry for path in changed if (entry := _entry(path, were, read, path in bare)) is not None}
    found = {path: entry for path in changed if (entry := _entry(path, kinds, sandbox.get, path in bare)) is not None}
    if sum(len(entry.data) for entry in found.values()) > _LARGEST:
        raise TooLarge(f"the changed files have over {_LARGEST >> 20} MB")
    return was, found


def _entry(path: str, kinds: Mapping[str, Kind], read: Callable[[str], bytes | None], bare: bool) -> _Entry | None:
    """Return what stands at `path`, without its bytes when `bare`; None where nothing does that could be read."""
    kind = kinds.get(path)
    if kind is None:
        return None
    if kind.target is not None:
        link = _Entry(os.fsencode(kind.target), kind)
        return link if link.is_text else None  # git shows a link as text, whatever its bytes
    data = b"" if bare else read(path)
    return None if data is None else _Entry(data, kind)


def _ignore_files(task: Task, tree: Path, changed: set[str]) -> _Entries:
    """Return the unchanged .gitignore files of the folders in which something changed."""
    space = _pristine(task, tree)
    folders = {"/".join(path.split("/")[:cut]) for path in changed for cut in range(path.count("/") + 1)}
    names = {f"{folder}/.gitignore".lstrip("/") for folder in folders} - changed
    return {name: _Entry(data, Kind()) for name in sorted(names) if (data := space.read(name)) is not None}


async def _compared(before: _Entries, after: _Entries, tree: Path | None, binary: bool) -> Change:
    sides = {"before": before, "after": after}
    every = {f"{side}/{path}": entry for side, entries in sides.items() for path, entry in entries.items()}
    files = {path: entry.data for path, entry in every.items() if entry.kind.target is None}
    links = {path: entry.kind.target for path, entry in every.items() if entry.kind.target is not None}
    largest = max((len(data) for data in files.values()), default=0) >> 20
    async with open_sandbox(
        files,
        readonly={} if tree is None else {_PRISTINE: tree},
        memory_mb=2048,
        file_mb=max(64, 4 * largest),
        output_bytes=8 * _LARGEST,
    ) as sandbox:
        executable = [path for path, entry in every.items() if entry.kind.executable]
        try:
            said = await sandbox.call(git_diff, _PRISTINE, list(_LEFT), binary, executable, links, timeout_s=_DIFF_S)
        except (CallError, CallTimeout) as error:
            raise MachineryError(f"the patch could not be taken: {error}") from error
    if said is None:
        raise UserError("the patch of an attempt is taken with git, which this machine lacks: install it")
    return Change(said["patch"], tuple(said["paths"]))


def git_diff(pristine: str, left: list[str], binary: bool, executable: list[str], links: dict[str, str]) -> dict | None:
    """Compare ./before with ./after; runs inside. None when there is no git.

    What the repository at `pristine` tracks counts though it be ignored; `left` are patterns of what does not. Of both
    sides the files `executable` are made so, and the links are made, which the files brought here did not keep.
    """
    import os
    import shutil
    import subprocess

    if shutil.which("git") is None:
        return None
    env = {
        **os.environ,
        "GIT_DIR": "/tmp/repository",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "LC_ALL": "C",
    }

    def git(*words: str, stdin: bytes = b"", at: str = ".", **more: str) -> bytes:
        more = more or {"GIT_WORK_TREE": os.path.abspath(at)}
        done = subprocess.run(["git", *words], input=stdin, capture_output=True, cwd=at, env={**env, **more})
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode("utf-8", "replace")[-500:])
        return done.stdout

    git("init", "-q")
    with open("/tmp/repository/config", "a") as file:
        file.write("[core]\nautocrlf = false\nfileMode = true\nsymlinks = true\nbigFileThreshold = 1g\n")
        file.write("protectNTFS = false\nprotectHFS = false\n")
    os.makedirs("/tmp/repository/info", exist_ok=True)
    with open("/tmp/repository/info/attributes", "w") as file:  # above whatever .gitattributes the trees hold
        file.write(f"* -text !eol !ident !filter !working-tree-encoding {'-diff' if binary else '!diff'}\n")
    with open("/tmp/repository/info/exclude", "w") as file:
        file.write("\n".join(left) + "\n")
    for name in ("before", "after"):
        os.makedirs(name, exist_ok=True)
    for path in executable:
        os.chmod(path, 0o755)
    for path, target in links.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)
    root = os.path.abspath("before")
    every = [os.path.join(at, name) for at, folders, names in os.walk(root) for name in [*folders, *names]]
    found = [os.path.relpath(each, root) for each in every if os.path.islink(each) or not os.path.isdir(each)]
    tracked = found
    if os.path.isdir(f"{pristine}/.git"):
        known = git("-c", "safe.directory=*", "ls-files", "-z", at=pristine, GIT_DIR=f"{pristine}/.git")
        names = set(os.fsdecode(known).split("\0"))
        tracked = [path for path in found if path in names]
    paths = b"".join(os.fsencode(path) + b"\0" for path in sorted(tracked))
    git("update-index", "--add", "-z", "--stdin", stdin=paths, at="before")
    git("add", "-A", ".", at="before")
    tree = git("write-tree").decode().strip()
    git("add", "-A", ".", at="after")
    changed = git("diff", "--cached", "--name-only", "--no-renames", "-z", tree)
    patch = git("diff", "--cached", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", tree)
    return {"patch": patch.decode(), "paths": [path for path in changed.decode().split("\0") if path]}
