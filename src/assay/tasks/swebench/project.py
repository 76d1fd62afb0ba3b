"""The project of a record, built at its commit: the tree that attempts begin from, and what its installation added.

Build scripts run in the build sandbox, on a copy of the tree without git and over the environment without changing it.
What they leave becomes two kept trees: /testbed, with a fresh git directory of one commit, and the environment with the
project in it; commits whose installation adds the same files share the latter.
"""

import asyncio
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.nouns.base import digest
from assay.sandbox import trees, workspace
from assay.sandbox.building import Over, Place, build
from assay.sandbox.copying import WHITEOUT
from assay.sandbox.index import Index
from assay.sandbox.sharing import linked_copy, settle, share
from assay.tasks.swebench.environment import JOBS, LONGEST_S, check, compiling, editable, script
from assay.tasks.swebench.git import Repository, find, git
from assay.tasks.swebench.inside import ENVIRONMENT, PYTHON, TESTBED, UV, build_readonly, build_variables
from assay.tasks.swebench.plan import Plan

_INSTALL = [UV, "pip", "install", "--quiet", "--no-build-isolation", "--no-deps"]
_UNCOMPILED = r"/(tests|docs?|examples|\.git)/"
_ABOUT = "about.json"
_NOISE = ("uv_cache.json",)  # says when it was installed


@dataclass(frozen=True)
class Project:
    """The keys of the trees of a built project."""

    tree: str
    environment: str


async def project(plan: Plan, packages: str, mirrors: Path | None, index: Index) -> Project:
    """Build the project of a plan in the environment `packages`. Raises UserError when that fails."""

    async def make(folder: Path) -> None:
        testbed, added = folder / "testbed", folder / "added"
        testbed.mkdir()
        await asyncio.to_thread(_check_out, plan, testbed, mirrors)
        (testbed / ".git").rename(folder / "git")
        if steps := _steps(plan):
            with tempfile.TemporaryDirectory(prefix="inputs-", dir=workspace.base()) as inputs:
                place = Place(
                    {TESTBED: testbed},
                    build_readonly(plan.python, Path(inputs)),
                    {ENVIRONMENT: Over(trees.tree(packages), added)},
                )
                # uv installs here only what a step names; what a setup script fetches by itself is cut.
                variables = {**build_variables(plan.cut, "all"), "UV_CACHE_DIR": "/tmp/uv", **plan.variables}
                done = await build(
                    script(steps), place, folder=TESTBED, index=index, env=variables, timeout_s=LONGEST_S
                )
                check("the project", done)
        new, gone = await asyncio.to_thread(_changes, added, trees.tree(packages))
        if _is_on_path(plan):
            new = {**new, **_path_file(plan, folder)}
        environment = await asyncio.to_thread(_environment, packages, new, gone)
        await asyncio.to_thread(settle, testbed)
        readonly = {**build_readonly(plan.python, folder), ENVIRONMENT: trees.tree(packages)}
        await build(compiling(TESTBED, _UNCOMPILED), Place({TESTBED: testbed}, readonly), folder=TESTBED)
        tree = plan.project_key.replace("swe-built-", "swe-tree-")
        await asyncio.to_thread(_keep, testbed, folder / "git", tree)
        for entry in os.listdir(folder):
            workspace.remove(folder / entry)
        (folder / _ABOUT).write_text(json.dumps({"tree": tree, "environment": environment}))

    built = await trees.prepare_slowly(plan.project_key, make)
    found = _read(built)
    if not (trees.is_prepared(found.tree) and trees.is_prepared(found.environment)):  # somebody made room
        workspace.remove(built)
        found = _read(await trees.prepare_slowly(plan.project_key, make))
    return found


def _read(built: Path) -> Project:
    about = json.loads((built / _ABOUT).read_text())
    return Project(about["tree"], about["environment"])


def _check_out(plan: Plan, testbed: Path, mirrors: Path | None) -> None:
    plan.repository.check_out(plan.commit, testbed, plan.lacking)
    for path, (address, commit) in plan.repository.submodules(plan.commit).items():
        if (module := _submodule(address, mirrors)) is not None:
            module.check_out(module.commit(commit), testbed / path)
            shutil.rmtree(testbed / path / ".git")
    settle(testbed)
    (testbed / ".git" / "info").mkdir(exist_ok=True)
    for name, value in (("core.checkStat", "minimal"), ("core.trustctime", "false"), ("user.name", "user")):
        git("config", name, value, folder=testbed / ".git")
    git("config", "user.email", "user@sandbox", folder=testbed / ".git")


def _submodule(address: str, mirrors: Path | None) -> Repository | None:
    """Return the repository of a submodule where a mirror of it is given; without one its folder stays empty."""
    words = address.removesuffix(".git").rstrip("/").split("/")
    if mirrors is None or len(words) < 2:
        return None
    try:
        return find("/".join(words[-2:]), mirrors, lambda text: None)
    except Exception:
        return None


def _is_on_path(plan: Plan) -> bool:
    return plan.environment.project in ("inplace", "path")


