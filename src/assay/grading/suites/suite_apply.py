"""What applies a candidate's patch inside the sandbox for the kind `tests`, before anything of it has run.

The patch is data for `git apply`, or `patch` where git is not there, in a workspace without a repository's
metadata. What it touched is then found by looking at the tree, not by reading the patch as some tool would: from
outside, between two calls of this program, where the workspace is an overlay, else here. In place of
a symbolic link that it makes comes a copy of what the link leads to inside the tree, so that what is seen through a
link is judged path by path like anything else; a link that leads out of the tree, or to nothing, is undone. Every
touched path that steers the tests is put back as it was, and nothing but plain files stays. What is left is told: the
tests then run in sandboxes of their own, on the tree as it was with those files laid over it.
"""

import errno
import filecmp
import json
import os
import re
import shutil
import stat
import subprocess
import sys

PRISTINE = "/opt/assay/pristine"
_LIMIT_S = 120
_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM)  # what a machine's fault looks like
_ED_COMMAND = re.compile(rb"^[ \tX]*[\d,]+[acd]\s*$", re.MULTILINE)
State = dict[str, tuple[int, int, int, int]]


def _read(size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(0, size - len(parts))
        if not part:
            raise EOFError("standard input ended early")
        parts += part
    return bytes(parts)


def _state(root: str) -> State:
    """Return what tells a changed entry from an unchanged one, for every path that is no folder."""
    found = {}
    folders = [""]
    while folders:
        above = folders.pop()
        with os.scandir(os.path.join(root, above)) as entries:
            for entry in entries:
                path = above + entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path + "/")
                else:
                    info = entry.stat(follow_symlinks=False)
                    found[path] = (info.st_mode, info.st_size, info.st_mtime_ns, info.st_ino)
    return found


def _apply(root: str, patch: bytes) -> "tuple[str, str]":
    """Apply a patch in `root`; return why it does not apply, and why it did not where it turns out to touch nothing.

    `patch` is asked where git refuses, as SWE-bench does: it finds its place in a file that lines were added to. It
    is content with a text that holds no patch at all, so there it counts what changed; and, whatever its options say,
    it hands what looks like a script of ed to ed, so such a text never reaches it.
    """
    place = "/tmp/assay.patch"
    with open(place, "wb") as file:
        file.write(patch)
    plain = ["patch", "--batch", "--forward", "--unified", "--fuzz=5", "-p1", "--no-backup-if-mismatch"]
    plain += ["--reject-file=-", "-i", place]
    first = ""
    if shutil.which("git") is not None:
        first = _run(["git", "apply", "--whitespace=nowarn", place], root)
        if not first:
            return "", ""
    if shutil.which("patch") is not None and not _ED_COMMAND.search(patch):
        fault = _run([*plain, "--dry-run"], root) or _run(plain, root)
        if not fault:
            return "", first or "the text holds no patch"
        first = first or fault
    return first or "neither git nor patch is there", ""


def _run(words: list[str], root: str) -> str:
    """Run a program in `root`; return "" or what it said as it failed."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": os.path.dirname(root), "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        done = subprocess.run(words, cwd=root, env=environment, capture_output=True, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"{words[0]} took over {_LIMIT_S} s"
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-400:]
    return said or f"{words[0]} ended with {done.returncode}"


def _clear(path: str) -> None:
    """Remove whatever stands at `path`, never through a link."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _make_room(root: str, path: str) -> str:
    """Make the folders above `path`, in place of links or files that stand there; return the whole path."""
    current = root
    for part in path.split("/")[:-1]:
        current = os.path.join(current, part)
        if os.path.islink(current) or not os.path.isdir(current):
            _clear(current)
            os.mkdir(current)
    whole = os.path.join(root, path)
    _clear(whole)
    return whole


def _restore(root: str, path: str) -> None:
    """Put `path` back as the repository has it, or remove it where the repository has none."""
    original = os.path.join(PRISTINE, path)
    whole = os.path.join(root, path)
    if not os.path.lexists(original) or stat.S_ISDIR(os.lstat(original).st_mode):
        if os.path.realpath(os.path.dirname(whole)) == os.path.dirname(whole):
            _clear(whole)  # of a folder that gave way to a link, the files come back one by one
        return
    shutil.copy2(original, _make_room(root, path), follow_symlinks=False)


def _lay_over(root: str, path: str, text: str) -> None:
    with open(_make_room(root, path), "w", encoding="utf-8", newline="") as file:
        file.write(text)


def work(request: dict) -> dict:
    """Apply and restore; return {"fault": why}, or what became of the tree.

    That is {"dropped": the paths put back, "changed": {path: mode} of files to take, "removed": paths that are gone}.
    Where `apart`, it is applied only, and restored in a second call that is told in `touched` what may have changed.
    """
    root, touched = request["root"], request.get("touched")
    try:
        if touched is None:
            before = {} if request["apart"] else _state(root)
            fault, doubt = _apply(root, request["patch"].encode())
            if fault or request["apart"]:
                return {"fault": fault} if fault else {"doubt": doubt}
            after = _state(root)
            touched = [path for path in {*before, *after} if before.get(path) != after.get(path)]
            if doubt and not touched:
                return {"fault": doubt}
        return _settle(root, request, _filled(root, touched))
    except OSError as error:
        if error.errno in _OURS:
            raise
        return {"fault": f"it leaves a tree that cannot be looked at: {error}"}


