"""Which paths steer a test run, what a configuration keeps of a candidate's, and how canaries are drawn."""

import pytest

from assay.grading.suites.suite_edits import Edit, Source, applied
from assay.grading.suites.suite_restore import protector, spliced
from assay.grading.suites.suite_rounds import draw
from assay.grading.suites.suite_spec import Place, Suite
from assay.grading.suites.suite_texts import text_of

ORIGINAL = ("src/pkg/core.py", "src/pkg/test_tools.py", "tests/test_core.py", "setup.cfg", "docs/index.md")


def guard(**changes):
    whole = {"original": ORIGINAL, "hidden": ("hidden/check_it.py",), "patterns": ("fixtures/*",), "solved": ()}
    return protector(**{**whole, **changes})


@pytest.mark.parametrize(
    "path",
    [
        *("conftest.py", "src/pkg/conftest.py", "pytest.ini", "a/.pytest.ini", "tox.ini", "setup.cfg"),
        *("pyproject.toml", "sitecustomize.py", "src/usercustomize/__init__.py", "x.pth", ".coveragerc"),
        "src/pkg/__pycache__/a.pyc",
        *(".git/config", ".gitattributes", "pkg.egg-info/entry_points.txt", "a-1.dist-info/RECORD"),
        *("pytest.py", "src/_pytest/runner.py", "pytest_evil.py", "unittest/__init__.py", "own/pluggy.py"),
        *("tests/test_core.py", "tests/data/new.txt", "src/pkg/test_new.py", "src/pkg/new_test.py", "test/x.py"),
        *("hidden/check_it.py", "fixtures/a.json"),
    ],
)
def test_what_steers_the_tests_is_not_taken_from_a_candidate(path):
    assert guard(roots=("own",))(path)


@pytest.mark.parametrize(
    "path",
    [
        *("src/pkg/core.py", "src/pkg/new.py", "src/pkg/pytest.py", "setup.py", "docs/new.md"),
        *("src/pkg/contest.py", "testimony.py"),
    ],
)
def test_the_rest_is_the_candidates(path):
    assert not guard()(path)


def test_what_the_solution_changes_is_the_candidates_too_unless_it_is_infrastructure():
    solved = guard(solved=("src/pkg/test_tools.py", "conftest.py"))
    assert not solved("src/pkg/test_tools.py")
    assert solved("conftest.py")


def test_a_repository_that_is_a_runner_may_grow_its_own_package():
    own = guard(original=("src/_pytest/python.py", "src/pytest/__init__.py"))
    assert not own("src/_pytest/new.py")
    assert own("_pytest/new.py")
    assert own("src/pluggy.py")


TOML = '[project]\nname = "old"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'


@pytest.mark.parametrize(
    ("path", "old", "new", "has", "lacks"),
    [
        ("pyproject.toml", TOML, TOML.replace("old", "new").replace("-q", "--co"), '"new"', "--co"),
        ("pyproject.toml", TOML, '[project]\nname = "new"\n', "ini_options", '"old"'),
        ("pyproject.toml", '[project]\nname = "old"\n', TOML.replace("old", "new"), '"new"', "ini_options"),
        ("pyproject.toml", TOML, TOML.replace("old", "new") + "\n[[", '"old"', '"new"'),
        ("pyproject.toml", TOML, 'tool.pytest.ini_options.addopts = "--co"\n', '"old"', "--co"),
        ("pyproject.toml", TOML, ' [tool."pytest".ini_options]\naddopts = "--co"\n', '"old"', "--co"),
        ("pyproject.toml", TOML, '[tool]\npytest = {ini_options = {addopts = "--co"}}\n', '"old"', "--co"),
        ("setup.cfg", "[a]\nb = 1\n[tool:pytest]\nc = 2\n", "[a]\nb = 3\n[tool:pytest]\nc = 4\n", "b = 3", "c = 4"),
        ("setup.cfg", "[a]\nb = 1\n", "[a]\nb = 3\n [tool:pytest]\nc = 4\n", "b = 3", "\n[tool:pytest]"),
        ("tox.ini", "[pytest]\nc = 2\n", "[pytest]\nc = 4\n[testenv]\nd = 5\n", "c = 2", "d = 5"),
        ("conftest.py", "a = 1\n", "a = 2\n", "a = 1", "a = 2"),
    ],
)
def test_sections_about_tests_stay_as_they_were(path, old, new, has, lacks):
    made = spliced(path, old, new)
    assert has in made
    assert lacks not in made


