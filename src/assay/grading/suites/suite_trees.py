"""The trees that a suite runs on: the repository as it began, with gold, or with what a candidate made of it."""

import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from assay.errors import MachineryError
from assay.grading.suites import suite_restore
from assay.grading.suites.suite_run import Place, command, framed, roots
from assay.grading.suites.suite_spec import PATCH, Suite
from assay.nouns import Reason, Task, Verdict
from assay.sandbox import Sandbox, forking, open_sandbox, trees
from assay.sandbox.touched import touched

_MOST_FILES = 5_000
_LONGEST_PATH = 1_000
_APPLY_S = 300.0
_ANSWER_BYTES = 4_000_000
_HERE = Path(__file__).parent
_TOUCHED = re.compile(r"^(?:\+\+\+ b/|--- a/|rename to |rename from )([^\t\n]+)", re.MULTILINE)


class Repository(Collection[str]):
    """The paths of a repository as the task has it, hidden tests included, and their text."""

    def __init__(self, task: Task, hidden: Mapping[str, str], tree: Path | None) -> None:
        self._files = {**task.files, **hidden}
        self._tree = tree

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.text(path) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def text(self, path: str) -> str | None:
        """Return a file's text, None when it is not there or no UTF-8."""
        if path in self._files or self._tree is None:
            return self._files.get(path)
        try:
            with (self._tree / path).open(encoding="utf-8", newline="") as file:
                return file.read()
        except (OSError, ValueError):
            return None


def host_tree(task: Task) -> Path | None:
    """Return the host folder of the task's tree, None for a task whose files are the repository.

    Raises MachineryError when it was not prepared.
    """
    inside = task.grader.data.get("tree")
    return trees.tree(task.mounts[inside]) if isinstance(inside, str) and inside in task.mounts else None


async def with_outputs(
    task: Task, suite: Suite, tree: Path | None, outputs: Mapping[str, str]
) -> tuple[Place, tuple[str, ...]] | Verdict:
    """Return the tree that `outputs` makes and the paths whose change was dropped, or the verdict where none is made.

    A patch is applied in a sandbox of its own. Raises MachineryError when that fails.
    """
    refused = _refuse(task, outputs)
    if refused is not None:
        return refused
    if tree is not None:
        return await _patched(task, suite, tree, outputs.get(PATCH, ""))
    guarded = suite_restore.protector(
        original=task.files.keys(),
        hidden=suite.files.keys(),
        patterns=suite.protected,
        solved=task.gold.keys(),
        test_root=suite.test_root,
        roots=roots(suite),
    )
    made = dict(task.files)
    dropped = []
    for path, text in outputs.items():
        if task.files.get(path) == text:
            continue
        if not guarded(path):
            made[path] = text
            continue
        dropped.append(path)
        if path in task.files and path not in suite.files:
            made[path] = suite_restore.spliced(path, task.files[path], text)
    files = {**made, **suite.files}
    if (clash := _clash(files)) is not None:
        return Verdict.score(0.0, Reason.MALFORMED, detail=f"{clash} is to be both a file and a folder")
    return Place(files), tuple(sorted(dropped))