def _filled(root: str, touched: "list[str]") -> "list[str]":
    """Put copies in place of links that lead to a file or a folder inside; return what is touched with those files."""
    found = set(touched)
    for path in sorted(touched):
        link = os.path.join(root, path)
        if not os.path.islink(link) or not _there(root, path) or _same(root, path):
            continue
        end = _inside(root, link)
        if os.path.isfile(end):
            os.unlink(link)
            shutil.copy2(end, link)
        elif os.path.isdir(end) and not f"{link}/".startswith(f"{end}/"):
            os.unlink(link)
            _copy_folder(root, end, link)
            found |= {
                os.path.relpath(os.path.join(above, name), root) for above, _, names in os.walk(link) for name in names
            }
    return sorted(found)


def _inside(root: str, link: str) -> str:
    """Return the path that a link leads to through whatever other links, "" when that is not below `root`."""
    end, top = os.path.realpath(link), os.path.realpath(root)
    return os.path.join(root, os.path.relpath(end, top)) if end.startswith(f"{top}/") else ""


def _copy_folder(root: str, source: str, target: str) -> None:
    """Copy the files of a folder. Of the links in it, those to files inside come as files, others not at all."""
    for folder, _, names in os.walk(source):
        here = os.path.join(target, os.path.relpath(folder, source)) if folder != source else target
        os.mkdir(here)
        for name in names:
            place = os.path.join(folder, name)
            end = _inside(root, place) if os.path.islink(place) else place
            if os.path.isfile(end):
                shutil.copy2(end, os.path.join(here, name))


def _there(base: str, path: str) -> bool:
    """Whether something other than a folder stands at `path`, with no link among the folders above it."""
    whole = os.path.join(base, path)
    plain = os.path.islink(whole) or (os.path.lexists(whole) and not os.path.isdir(whole))
    return plain and os.path.realpath(os.path.dirname(whole)) == os.path.dirname(whole)


def _same(root: str, path: str) -> bool:
    """Whether a path is in the tree as the repository has it: kind, mode and content."""
    now, old = os.path.join(root, path), os.path.join(PRISTINE, path)
    if not _there(root, path) or not _there(PRISTINE, path):
        return not _there(root, path) and not _there(PRISTINE, path)
    if os.lstat(now).st_mode != os.lstat(old).st_mode:
        return False
    if os.path.islink(now):
        return os.readlink(now) == os.readlink(old)
    return os.path.isfile(now) and filecmp.cmp(now, old, shallow=False)


def _settle(root: str, request: dict, touched: "list[str]") -> dict:
    """Put back what steers the tests, and say what else of `touched` is changed."""
    import suite_restore  # beside this file inside the sandbox, where neither is part of a package

    known = {path for path in touched if _there(PRISTINE, path)}
    guarded = suite_restore.protector(
        original=known | set(_tops(suite_restore.IMPORT_ROOTS | set(request["roots"]))),
        hidden=set(request["hidden"]),
        patterns=request["protected"],
        solved=set(request["solved"]),
        test_root=request["test_root"],
        roots=request["roots"],
    )
    dropped, changed, removed = [], {}, []
    for path in touched:
        if _same(root, path):
            continue
        there = _there(root, path)
        mode = os.lstat(os.path.join(root, path)).st_mode if there else 0
        odd = there and not stat.S_ISREG(mode)
        if not odd and not guarded(path):
            if there:
                changed[path] = stat.S_IMODE(mode)
            else:
                removed.append(path)
            continue
        dropped.append(path)
        kept = ""
        if not odd and there and path in known and path not in request["hidden"]:
            kept = suite_restore.spliced(path, _text(PRISTINE, path), _text(root, path))
        _restore(root, path)
        if kept:
            _lay_over(root, path, kept)
            changed[path] = stat.S_IMODE(os.lstat(os.path.join(root, path)).st_mode)
    return {"dropped": dropped, "changed": changed, "removed": removed}


def _tops(roots: "set[str]") -> "list[str]":
    """Return a path of the repository, as it was, for every name that can be imported from one of `roots`."""
    found = []
    for above in roots:
        if os.path.isdir(os.path.join(PRISTINE, above)):
            with os.scandir(os.path.join(PRISTINE, above)) as entries:
                for entry in entries:
                    found.append(os.path.join(above, entry.name, "" if not entry.is_dir() else "x").rstrip("/"))
    return found


def _text(root: str, path: str) -> str:
    """Return a file's text, "" where it is none."""
    try:
        with open(os.path.join(root, path), encoding="utf-8", newline="") as file:
            return file.read()
    except ValueError:
        return ""


def main() -> None:
    """Serve one request from standard input; the answer, with its nonce, goes to standard output."""
    request = json.loads(_read(int.from_bytes(_read(8), "big")))
    answer = work(request)
    sys.stdout.write(json.dumps({"nonce": request["nonce"], **answer}) + "\n")


if __name__ == "__main__":
    main()