def _steps(plan: Plan) -> list[list[str] | str]:
    """Return the commands that put the project in."""
    wanted = plan.environment
    develop = [PYTHON, "setup.py", "-q", "develop", "--no-deps"]
    ways: dict[str, list[list[str] | str]] = {
        "editable": [editable([*_INSTALL, "-e", "."], develop)],
        "compat": [editable([*_INSTALL, "-C", "editable_mode=compat", "-e", "."], develop)],
        "develop": [develop],
        "inplace": [f"{PYTHON} setup.py -q build_ext --inplace -j {JOBS}", f"{PYTHON} setup.py -q egg_info || true"],
        "path": [],
    }
    return [*_spare(plan), *wanted.prepare, *ways[wanted.project], *wanted.finish]


def _spare(plan: Plan) -> list[list[str] | str]:
    """Return the commands that put the copy of a package in the place of each file that the mirror lacks."""
    steps: list[list[str] | str] = []
    for path in plan.lacking:
        kept = f"/tmp/spare/{path}"
        package = plan.specification.spare[path]
        steps.append([*_INSTALL, "--only-binary", ":all:", "--target", "/tmp/spare", package])
        steps.append(["install", "-D", "-m", "644", kept, f"{TESTBED}/{path}"])
    return steps


def _path_file(plan: Plan, folder: Path) -> dict[str, Path]:
    """Write the .pth that puts the tree on the interpreter's path."""
    file = folder / "testbed.pth"
    file.write_text(f"{TESTBED}/{plan.environment.path_folder}".rstrip("/") + "\n")
    return {f"lib/python{plan.python.minor}/site-packages/testbed.pth": file}


def _changes(added: Path, base: Path) -> tuple[dict[str, Path], set[str]]:
    """Return what a build wrote over an environment, path to file, and what it removed.

    `added` is the upper folder of an overlay, or, where there are none, a whole changed copy.
    """
    whole = (added / "pyvenv.cfg").exists()
    new: dict[str, Path] = {}
    gone: set[str] = set()
    for above, folders, files in os.walk(added):
        for name in (*files, *(f for f in folders if os.path.islink(os.path.join(above, f)))):
            place = Path(above, name)
            path = str(place.relative_to(added))
            found = os.lstat(place)
            if stat.S_ISCHR(found.st_mode) and found.st_rdev == WHITEOUT:
                gone.add(path)
            elif name not in _NOISE and not (whole and _is_same(place, base / path)):
                new[path] = place
    if whole:
        for above, _, files in os.walk(base):
            gone |= {
                str(Path(above, name).relative_to(base))
                for name in files
                if not os.path.lexists(added / Path(above, name).relative_to(base))
            }
    return new, gone


def _is_same(one: Path, other: Path) -> bool:
    if not os.path.lexists(other):
        return False
    first, second = os.lstat(one), os.lstat(other)
    return (first.st_mode, first.st_size, int(first.st_mtime)) == (second.st_mode, second.st_size, int(second.st_mtime))


def _environment(packages: str, new: Mapping[str, Path], gone: set[str]) -> str:
    """Keep the environment with these changes as a tree; return its key, that of `packages` where there are none."""
    if not new and not gone:
        return packages
    contents = {path: _content(place) for path, place in new.items() if not place.name.endswith(".pyc")}
    key = f"swe-env-{digest([packages, contents, sorted(gone)])[:24]}"

    def make(folder: Path) -> None:
        linked_copy(trees.tree(packages), folder)
        for path in gone:
            place = folder / path
            shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink(missing_ok=True)
        for path, source in new.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            shutil.copy2(source, place, follow_symlinks=False)
        share(folder)

    trees.prepare(key, make)
    return key


def _content(place: Path) -> str:
    if place.is_symlink():
        return os.readlink(place)
    return hashlib.sha256(place.read_bytes()).hexdigest()


def _keep(testbed: Path, repository: Path, key: str) -> None:
    """Give the built tree its git directory back and keep it as the tree `key`.

    What the build changed in tracked files becomes part of the commit, what it added is excluded: an agent that asks
    for the difference sees its own changes only.
    """
    planted = testbed / ".git"
    if planted.is_dir() and not planted.is_symlink():
        shutil.rmtree(planted)
    else:
        planted.unlink(missing_ok=True)
    repository.rename(planted)
    work = f"--work-tree={testbed}"
    git(work, "add", "-u", folder=planted)
    tree = git(work, "write-tree", folder=planted).decode().strip()
    if tree != git("rev-parse", "HEAD^{tree}", folder=planted).decode().strip():
        Repository("", planted).commit_tree(tree)
    others = git(work, "ls-files", "--others", "--exclude-standard", "--directory", "-z", folder=planted).split(b"\0")
    lines = [b"/" + name for name in others if name and b"\n" not in name]
    (planted / "info" / "exclude").write_bytes(b"\n".join([b"__pycache__/", *lines]) + b"\n")
    git(work, "update-index", "-q", "--refresh", folder=planted)
    share(testbed)

    def move(folder: Path) -> None:
        for entry in testbed.iterdir():
            entry.rename(folder / entry.name)

    trees.prepare(key, move)
