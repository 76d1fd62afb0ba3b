"""The kind `tests`: a repository's own suite decides; honest work is judged rightly, and broken tasks are named."""

import asyncio
import textwrap
from typing import Any

import pytest

from assay.errors import UserError
from assay.grading import grade
from assay.grading.suites.grader import prepare
from assay.grading.suites.suite_edits import Source, surely_absent
from assay.grading.suites.suite_run import library
from assay.nouns import GraderSpec, Limits, Reason, Task, Validity, Verdict
from assay.sandbox.layout import interpreter
from tests.grading.suite_repositories import (
    BUG,
    FILE,
    GOLD,
    PYTEST,
    PYTEST_STAY,
    PYTEST_TURN,
    UNITTEST,
    UNITTEST_TURN,
    make_task,
    pytest_task,
    unittest_task,
)

MODULE = "toy/mod.py"
TASKS = {"pytest": pytest_task, "unittest": unittest_task}


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def judge(task: Task, text: str = GOLD, **others: str) -> Verdict:
    return asyncio.run(grade(task, {MODULE: text, **others}))


def with_data(task: Task, **changes: Any) -> Task:
    return task.model_copy(update={"grader": GraderSpec(kind="tests", data={**task.grader.data, **changes})})


@pytest.mark.parametrize("runner", TASKS)
def test_gold_scores_one_and_the_bug_nothing_again_and_again(runner):
    task = TASKS[runner]()
    for _ in range(3):
        gold, bug = judge(task), judge(task, BUG)
        assert (gold.value, gold.reason) == (1.0, Reason.PASSED), gold
        assert {check.name for check in gold.checks} == {
            *task.grader.data["fail_to_pass"],
            *task.grader.data["pass_to_pass"],
        }
        assert (bug.value, bug.reason) == (0.0, Reason.WRONG), bug


HONEST_RIGHT = {
    "sorted": GOLD.replace("max(low, min(x, high))", "sorted((low, x, high))[1]"),
    "it prints": GOLD.replace("    return max", "    print('PASSED', x)\n    return max"),
    "it uses a thread": """
        import threading

        def clamp(x, low, high):
            if low > high:
                raise ValueError(low)
            found = []
            thread = threading.Thread(target=lambda: found.append(max(low, min(x, high))))
            thread.start()
            thread.join()
            return found[0]

        def words(x):
            return f"<{clamp(x, 0, 9)}>"
    """,
    "it leaves a daemon thread": GOLD
    + "\n\nimport threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
    "it writes files": GOLD + "\n\nwith open('log.txt', 'w') as log:\n    log.write('here')\n",
    "a main guard": GOLD + "\n\nif __name__ == '__main__':\n    import sys\n    sys.exit(clamp(1, 2, 3))\n",
    "its own equality": GOLD.replace(
        "def words",
        "class Bounded(int):\n    def __eq__(self, other):\n        return int(self) == int(other)\n\n"
        "    __hash__ = int.__hash__\n\n\ndef words",
    ).replace("return max(low, min(x, high))", "return Bounded(max(low, min(x, high)))"),
    "another error of the same kind": GOLD.replace("raise ValueError", "raise UnicodeError"),
    "it changes the recursion limit": "import sys\nsys.setrecursionlimit(5000)\n" + GOLD,
    "it reads its caller": "import inspect\nNAMES = [f.function for f in inspect.stack()]\n" + GOLD,
    "it registers atexit": "import atexit\natexit.register(print, 'bye')\n" + GOLD,
}
HONEST_WRONG = {
    "off by one": GOLD.replace("return max(low, min(x, high))", "return max(low, min(x, high)) + 1"),
    "the value of a canary": GOLD.replace("return max(low, min(x, high))", "return max(low, min(x, high)) + (x == 3)"),
    "nothing": GOLD.replace("return max(low, min(x, high))", "return None"),
    "a syntax error": "def clamp(:\n",
    "an import that fails": "import numpy_of_another_world\n" + GOLD,
    "a name that is missing": GOLD.replace("def words", "def other"),
    "no refusal": GOLD.replace("if low > high:", "if False:"),
    "NUL bytes": GOLD + "\0",
}


