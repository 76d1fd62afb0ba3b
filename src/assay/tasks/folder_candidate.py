"""What a candidate on disk gives: the declared outputs of a workspace directory, or of a patch to the task's files.

Everything is read as data. In a directory no link is followed, and only regular files within the task's bounds
count. A patch is applied inside a sandbox.
"""

import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from assay.errors import UserError
from assay.nouns import Reason, Task, Verdict
from assay.sandbox import open_sandbox
from assay.sandbox.workspace import Workspace

_TREE, _PATCH = "tree", "patch"
_OUTPUT = "patch.diff"  # a task whose repository is a mounted tree declares the patch itself
_TOTAL = 4  # as the sandbox bounds a workspace: this many times one file
_LARGEST_PATCH = 16 << 20
_APPLY = """
command -v git >/dev/null || command -v patch >/dev/null || exit 97
for strip in 1 0; do
    git apply -p$strip --whitespace=nowarn /patch/candidate.diff 2>>/tmp/said && exit 0
    patch -p$strip --batch --dry-run --fuzz=5 -i /patch/candidate.diff >>/tmp/said 2>&1 || continue
    patch -p$strip --batch --fuzz=5 --no-backup-if-mismatch -i /patch/candidate.diff >/dev/null 2>&1 && exit 0
done
head -c 400 /tmp/said
exit 1
"""
_LEFT = {".git", "__pycache__", "node_modules"}  # what tools leave behind: under a pattern it is no output
# Whether a file may be absent is for the suite or the script to say; the others cannot run without it.
_MAY_LACK = {"tests", "command"}


@dataclass(frozen=True)
class Candidate:
    """The outputs by path, or `verdict`: what is already decided because there are none to grade."""

    outputs: dict[str, str]
    verdict: Verdict | None = None


async def read_candidate(task: Task, path: str | Path) -> Candidate:
    """Return the outputs of the workspace directory or the unified diff at `path`. UserError when it is neither."""
    found = _looked_at(task, Path(path))
    if isinstance(found, Candidate):
        return found
    if _OUTPUT in task.outputs:
        return _taken(task, {_OUTPUT: found}.get, lambda: [_OUTPUT], lambda output: f"{output} is not there")
    return await _patched(task, found)


def _looked_at(task: Task, place: Path) -> Candidate | bytes:
    """Return the candidate in a directory, or the bytes of a patch."""
    if place.is_dir():
        space = _space(task, place.resolve())
        return _taken(task, space.read, space.listing, lambda output: _why_not(task, place.resolve(), output))
    if not place.exists():
        raise UserError(f"there is no candidate {place}: name a workspace directory or a file with a unified diff")
    if not place.is_file() or place.stat().st_size > _LARGEST_PATCH:
        raise UserError(f"the candidate {place} is neither a directory nor a patch of at most 16 MB")
    patch = place.read_bytes()
    return patch if not patch or patch.endswith(b"\n") else patch + b"\n"  # a last line cut short is no change


def _space(task: Task, root: Path) -> Workspace:
    file_bytes = task.limits.file_mb << 20
    return Workspace(root, file_bytes=file_bytes, total_bytes=_TOTAL * file_bytes)


def _taken(
    task: Task,
    read: Callable[[str], bytes | None],
    listing: Callable[[], Iterable[str]],
    why_not: Callable[[str], str],
) -> Candidate:
    """Take the declared outputs. What cannot be text is kept for a script (`command`), else it is no output."""
    patterns = any(set("*?") & set(entry) for entry in task.outputs)
    outputs: dict[str, str] = {}
    room = _TOTAL * task.limits.file_mb << 20
    for path in task.declared(listing() if patterns else ()):
        named = path in task.outputs
        if not named and _LEFT & set(path.split("/")):
            continue
        data = read(path)
        if data is None:
            if named and task.grader.kind not in _MAY_LACK:
                return _missing(why_not(path))
            continue
        room -= len(data)
        if room < 0:
            return _missing(f"the declared outputs have over {_TOTAL * task.limits.file_mb} MB")
        try:
            outputs[path] = data.decode("utf-8", "surrogateescape" if task.grader.kind == "command" else "strict")
        except UnicodeDecodeError as error:
            if named or path in task.files:
                return _missing(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})")
    return Candidate(outputs)


def _missing(detail: str) -> Candidate:
    return Candidate({}, Verdict.score(0.0, Reason.MISSING_OUTPUT, detail=detail))


def _why_not(task: Task, root: Path, path: str) -> str:
    """Say why a declared output was not read, without following a link."""
    place = root
    for part in path.split("/"):
        place /= part
        try:
            found = place.lstat()
        except OSError:
            return f"{path} is not there"
        if stat.S_ISLNK(found.st_mode):
            return f"{place.relative_to(root)} is a symbolic link, which is not followed"
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is not a regular file"
    if found.st_size > task.limits.file_mb << 20:
        return f"{path} has over {task.limits.file_mb} MB"
    return f"{path} cannot be read"


async def _patched(task: Task, patch: bytes) -> Candidate:
    """Apply `patch` to the task's files in a sandbox and take the outputs from there."""
    files = {f"{_TREE}/{path}": text.encode("utf-8", "surrogatepass") for path, text in task.files.items()}
    async with open_sandbox(
        {**files, f"{_PATCH}/candidate.diff": patch},
        binds={"/work": _TREE, "/patch": _PATCH},
        file_mb=max(32, task.limits.file_mb),
    ) as sandbox:
        if patch.strip():
            done = await sandbox.run_split(["/bin/bash", "-c", _APPLY], timeout_s=60)
            if done.returncode == 97:
                raise UserError("a patch needs git or patch on this machine: install one, or give a directory")
            if done.returncode != 0:
                said = " ".join(done.stdout.decode("utf-8", "replace").split()) or "it took too long or said nothing"
                return Candidate({}, Verdict.score(0.0, Reason.MALFORMED, detail=f"the patch does not apply: {said}"))

        def listing() -> list[str]:
            return [path[len(_TREE) + 1 :] for path in sandbox.listing() if path.startswith(f"{_TREE}/")]

        def read(path: str) -> bytes | None:
            data = sandbox.get(f"{_TREE}/{path}")
            return None if data is None or len(data) > task.limits.file_mb << 20 else data

        return _taken(task, read, listing, lambda path: f"{path} is no regular file once the patch is applied")
