"""The functions that a task's gold is about, and the candidates that come of changing one of them."""

import difflib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.errors import UserError
from assay.grading.suites.suite_spec import PATCH
from assay.grading.suites.suite_trees import host_tree
from assay.nouns import Task
from assay.sandbox import workspace
from assay.tasks.seeding.functions import Function, functions, split
from assay.tasks.seeding.mutants import Mutant
from assay.tasks.seeding.patches import patch

_APPLY_S = 60.0


@dataclass(frozen=True)
class Gold:
    """One Python file of a task's solution: its path, its text, what it was before ("" where it is new), its functions.

    `functions` are those that the solution wrote or changed; all of the file where it changed none of them.
    """

    path: str
    text: str
    before: str
    functions: tuple[Function, ...]

    def outputs(self, task: Task, mutant: Mutant) -> dict[str, str]:
        """Return the outputs of an attempt that has the mutant in this file, and gold everywhere else."""
        text = mutant.inside(self.text)
        if host_tree(task) is None:
            start = {path: task.files[path] for path in task.declared(task.files) if path in task.files}
            return {**start, **task.gold, self.path: text}
        others = _without(task.gold.get(PATCH, ""), self.path)
        return {PATCH: others + patch(self.path, self.before, text)}


def gold_files(task: Task) -> list[Gold]:
    """Return the Python files of a task's gold, the tests among them left out.

    Raises UserError for a task without gold, with gold that a script makes, or without a function in it.
    """
    if not task.gold:
        raise UserError(f"task {task.id} has no gold files, so there is nothing to change in them: give it a solution")
    tree = host_tree(task)
    if tree is None:
        pairs = {path: (task.files.get(path, ""), text) for path, text in task.gold.items()}
    else:
        pairs = _patched(task, tree)
    hidden = task.grader.data.get("files", {})
    found = []
    for path, (before, after) in sorted(pairs.items()):
        if path.endswith(".py") and path not in hidden and before != after:
            found += _gold(path, before, after)
    if not found:
        raise UserError(f"the gold of task {task.id} has no Python function that could be changed")
    return found


def _gold(path: str, before: str, after: str) -> list[Gold]:
    try:
        new = functions(after)
    except (SyntaxError, ValueError, RecursionError):
        return []
    try:
        old = {function.name: function.text for function in functions(before)}
    except (SyntaxError, ValueError, RecursionError):
        old = {}
    changed = tuple(function for function in new if old.get(function.name) != function.text)
    return [Gold(path, after, before, changed or tuple(new))] if new else []


def _patched(task: Task, tree: Path) -> dict[str, tuple[str, str]]:
    """Return path -> (text before, text after) of the files that the patch changes: applied by git, in a folder."""
    text = task.gold.get(PATCH, "")
    paths = sorted({line[6:].split("\t")[0] for line in text.splitlines() if line.startswith(("--- a/", "+++ b/"))})
    before = {path: _read(tree / path) for path in paths}
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1"}
    with tempfile.TemporaryDirectory(prefix="gold-", dir=workspace.base()) as folder:
        for path, old in before.items():
            if old:
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_bytes(old.encode())
        environment["GIT_CEILING_DIRECTORIES"] = str(Path(folder).parent)
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=folder,
            input=text.encode(),
            env=environment,
            capture_output=True,
            timeout=_APPLY_S,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise UserError(f"the gold patch of task {task.id} does not apply: {said}")
        return {path: (old, _read(Path(folder) / path)) for path, old in before.items()}


def _read(place: Path) -> str:
    """Return the text of a plain file, "" where there is none or it is no text."""
    try:
        return place.read_bytes().decode() if place.is_file() and not place.is_symlink() else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _without(text: str, path: str) -> str:
    """Return a patch without its part for `path`."""
    parts = ("\n" + text).split("\ndiff --git ")
    kept = [part for part in parts[1:] if not part.startswith(f"a/{path} ") and f" b/{path}\n" not in part[:2000]]
    return "".join(f"diff --git {part.rstrip()}\n" for part in kept)


def shown(before: str, after: str) -> Mapping[str, str]:
    """Return the lines that a change takes out and puts in, for a reader."""
    out, put = [], []
    for line in difflib.ndiff(split(before), split(after)):
        if line.startswith("- "):
            out.append(line[2:].strip())
        elif line.startswith("+ "):
            put.append(line[2:].strip())
    return {"before": " / ".join(out), "after": " / ".join(put)}