@pytest.mark.parametrize("runner", TASKS)
@pytest.mark.parametrize("name", HONEST_RIGHT)
def test_right_solutions_that_look_odd_pass(runner, name):
    verdict = judge(TASKS[runner](), textwrap.dedent(HONEST_RIGHT[name]))
    assert (verdict.value, verdict.reason) == (1.0, Reason.PASSED), verdict


@pytest.mark.parametrize("runner", TASKS)
@pytest.mark.parametrize("name", HONEST_WRONG)
def test_honest_mistakes_score_nothing_and_are_not_called_cheats(runner, name):
    verdict = judge(TASKS[runner](), HONEST_WRONG[name])
    assert verdict.value == 0.0, verdict
    assert verdict.reason is not Reason.CHEATED, verdict


def test_what_hangs_is_a_timeout_and_what_takes_all_memory_no_failure_of_ours():
    endless = GOLD.replace("    return max", "    while True: pass\n    return max")
    hangs = judge(pytest_task(canaries=[], timeout_s=2.0), endless)
    assert (hangs.value, hangs.reason) == (0.0, Reason.TIMEOUT)
    eats = judge(pytest_task(), GOLD + "\nBIG = bytearray(10**10)\n")
    assert (eats.value, eats.validity) == (0.0, Validity.VALID)


@pytest.mark.parametrize("order", ["shuffled", "files", "fixed"])
def test_every_order_runs_every_test(order):
    assert judge(pytest_task(order=order)).value == 1.0


def test_prepare_writes_down_canaries_of_every_function_that_gold_fails_by():
    task = asyncio.run(prepare(pytest_task()))
    canaries = task.grader.data["canaries"]
    assert {entry["test"] for entry in canaries} == {
        *("test_inside", "test_rows", "test_refused", "TestWords.test_words", "TestWords.test_many")
    }
    assert all(entry["fails"] for entry in canaries)
    rows = [entry for entry in canaries if entry["test"] == "test_rows"]
    assert all(len(entry["fails"]) == 1 and len(entry["passes"]) == 2 for entry in rows)
    assert judge(task).value == 1.0
    assert judge(task, BUG).value == 0.0
    assert asyncio.run(prepare(task)).grader.data["canaries"], "a prepared task can be prepared again"


def test_a_suite_that_needs_its_order_is_run_in_it():
    text = "from toy.mod import clamp\nSEEN = []\n\n"
    names = [f"test_{number}" for number in range(5)]
    for number, name in enumerate(names):
        text += f"def {name}():\n    assert len(SEEN) == {number}\n    SEEN.append(1)\n"
        text += "    assert clamp(3, 2, 8) == 3\n\n"
    data = {"runner": "pytest", "fail_to_pass": [f"{FILE}::{name}" for name in names], "files": {FILE: text}}
    task = asyncio.run(prepare(make_task(data)))
    assert task.grader.data["order"] == "files"
    for entry in task.grader.data["canaries"]:
        line = text[: entry["at"]].rpartition("\n")[2]
        last = line.startswith("    assert clamp")  # one that fails before its last line makes those after it fail
        assert last or entry["test"] == "test_4", entry
    assert [judge(task).value for _ in range(4)] == [1.0] * 4


ODD = """
import pytest
from toy.mod import clamp


@pytest.mark.parametrize("x, expected", [(1, 2), (9, 8)])
class TestMarked:
    def test_rows(self, x, expected):
        assert clamp(x, 2, 8) == expected


class Common:
    limit = 8

    def test_common(self):
        assert clamp(9, 2, self.limit) == self.limit


class TestOne(Common):
    pass


class TestTwo(Common):
    limit = 7
"""


def test_suites_with_marked_and_inherited_classes_have_their_generic_canaries():
    turn = [
        f"{FILE}::{name}" for name in ("TestMarked::test_rows[1-2]", "TestOne::test_common", "TestTwo::test_common")
    ]
    data = {"runner": "pytest", "fail_to_pass": turn, "pass_to_pass": [], "files": {FILE: ODD}}
    task = asyncio.run(prepare(make_task(data)))
    for _ in range(3):
        assert judge(task).value == 1.0
    assert judge(task, BUG).reason is Reason.WRONG
    forged = BUG + "\nimport _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n"
    assert judge(task, forged).reason is Reason.CHEATED


