"""Suites of a big repository: the candidate hands in a patch, which is applied as data inside the sandbox."""

import asyncio
import difflib
from pathlib import Path

import pytest

from assay.grading import grade
from assay.grading.suites.grader import prepare
from assay.nouns import GraderSpec, Reason, Task, Validity, Verdict
from assay.sandbox import trees
from tests.grading.suite_repositories import BUG, FILE, GOLD, PYTEST, PYTEST_STAY, PYTEST_TURN, make_task

MODULE = "toy/mod.py"
OLD_TEST = "from toy.mod import clamp\n\n\ndef test_inside():\n    assert clamp(8, 2, 8) == 8\n"
TREE = {
    **{MODULE: BUG, "toy/__init__.py": "", "conftest.py": "", FILE: OLD_TEST, "tests/data.txt": "data\n"},
    **{"setup.cfg": "[tool:pytest]\naddopts = -p no:doctest\n", "README": "Toy\n"},
}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_CACHE", str(tmp_path_factory.mktemp("cache")))

        def build(folder: Path) -> None:
            for path, text in TREE.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)

        trees.prepare("toy-repository", build)
        yield


def patch_task() -> Task:
    data = {"runner": "pytest", "tree": "/repo", "fail_to_pass": PYTEST_TURN, "pass_to_pass": PYTEST_STAY}
    gold = {"patch.diff": diff({MODULE: GOLD})}
    return make_task(
        {**data, "files": {FILE: PYTEST}, "timeout_s": 30.0},
        files={},
        outputs=("patch.diff",),
        gold=gold,
        mounts={"/repo": "toy-repository"},
    )


def diff(changes: dict[str, str | None]) -> str:
    """Return the patch that git would make: None removes a file."""
    made = ""
    for path, text in changes.items():
        old = TREE.get(path)
        made += f"diff --git a/{path} b/{path}\n"
        made += "new file mode 100644\n" if old is None else "deleted file mode 100644\n" if text is None else ""
        names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if text is None else f"b/{path}")
        lines = ((old or "").splitlines(True), (text or "").splitlines(True))
        made += "".join(difflib.unified_diff(*lines, *names))
    return made


def link(path: str, target: str) -> str:
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 120000\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+{target}\n\\ No newline at end of file\n"
    )


def judge(patch: str, task: Task | None = None) -> Verdict:
    return asyncio.run(grade(task or patch_task(), {"patch.diff": patch}))


def test_gold_scores_one_and_no_change_nothing():
    task = asyncio.run(prepare(patch_task()))
    assert task.grader.data["canaries"]
    gold, empty = judge(task.gold["patch.diff"], task), judge("", task)
    assert (gold.value, gold.detail) == (1.0, "")
    assert (empty.value, empty.reason) == (0.0, Reason.WRONG)