async def _patched(task: Task, suite: Suite, tree: Path, patch: str) -> tuple[Place, tuple[str, ...]] | Verdict:
    """Apply a patch to a tree in a sandbox and restore the suite there."""
    if not patch.strip():
        return Place(suite.files, tree), ()
    request = {
        "root": suite.workdir,
        "hidden": list(suite.files),
        "protected": list(suite.protected),
        "solved": sorted(set(_TOUCHED.findall(task.gold.get(PATCH, "")))),
        "test_root": suite.test_root,
        "roots": roots(suite),
    }
    apart = forking.usable(tree)  # then the workspace is an overlay, which can be looked at from outside
    readonly = {f"/opt/assay/suite/{name}.py": _HERE / f"{name}.py" for name in ("suite_apply", "suite_restore")}
    readonly["/opt/assay/pristine"] = tree
    async with open_sandbox(
        {},
        tree=tree,
        readonly=readonly,
        workdir=suite.workdir,
        memory_mb=task.limits.memory_mb,
        file_mb=task.limits.file_mb,
        output_bytes=_ANSWER_BYTES,
    ) as sandbox:
        said = await _asked(sandbox, {**request, "patch": patch, "apart": apart})
        if apart and not isinstance(said, Verdict) and "fault" not in said:
            try:
                paths = sorted(touched(sandbox.root, tree))
            except OSError as error:
                return Verdict.score(0.0, Reason.MALFORMED, detail=f"the patch leaves an odd tree: {error}")
            if said["doubt"] and not paths:
                return Verdict.score(0.0, Reason.MALFORMED, detail=f"the patch does not apply: {said['doubt']}")
            said = await _asked(sandbox, {**request, "touched": paths})
        if isinstance(said, Verdict):
            return said
        if "fault" in said:
            return Verdict.score(0.0, Reason.MALFORMED, detail=f"the patch does not apply: {said['fault']}")
        texts = {path: sandbox.get(path) for path in said["changed"]}
    lost = [path for path, data in texts.items() if data is None]
    if lost:
        return Verdict.score(0.0, Reason.MALFORMED, detail=f"the patch makes {lost[0]} too large, or no plain file")
    files: dict[str, str | bytes] = {path: data for path, data in texts.items() if data is not None}
    files |= suite.files
    modes = {path: int(mode) for path, mode in said["changed"].items()}
    return Place(files, tree, tuple(said["removed"]), modes), tuple(str(path) for path in said["dropped"])


async def _asked(sandbox: Sandbox, request: Mapping[str, Any]) -> dict[str, Any] | Verdict:
    """Return what `suite_apply` answers, or the verdict on a patch that keeps it from answering."""
    nonce = secrets.token_hex(16)
    asked = framed({**request, "nonce": nonce})
    done = await sandbox.run_split(command("suite_apply"), timeout_s=_APPLY_S, stdin=asked)
    said: Any = None
    with suppress(ValueError, RecursionError):
        said = json.loads(done.stdout)
    if done.timed_out:
        return Verdict.score(0.0, Reason.TIMEOUT, detail="the patch could not be applied in time")
    if done.returncode != 0 or not isinstance(said, dict) or said.get("nonce") != nonce:
        last = "".join(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:])
        if done.truncated or any(words in last for words in ("workspace over", "File too large", "No space")):
            return Verdict.score(0.0, Reason.MALFORMED, detail=f"the patch is too large: {last}")
        raise MachineryError(f"the patch could not be looked at: {last or 'no answer'}")
    return said


def _refuse(task: Task, outputs: Mapping[str, str]) -> Verdict | None:
    """Return the verdict on outputs that need not run, or None."""
    missing = [path for path in task.declared(()) if path not in outputs]
    if missing:
        return Verdict.score(0.0, Reason.MISSING_OUTPUT, detail=f"{missing[0]} is not there")
    room = task.limits.file_mb << 20
    if len(outputs) > _MOST_FILES:
        return Verdict.score(0.0, Reason.MALFORMED, detail=f"more than {_MOST_FILES} files")
    total = 0
    for path, text in outputs.items():
        try:
            size, name = len(text.encode()), path.encode()
        except UnicodeEncodeError:
            return Verdict.score(0.0, Reason.MALFORMED, detail=f"{path!r} is not UTF-8 text")
        total += size
        parts = name.split(b"/")
        if b"\0" in name or any(part in (b"", b".", b"..") or len(part) > 255 for part in parts):
            return Verdict.score(0.0, Reason.MALFORMED, detail=f"{path!r} is not a plain relative path")
        if len(name) > _LONGEST_PATH or len(parts) > 60:
            return Verdict.score(0.0, Reason.MALFORMED, detail=f"the path {path[:80]!r}... is too long")
        if max(size, total) > room:
            return Verdict.score(0.0, Reason.MALFORMED, detail=f"{path} brings the outputs over {room >> 20} MB")
    return None


def _clash(files: Mapping[str, str]) -> str | None:
    """Return a path that is both a file and the folder of another, or None."""
    for path in files:
        parts = path.split("/")
        for cut in range(1, len(parts)):
            if (above := "/".join(parts[:cut])) in files:
                return above
    return None
