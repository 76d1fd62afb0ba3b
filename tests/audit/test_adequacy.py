"""Mutation scores: a weak suite is seen as weak, a strong one kills all it can, additions obey gold."""

import asyncio

import pytest

from assay.audit.adequacy import score_task
from assay.audit.adequacy.additions import strengthen
from assay.audit.adequacy.inputs import like
from assay.audit.adequacy.trials import drawn
from assay.errors import UserError
from assay.grading import grade
from assay.nouns import GraderSpec, Task
from assay.sandbox import trees

MODULE = """
def grade(points):
    if points >= 90:
        return "A"
    if points >= 60:
        return "B"
    return "C"


def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value


def report(points):
    return f"{clamp(points, 0, 100)}: {grade(points)}"
"""
WEAK = """
from marks import clamp, grade, report


def test_grade():
    assert grade(95) == "A"
    assert grade(70) == "B"
    assert grade(10) == "C"


def test_clamp():
    assert clamp(5, 0, 10) == 5
    assert clamp(-5, 0, 10) == 0
    assert clamp(15, 0, 10) == 10


def test_report():
    assert report(95) == "95: A"
    assert report(130) == "100: A"
    assert report(-3) == "0: C"
"""
BOUNDARIES = """

def test_the_least_of_each_grade():
    assert (grade(90), grade(89), grade(60), grade(59)) == ("A", "B", "B", "C")


def test_the_ends():
    assert clamp(1, 0, 10) == 1 and clamp(9, 0, 10) == 9
    assert repr(clamp(0.0, 0, 10)) == "0.0" and repr(clamp(10.0, 0, 10)) == "10.0"


def test_reports_of_the_ends():
    assert (report(0), report(100)) == ("0: C", "100: A")
"""


def suite(tests: str, ids: list[str], module: str = MODULE) -> Task:
    wrong = module.replace("points >= 60", "points >= 61").replace("return high", "return low")
    return Task(
        id="marks",
        source="test",
        split="test",
        family="marks",
        instruction="Mend marks.py.",
        files={"marks.py": wrong, "test_marks.py": tests},
        outputs=("marks.py",),
        gold={"marks.py": module},
        grader=GraderSpec(
            kind="tests",
            data={
                "runner": "pytest",
                "fail_to_pass": [f"test_marks.py::{name}" for name in ids[:1]],
                "pass_to_pass": [f"test_marks.py::{name}" for name in ids[1:]],
            },
        ),
    )


def function(cases: list[tuple[list, object]], entry: str = "clamp") -> Task:
    data = {
        "path": "marks.py",
        "entry": entry,
        "cases": [{"id": f"c{n}", "args": args, "expected": value} for n, (args, value) in enumerate(cases)],
    }
    return suite(WEAK, ["test_clamp"]).model_copy(update={"grader": GraderSpec(kind="functions", data=data)})


def score(task: Task, **options: int):
    return asyncio.run(score_task(task, **{"most": 200, **options}))


def test_a_weak_suite_lets_boundaries_live_and_three_boundary_tests_kill_all():
    weak = score(suite(WEAK, ["test_clamp", "test_grade", "test_report"]))
    assert not weak.refused
    operators = {trial.mutant.operator for trial in weak.survivors}
    places = {trial.mutant.function.name for trial in weak.survivors}
    assert "boundary" in operators
    assert places & {"grade", "clamp"}
    names = ["test_clamp", "test_grade", "test_report"]
    added = ["test_the_least_of_each_grade", "test_the_ends", "test_reports_of_the_ends"]
    strong = score(suite(WEAK + BOUNDARIES, [*names, *added]))
    assert [trial.mutant.text for trial in strong.survivors] == []
    assert strong.interval.estimate == 1.0
    assert strong.interval.n == weak.interval.n  # the same mutants
    assert weak.interval.low < weak.interval.estimate < weak.interval.high < 1.0


def test_only_functions_that_gold_changed_are_mutated_and_none_twice():
    chosen, possible = drawn(suite(WEAK, ["test_clamp"]), 200, 0)
    assert len(chosen) == possible > 10
    assert {mutant.function.name for _, mutant in chosen} == {"grade", "clamp"}
    codes = [(mutant.function.name, mutant.bytecode) for _, mutant in chosen]
    assert len(set(codes)) == len(codes)