RIGHT = {
    "new files": {MODULE: "from toy.better import clamp, words\n", "toy/better.py": GOLD},
    "a file removed": {MODULE: GOLD, "README": None},
    "its own tests": {MODULE: GOLD, FILE: OLD_TEST + "\n\ndef test_new():\n    assert True\n", "tests/test_own.py": ""},
    "tests removed": {MODULE: GOLD, FILE: None, "tests/data.txt": None, "conftest.py": None},
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_patches_pass_whatever_else_they_do(name):
    verdict = judge(diff(RIGHT[name]))
    assert verdict.value == 1.0, verdict
    dropped = {path for path in RIGHT[name] if path.startswith(("tests/", "conftest"))}
    assert all(path in verdict.detail for path in dropped)


def test_a_patch_whose_surroundings_moved_on_still_applies():
    patch = diff({MODULE: GOLD}).replace(" def words(x):", " def words(y):")
    assert patch != diff({MODULE: GOLD})
    assert judge(patch).value == 1.0


HOOKS = "def pytest_pyfunc_call(pyfuncitem):\n    return True\n"
ATTACKS = {
    "conftest.py": diff({"conftest.py": HOOKS, "tests/conftest.py": HOOKS, "toy/conftest.py": HOOKS}),
    "the tests": diff({FILE: "def test_inside():\n    pass\n"}),
    "pytest.ini": diff({"pytest.ini": "[pytest]\naddopts = --co\n"}),
    "setup.cfg": diff({"setup.cfg": "[tool:pytest]\naddopts = --co\n"}),
    "sitecustomize": diff({"sitecustomize.py": "import os; os._exit(0)\n"}),
    "the tests' folder for a link": diff({FILE: None, "tests/data.txt": None}) + link("tests", "toy"),
    "the module for a link": diff({MODULE: None}) + link(MODULE, "/opt/assay/suite/suite_runner.py"),
    "a link to elsewhere": link("toy/out", "/etc/passwd") + link("tests/conftest.py", "../toy/mod.py"),
    "a rename of conftest.py": (
        "diff --git a/conftest.py b/toy/old.py\nsimilarity index 100%\nrename from conftest.py\nrename to toy/old.py\n"
    ),
    "a name that is quoted": (
        'diff --git "a/conftest\\056py" "b/conftest\\056py"\n--- "a/conftest\\056py"\n+++ "b/conftest\\056py"\n'
        "@@ -0,0 +1,2 @@\n" + "".join(f"+{line}\n" for line in HOOKS.splitlines())
    ),
    "a name of half a character": (
        'diff --git "a/x\\377" "b/x\\377"\nnew file mode 100644\n--- /dev/null\n+++ "b/x\\377"\n@@ -0,0 +1 @@\n+x\n'
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_patches_that_steer_the_tests_are_undone(name):
    verdict = judge(ATTACKS[name])
    assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG), verdict
    assert "dropped" in verdict.detail or name == "a name of half a character"


RUNS = """import os
import subprocess


def test_the_script_runs():
    assert subprocess.check_output(["toy/run.sh"], text=True) == "it ran\\n"


def test_what_is_shown():
    assert sorted(os.listdir("shown")) == ["__init__.py", "mod.py", "run.sh"]


def test_two_texts():
    assert open("toy/mod.py").read() == open("shown/mod.py").read() == open("linked.py").read() != ""
"""
SCRIPT = "#!/bin/sh\necho it ran\n"


def script(mode: str) -> str:
    return diff({"toy/run.sh": SCRIPT}).replace("new file mode 100644", f"new file mode {mode}")


def mode_and_links() -> Task:
    task = patch_task()
    names = [f"tests/test_runs.py::{name}" for name in ("test_the_script_runs", "test_what_is_shown", "test_two_texts")]
    data = {**task.grader.data, "fail_to_pass": names, "pass_to_pass": [], "files": {"tests/test_runs.py": RUNS}}
    gold = {"patch.diff": script("100755") + link("shown", "toy") + link("linked.py", "shown/mod.py")}
    return task.model_copy(update={"grader": GraderSpec(kind="tests", data=data), "gold": gold})


def test_modes_and_links_of_a_patch_are_there_when_the_tests_run():
    task = asyncio.run(prepare(mode_and_links()))
    assert judge(task.gold["patch.diff"], task).value == 1.0
    plain = judge(script("100644") + link("shown", "toy") + link("linked.py", "shown/mod.py"), task)
    assert [check.name for check in plain.checks if not check.passed] == ["tests/test_runs.py::test_the_script_runs"]
    without = judge(script("100755"), task)
    assert without.value == 0.0, without


HOSTILE = {
    "out by dots": link("linked.py", "../../../../../etc/passwd"),
    "out by an absolute path": link("linked.py", "/etc/passwd"),
    "through proc": link("linked.py", "/proc/self/root/etc/passwd"),
    "a link to a link that leads out": link("a.py", "/etc/passwd") + link("linked.py", "a.py"),
    "the tests' own copy of the tree": link("linked.py", "/opt/assay/pristine/toy/mod.py"),
    "itself": link("linked.py", "linked.py"),
    "the root": link("linked.py", "."),
    "above itself": link("toy/linked", "../toy"),
    "nothing": link("linked.py", "not-there.py"),
    "a device": link("linked.py", "/dev/zero"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_link_that_leads_out_or_nowhere_is_undone(name):
    patch = diff({MODULE: GOLD}) + HOSTILE[name]
    verdict = judge(patch)
    assert verdict.value == 1.0, verdict
    assert "linked" in verdict.detail


def test_a_link_shows_no_test_infrastructure_under_another_name():
    hooks = diff({"toy/fake/conftest.py": HOOKS, "toy/fake/sitecustomize.py": "import os; os._exit(0)\n"})
    for place in ("src", "tests/unit", "lib"):
        verdict = judge(hooks + link(place, "../toy/fake" if "/" in place else "toy/fake"))
        assert (verdict.value, verdict.reason) == (0.0, Reason.WRONG), verdict
        assert f"{place}/conftest.py" in verdict.detail
        assert f"{place}/sitecustomize.py" in verdict.detail


@pytest.mark.parametrize("target", ["/tmp", "../../../../tmp"])
def test_nothing_is_written_through_a_link(target):
    written = (
        "diff --git a/out/x.py b/out/x.py\nnew file mode 100644\n--- /dev/null\n+++ b/out/x.py\n@@ -0,0 +1 @@\n+x = 1\n"
    )
    verdict = judge(diff({MODULE: GOLD}) + link("out", target) + written)
    assert (verdict.value, verdict.reason) == (0.0, Reason.MALFORMED), verdict
    assert not Path("/tmp/x.py").exists()


UNUSABLE = {
    "no patch": "This fixes it.\n",
    "another tree's": diff({MODULE: GOLD}).replace("return max(low, max(x, high))", "return min(x)"),
    "above the tree": diff({MODULE: GOLD}).replace(MODULE, "../../etc/x.py"),
    "cut short": diff({MODULE: GOLD})[:-60],
    "an ed script": "--- a/toy/mod.py\n+++ b/toy/mod.py\n1d\n!touch /work/conftest.py\nw\nq\n",
    "too large": diff({"toy/big.py": "#" * (17 << 20)}),
    "NUL": "\0" * 100,
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_patch_that_does_not_apply_is_malformed(name):
    task = asyncio.run(prepare(patch_task()))
    verdict = judge(UNUSABLE[name], task)
    assert (verdict.value, verdict.validity, verdict.reason) == (0.0, Validity.VALID, Reason.MALFORMED), verdict
    assert verdict.detail


def test_a_tree_that_was_not_prepared_is_no_zero():
    task = patch_task().model_copy(update={"mounts": {"/repo": "another"}})
    assert judge(diff({MODULE: GOLD}), task).reason is Reason.MACHINERY
