"""The git history of a repository of the labelled set: some honest commits, and for some the mended release left in it.

The objects are made by git from our own texts with fixed names and dates, so that the commits have the same hashes on
every machine; the folder is shown read-only as .git.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from assay.errors import UserError
from assay.nouns.base import digest
from assay.sandbox import trees


def prepared(name: str, files: Mapping[str, str], fixed: Mapping[str, str], leak: str) -> str:
    """Return the key of the tree with the history of `files`; `leak` says where the commit of `fixed` still is.

    "branch" keeps it on a branch of the remote, "tag" under a tag of the next version, "dangling" in no ref at all,
    "packed" in no ref and in a pack file, "stash" in the stash, "orig-head" in what ORIG_HEAD names.
    Raises UserError where git is not installed.
    """
    if shutil.which("git") is None:
        raise UserError("git is not installed, and the labelled set has repositories with a history: install git")
    key = f"evaluation-{name}-{digest([2, dict(files), dict(fixed), leak])[:16]}"

    def build(folder: Path) -> None:
        _build(folder, name, files, fixed, leak)

    trees.prepare(key, build)
    return key


def _build(folder: Path, name: str, files: Mapping[str, str], fixed: Mapping[str, str], leak: str) -> None:
    work = folder / "work"
    work.mkdir()
    clock = 1_700_000_000

    def git(*words: str) -> str:
        moment = f"{clock} +0000"
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _WHO.items()}
        env = {**who, "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment, "HOME": str(folder)}
        env |= {"PATH": os.environ.get("PATH", ""), "GIT_CONFIG_NOSYSTEM": "1"}
        ended = subprocess.run(["git", *words], cwd=work, env=env, check=True, capture_output=True, text=True)
        return ended.stdout.strip()

    def commit(tree: Mapping[str, str], message: str) -> None:
        nonlocal clock
        clock += 86_400
        for path, text in tree.items():
            place = work / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", message)

    git("init", "-q", "-b", "main")
    commit({"README.md": f"# {name}\n"}, f"Begin {name}")
    commit({path: text for path, text in files.items() if not path.startswith("tests/")}, f"Add {name} and its build")
    commit(files, "Add tests")
    if leak == "stash":
        for path, text in fixed.items():
            (work / path).write_text(text, encoding="utf-8")
        clock += 86_400
        git("stash", "push", "-q", "-m", "the reported case, to be finished")
    elif leak:
        start = git("rev-parse", "HEAD")
        commit(fixed, f"Mend {name}: the reported case")
        mended = git("rev-parse", "HEAD")
        git("reset", "-q", "--hard", start)
        if leak == "branch":
            git("update-ref", "refs/remotes/origin/main", mended)
        elif leak == "tag":
            git("tag", "v1.5", mended)
        elif leak == "packed":
            git("repack", "-q", "-a", "-d", "--keep-unreachable")
    logs = work / ".git" / "logs"
    for log in [path for path in logs.rglob("*") if path.is_file() and path.name != "stash"]:
        log.unlink()
    if leak != "stash":
        shutil.rmtree(logs, ignore_errors=True)
    for left in ("ORIG_HEAD", "hooks", "description", "COMMIT_EDITMSG"):
        place = work / ".git" / left
        if leak == "orig-head" and left == "ORIG_HEAD":
            continue
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    for place in sorted((work / ".git").iterdir()):
        place.rename(folder / place.name)
    shutil.rmtree(work)


_WHO = {"NAME": "Ada Quill", "EMAIL": "ada@example.org"}