def test_a_sample_is_the_same_for_the_same_seed():
    task = suite(WEAK, ["test_clamp"])
    texts = [[mutant.text for _, mutant in drawn(task, 8, seed)[0]] for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 8


def test_functions_that_no_test_reaches_count_as_survivors():
    found = score(suite(WEAK, ["test_clamp"]))
    unseen = [trial for trial in found.survivors if trial.mutant.function.name == "grade"]
    assert unseen
    assert all(trial.why == "no test reaches the function" for trial in unseen)


def test_a_mutant_that_never_ends_is_killed():
    module = "def count(n):\n    found = 0\n    while n > 0:\n        n -= 1\n        found += 1\n    return found\n"
    tests = "from marks import count\n\n\ndef test_count():\n    assert count(3) == 3\n"
    task = suite(tests, ["test_count"], module).model_copy(update={"files": {"marks.py": "", "test_marks.py": tests}})
    found = score(task)
    assert any(trial.why == "the tests did not end in time" for trial in found.trials if trial.killed)


def test_gold_that_fails_gives_no_score():
    broken = suite(WEAK.replace('== "B"', '== "D"'), ["test_grade"])
    found = score(broken)
    assert not found.interval.known
    assert "test_marks.py::test_grade of task marks" in found.refused


def test_a_task_without_gold_gives_no_score():
    bare = suite(WEAK, ["test_clamp"]).model_copy(update={"gold": {}})
    assert "has no gold" in score(bare).refused


def test_added_inputs_kill_survivors_and_gold_passes_them():
    task = function([([5, 0, 10], 5), ([-5, 0, 10], 0)])
    before = score(task)
    made = asyncio.run(strengthen(task, before, most=5))
    assert made.added >= 1
    assert made.score.killed > before.killed
    again = score(made.task)
    assert again.killed >= made.score.killed
    assert asyncio.run(grade(made.task, made.task.gold)).value == 1.0
    survivor = next(trial for trial in before.survivors if trial not in made.score.survivors)
    assert asyncio.run(grade(task, survivor.gold.outputs(task, survivor.mutant))).value == 1.0


def test_an_input_that_gold_cannot_answer_is_never_added():
    module = "def inverse(n):\n    if n == 7:\n        raise ValueError(n)\n    return 100 // n\n"
    task = suite(WEAK, ["test_clamp"], module)
    cases = [{"id": f"c{n}", "args": [n], "expected": 100 // n} for n in (1, 12)]
    data = {"path": "marks.py", "entry": "inverse", "cases": cases}
    task = task.model_copy(update={"files": {"marks.py": ""}, "grader": GraderSpec(kind="functions", data=data)})
    made = asyncio.run(strengthen(task, score(task), most=20))
    assert made.admitted < made.drawn
    assert all(item["args"] != [7] for item in made.task.grader.data.get("inputs", []))
    assert asyncio.run(grade(made.task, made.task.gold)).value == 1.0


def test_inputs_are_added_to_functions_only():
    task = suite(WEAK, ["test_clamp"])
    with pytest.raises(UserError, match="inputs can be added to functions only"):
        asyncio.run(strengthen(task, score(task, most=5)))


@pytest.mark.parametrize(
    "examples",
    [
        [[3, "ab"], [0, "c"]],
        [[[1, 2, 3]], [[4]]],
        [[(1, 2.5), None], [(0, 1.0), None]],
        [[{"a": [1]}, {2}], [{"b": [3, 4]}, {5, 6}]],
        [[True, -4], [False, 9]],
    ],
)
def test_new_inputs_are_like_the_old_ones(examples):
    made = like(examples, 60, 0)
    assert made == like(examples, 60, 0)
    assert made
    for args in made:
        assert list(args) not in examples
        assert len(args) == 2 or len(examples[0]) == 1
        for one, old in zip(args, examples[0], strict=True):
            assert type(one) is type(old)
    numbers = [args[0] for args in made if type(args[0]) is int]
    if numbers and not any(type(row[0]) is bool for row in examples):
        assert min(numbers) >= 0


def test_no_length_that_was_not_seen_is_none():
    assert all(args[0] for args in like([[[1]], [[2, 3]]], 80, 1))


TREE_TESTS = """
import pathlib

from marks import clamp


def test_limits():
    low, high = map(int, pathlib.Path("limits.txt").read_text().split())
    assert (clamp(low - 1, low, high), clamp(low + 1, low, high), clamp(high + 1, low, high)) == (low, low + 1, high)


def test_old_module_is_gone():
    assert not pathlib.Path("old.py").exists()
"""
TREE_PATCH = """diff --git a/limits.txt b/limits.txt
--- a/limits.txt
+++ b/limits.txt
@@ -1 +1 @@
-nothing
+2 8
diff --git a/marks.py b/marks.py
--- a/marks.py
+++ b/marks.py
@@ -1,6 +1,6 @@
 def clamp(value, low, high):
     if value < low:
         return low
     if value > high:
-        return low
+        return high
     return value
diff --git a/old.py b/old.py
deleted file mode 100644
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-x = 1
"""


def test_gold_that_changes_data_and_removes_a_file_of_a_kept_tree_is_laid_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    clamp = "def clamp(value, low, high):\n    if value < low:\n        return low\n    if value > high:\n"
    texts = {
        "marks.py": f"{clamp}        return low\n    return value\n",
        "limits.txt": "nothing\n",
        "old.py": "x = 1\n",
    }

    def build(folder):
        for path, text in {**texts, "test_marks.py": TREE_TESTS}.items():
            (folder / path).write_text(text)

    kept = trees.prepare("marks", build)
    task = suite(TREE_TESTS, ["test_limits", "test_old_module_is_gone"])
    data = {**task.grader.data, "tree": "/repo", "files": {"test_marks.py": TREE_TESTS}}
    task = task.model_copy(
        update={
            "files": {},
            "outputs": ("patch.diff",),
            "gold": {"patch.diff": TREE_PATCH},
            "mounts": {"/repo": "marks"},
            "grader": GraderSpec(kind="tests", data=data),
        }
    )
    found = score(task)
    assert not found.refused
    assert any(trial.killed for trial in found.trials)
    assert (kept / "limits.txt").read_text() == "nothing\n", "the kept tree is as it was"
    assert (kept / "old.py").exists()