TEXT = """
import pytest

@pytest.mark.parametrize("given, wanted", [(1, "é1"), pytest.param(2, "b")])
def test_table(given, wanted):
    assert f(given) == wanted

def test_input_alone():
    for given, other in [(1, 2), (3, 4)]:
        f(given, other)
    assert True is not None

class TestA:
    def test_value(self):
        assert f("é", 1) == [0x10, -2]

    def test_raises(self):
        with pytest.raises(ValueError):
            f(3)

    def test_opposite(self, x):
        assert x in f(4)
"""


def test_edits_touch_what_is_expected_and_never_what_is_given():
    source = Source("t.py", TEXT)
    made = {name: [(edit.old, edit.new) for edit in source.edits(name, 9)] for name in source.functions}
    named, near = made["test_table"][:2], made["test_table"][2:]
    assert named == [('"é1"', '"b"'), ('"b"', '"é1"')]  # what the test names itself, not what its parameters are called
    assert near == [('"é1"', '"é2"'), ('"b"', '"c"'), ('"é1"', '"é3"'), ('"b"', '"d"')]
    assert made["test_input_alone"] == [(" is not ", " is ")]
    assert made["TestA.test_value"][2:] == [("0x10", "0x11"), ("2", "3"), ("0x10", "0x12"), ("2", "4")]
    assert made["TestA.test_value"][0] in [("0x10", "0x1"), ("0x10", "0x2")]
    assert made["TestA.test_value"][1] in [("2", "1"), ("2", "16")]
    assert {old for old, _ in made["TestA.test_raises"]} == {"ValueError"}
    assert made["TestA.test_opposite"] == [(" in ", " not in ")]
    for name in source.functions:
        for edit in source.edits(name, 9):
            text = applied(TEXT, [edit])
            assert len(text.splitlines()) == len(TEXT.splitlines())
            compile(text, "t.py", "exec")


def test_a_generic_canary_goes_where_a_test_may_stand():
    marked = """import pytest
from base import Common


@pytest.mark.parametrize("x", [1])
class TestMarked:
    def test_a(self, x):
        pass


class TestB(Common):
    pass"""
    source = Source("t.py", marked)
    for plain, tests in ((True, ["TestMarked.test_a", "TestB.test_c"]), (False, ["TestB.test_c"])):
        text, name = text_of(source, [], tests, plain=plain, generic=True, prune=False)
        compile(text, "t.py", "exec")
        assert text.startswith(marked)
        assert ("." in name) is not plain
        assert name in Source("t.py", text).functions


def test_each_canary_is_right_once_and_wrong_once_and_one_test_alone_gets_more_rounds():
    place = Place("t.py", "TestA.test_value")
    name = "t.py::TestA::test_value"
    others = {f"t.py::TestA::{n}": Place("t.py", f"TestA.{n}") for n in ("test_raises", "test_opposite")}
    suite = Suite("pytest", {name: place, **others}, frozenset([name]), {})
    edits = [
        Edit(edit.file, edit.test, edit.at, edit.old, edit.new, fails=(name,))
        for edit in Source("t.py", TEXT).edits("TestA.test_value", 3)
    ]
    patterns = set()
    for _ in range(60):
        rounds = draw(suite, {"t.py": TEXT}, edits)
        assert len(rounds) == 4
        patterns.add(tuple(name in now.wrong for now in rounds))
        for now in rounds:
            assert (name in now.wrong) != (name in now.right)
            assert sorted(id_ for part in now.parts for id_ in part.ids) == sorted({*now.right, *now.wrong})
            [generic] = now.generic
            assert generic in now.wrong
            compile(now.files["t.py"], "t.py", "exec")
        assert all(any(other in now.right for now in rounds) for other in others)
    assert len(patterns) > 5
    assert all(any(pattern) and not all(pattern) for pattern in patterns)