def test_a_test_may_be_known_by_its_docstring():
    text = UNITTEST.replace("def test_words(self):\n", 'def test_words(self):\n        """Words."""\n')
    turn = [*UNITTEST_TURN[:2], "Words."]
    places = {"Words.": "tests.test_mod.ClampTests.test_words"}
    files = {FILE: text, "tests/__init__.py": ""}
    verdict = judge(unittest_task(files=files, fail_to_pass=turn, places=places))
    assert verdict.value == 1.0, verdict
    assert "Words." in {check.name for check in verdict.checks}
    unknown = judge(unittest_task(files=files, fail_to_pass=turn))
    assert unknown.reason is Reason.BAD_TASK


def test_skips_and_expected_failures_count_as_upstream_counts_them():
    text = """
import pytest
from toy.mod import clamp

@pytest.mark.xfail(reason="later", strict=True)
def test_later():
    assert clamp(3, 2, 8) == 4

@pytest.mark.xfail(strict=True)
def test_strict():
    assert clamp(3, 2, 8) == 8

@pytest.mark.skipif(True, reason="never")
def test_never():
    assert False

def test_now():
    assert clamp(3, 2, 8) == 3
"""
    ids = {name: f"{FILE}::{name}" for name in ("test_later", "test_strict", "test_never", "test_now")}
    data = {"runner": "pytest", "fail_to_pass": [ids["test_now"]], "files": {FILE: text}}
    task = asyncio.run(prepare(make_task({**data, "pass_to_pass": [ids["test_later"], ids["test_strict"]]})))
    assert task.grader.data["xfail"] == [ids["test_later"], ids["test_strict"]]
    assert judge(task).value == 1.0
    # With the bug the strict one passes, and that is a failure.
    checks = {check.name: check for check in judge(with_data(task, canaries=[]), BUG).checks}
    assert not checks[ids["test_strict"]].passed
    skipped = judge(make_task({**data, "fail_to_pass": [ids["test_never"]]}))
    assert (skipped.value, skipped.reason) == (None, Reason.BAD_TASK)


def test_the_candidates_configuration_is_kept_but_for_its_sections_about_tests():
    kept = "[metadata]\nname = new\n\n[tool:pytest]\naddopts = --co\n"
    text = PYTEST + (
        "\n\ndef test_config():\n    import pathlib\n"
        "    text = pathlib.Path('setup.cfg').read_text()\n"
        "    assert 'name = new' in text and 'no:doctest' in text and '--co' not in text\n"
    )
    data = {**pytest_task().grader.data, "files": {FILE: text}}
    data["fail_to_pass"] = [*data["fail_to_pass"], f"{FILE}::test_config"]
    task = make_task(data, gold={MODULE: GOLD, "setup.cfg": kept})
    verdict = judge(task, **{"setup.cfg": kept})
    assert verdict.value == 1.0, verdict
    assert "setup.cfg" in verdict.detail


def test_a_task_with_its_own_interpreter_runs_the_pytest_that_it_finds_there():
    lib = library()
    task = pytest_task(python=str(interpreter()), env={"PYTHONPATH": "/lib-of-the-task:toy"})
    task = task.model_copy(update={"mounts": {"/lib-of-the-task": lib.name}})
    assert judge(task).value == 1.0
    assert judge(task, BUG).value == 0.0
    forged = BUG + "\nimport _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n"
    assert judge(task, forged).reason is Reason.CHEATED


