"""One record as a Task: its patches tried, its environment and its project built, its tests told to the grader."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from assay.errors import UserError
from assay.nouns import GraderSpec, Limits, Task
from assay.sandbox.index import Index
from assay.tasks.swebench.environment import packages
from assay.tasks.swebench.git import GitError, Patched, Repository, apply_patch, find
from assay.tasks.swebench.inside import ENVIRONMENT, PATH, PYTHON, TESTBED, interpreter_mounts
from assay.tasks.swebench.plan import Plan, known_specification, plan
from assay.tasks.swebench.project import Project, project
from assay.tasks.swebench.record import Record

OUTPUT = "patch.diff"
_LIMITS = {"steps": 250, "wall_s": 7200.0, "command_s": 600.0, "output_chars": 10_000, "processes": 512, "file_mb": 256}


async def make(record: Record, *, mirrors: Path | None, index: Index, tell: Callable[[str], None]) -> Task:
    """Return the task of a record; whatever it needs and the cache lacks is built first.

    Raises UserError, with the remedy, where the record or this machine does not allow it.
    """
    known_specification(record.repo)  # before a repository that nothing is known of is cloned
    repository = find(record.repo, mirrors, tell)
    wanted = plan(record, repository)
    files = _test_files(wanted)
    key = await packages(wanted, index)
    built = await project(wanted, key, mirrors, index)
    return _task(wanted, key, built, files)


def _test_files(wanted: Plan) -> dict[str, str]:
    """Return the test files as the benchmark's test patch leaves them, and try that gold applies."""
    record, repository = wanted.record, wanted.repository
    _patched(repository, wanted.commit, record.patch, "patch")
    left = _patched(repository, wanted.commit, _without_binary(record.test_patch), "test_patch")
    files = {}
    for path, data in left.files.items():
        try:
            files[path] = data.decode()
        except UnicodeDecodeError:
            raise UserError(
                f"its test_patch brings {path}, which is no UTF-8 text, and the kind tests has no place for that: "
                "leave the instance out"
            ) from None
    return files


def _patched(repository: Repository, commit: str, patch: str, name: str) -> Patched:
    try:
        return apply_patch(repository, commit, patch)
    except GitError as error:
        raise UserError(f"its {name} does not apply to {commit[:12]} ({error}): fetch the dataset again") from error


def _without_binary(patch: str) -> str:
    """Return a patch without the parts that only say that binary files differ: they hold nothing to apply."""
    parts = patch.split("\ndiff --git ")
    kept = [part for part in parts if "\nBinary files " not in part or "\n@@ " in part]
    text = "\ndiff --git ".join(kept)
    return text if text.startswith("diff --git ") or not kept or kept[0] is parts[0] else f"diff --git {text}"


def helpers_path(wanted: Plan, files: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that puts the folders on the path from which pytest imports the files that have no test."""
    if not wanted.environment.test.helpers_on_path:
        return {}
    ids = [*wanted.record.fail_to_pass, *wanted.record.pass_to_pass]
    tested = {name.partition("::")[0] for name in ids}
    roots: dict[str, None] = {}
    for path in sorted(files):
        if path.endswith(".py") and path not in tested:
            folder = PurePosixPath(path).parent
            while (package := str(folder / "__init__.py")) in files or wanted.repository.contains(
                wanted.commit, package
            ):
                folder = folder.parent
            roots[f"{TESTBED}/{folder}"] = None
    return {"PYTHONPATH": ":".join(roots)} if roots else {}


def _task(wanted: Plan, packages_key: str, built: Project, files: dict[str, str]) -> Task:
    record, test = wanted.record, wanted.environment.test
    data = {
        "runner": wanted.specification.runner,
        "fail_to_pass": list(record.fail_to_pass),
        "pass_to_pass": list(record.pass_to_pass),
        "files": files,
        "ids": "swebench",
        "tree": TESTBED,
        "workdir": TESTBED,
        "python": PYTHON,
        "env": {"PATH": PATH, **test.env, **helpers_path(wanted, files)},
        "timeout_s": test.timeout_s,
        **({"test_root": wanted.specification.test_root} if wanted.specification.test_root else {}),
        **({"args": list(test.args)} if test.args else {}),
        **({"network": {"blackhole": list(test.blackhole)}} if test.blackhole else {}),
    }
    return Task(
        id=record.instance_id,
        source="swebench",
        split="test",
        family=record.repo,
        instruction=record.problem_statement,
        files={},
        outputs=(OUTPUT,),
        gold={OUTPUT: record.patch},
        grader=GraderSpec(kind="tests", data=data),
        limits=Limits(**_LIMITS, memory_mb=test.memory_mb),
        mounts={**interpreter_mounts(wanted.python), TESTBED: built.tree, ENVIRONMENT: built.environment},
        metadata={
            "repo": record.repo,
            "base_commit": wanted.commit,
            "version": wanted.version,
            "python": wanted.python.version,
            "packages": packages_key,
        },
    )