ELSEWHERE = {"file": FILE, "test": "test_inside", "at": 1, "old": "3", "new": "4", "fails": ["x"], "passes": []}
BROKEN = {
    "runner": ({"runner": "nose"}, "runner is 'nose'"),
    "no tests": ({"fail_to_pass": []}, "fail_to_pass is empty"),
    "twice": ({"pass_to_pass": PYTEST_TURN}, "stands twice"),
    "no list": ({"pass_to_pass": "tests"}, "pass_to_pass is not a list"),
    "an unknown field": ({"tiemout_s": 3}, "no field 'tiemout_s'"),
    "order": ({"order": "random"}, "order is 'random'"),
    "time": ({"timeout_s": -1}, "timeout_s is -1"),
    "no such file": ({"fail_to_pass": ["tests/test_nowhere.py::test_x"]}, "no such test"),
    "no such function": ({"fail_to_pass": [f"{FILE}::test_nowhere"]}, "no such test"),
    "no such method": ({"fail_to_pass": [f"{FILE}::TestWords::test_nowhere"]}, "no such test"),
    "no such parameter": ({"fail_to_pass": [f"{FILE}::test_rows[other]"]}, "no such test"),
    "no id": ({"fail_to_pass": ["test_inside"]}, "no such test"),
    "files": ({"files": {FILE: 3}}, "files is not a table"),
    "a test that gold fails": ({"files": {FILE: PYTEST.replace("low, 8) == 3", "low, 8) == 4")}}, "gold fails"),
    "tests that do not parse": ({"files": {FILE: "def test_inside(:\n"}}, "gold fails"),
    "a tree that is not mounted": ({"tree": "/repo"}, "tree is '/repo'"),
    "canaries": ({"canaries": [{"file": FILE}]}, "canaries"),
    "canaries elsewhere": ({"canaries": [ELSEWHERE]}, "does not have '3' at byte 1"),
    "an interpreter that a candidate could write": ({"python": "/work/.venv/bin/python"}, "outside /work"),
    "an interpreter that is not there": ({"python": "/nowhere/python"}, "/nowhere/python"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_task_is_named_and_is_no_zero_of_the_candidate(name):
    changes, said = BROKEN[name]
    verdict = judge(pytest_task(**changes))
    assert (verdict.value, verdict.reason) == (None, Reason.BAD_TASK), verdict
    assert said in verdict.detail
    assert "toy/0" in verdict.detail


def test_prepare_says_what_is_wrong_with_a_task():
    with pytest.raises(UserError, match="no such test"):
        asyncio.run(prepare(pytest_task(fail_to_pass=[f"{FILE}::test_rows[other]"])))


BAD_OUTPUTS = {
    "half a character": ({MODULE: GOLD + "# \udc80"}, Reason.MALFORMED),
    "too large": ({MODULE: GOLD + "#" * (17 << 20)}, Reason.MALFORMED),
    "above the tree": ({MODULE: GOLD, "../x.py": ""}, Reason.MALFORMED),
    "an absolute path": ({MODULE: GOLD, "/tmp/x.py": ""}, Reason.MALFORMED),
    "a NUL in a path": ({MODULE: GOLD, "x\0.py": ""}, Reason.MALFORMED),
    "a long name": ({MODULE: GOLD, "x" * 300: ""}, Reason.MALFORMED),
    "a file for a folder": ({MODULE: GOLD, "toy": "x"}, Reason.MALFORMED),
    "a folder for a file": ({MODULE: GOLD, "toy/__init__.py/x.py": ""}, Reason.MALFORMED),
    "too many": ({MODULE: GOLD, **{f"new/{n}.py": "" for n in range(6000)}}, Reason.MALFORMED),
}


@pytest.mark.parametrize("name", BAD_OUTPUTS)
def test_outputs_that_cannot_be_laid_over_score_nothing(name):
    outputs, reason = BAD_OUTPUTS[name]
    verdict = asyncio.run(grade(pytest_task(canaries=[]), outputs))
    assert (verdict.value, verdict.reason) == (0.0, reason), verdict


def test_a_declared_output_that_is_missing_is_said_to_be():
    task = pytest_task(canaries=[]).model_copy(update={"outputs": (MODULE,), "limits": Limits()})
    verdict = asyncio.run(grade(task, {}))
    assert (verdict.value, verdict.reason) == (0.0, Reason.MISSING_OUTPUT)


def test_only_a_name_that_nothing_can_make_is_surely_absent():
    plain = Source("a.py", "class A:\n    def test_x(self): pass\n\n\nclass B(Base):\n    pass\n")
    assert not surely_absent(plain, "A.test_x")
    assert surely_absent(plain, "A.test_y")
    assert not surely_absent(plain, "B.test_y"), "it may be inherited"
    assert surely_absent(plain, "test_z")
    assert not surely_absent(Source("a.py", "from base import *\n"), "test_z")


def test_unasked_parts_of_the_stay_set_are_run_as_well():
    verdict = judge(pytest_task())
    assert {check.name for check in verdict.checks} >= set(PYTEST_STAY)
