"""The text of a test file in one round: what is not run is left out, line for line, and nothing else changes."""

import ast

import pytest

from assay.grading.suites import suite_texts
from assay.grading.suites.suite_edits import Edit, Source
from assay.grading.suites.suite_spec import SpecError
from assay.grading.suites.suite_texts import emptied, source_of, text_of

TEXT = '''import pytest


def test_run(value):
    """Kept."""
    assert value == 1  # and its comment


@pytest.mark.parametrize("x", [1, 2])
def test_left_out(
    x,
):
    # a comment above
    @staticmethod
    def inner():
        return """
several lines
"""
    assert inner()


def test_called_by_another():
    return 3


def test_calls():
    assert test_called_by_another() == 3


@pytest.fixture
def test_data():
    return 5


def test_on_one_line(x): pass


def helper():
    return 7


class TestMany(Base):
    def test_run(self):
        assert helper() == 7

    async def test_other(self):
        """Gone."""
        assert helper() == 8
'''


def made(kept: list[str], monkeypatch: pytest.MonkeyPatch, edits: tuple[Edit, ...] = (), generic: bool = False) -> str:
    monkeypatch.setattr(suite_texts, "_SPARED", 1)
    return text_of(Source("t.py", TEXT), edits, kept, plain=True, generic=generic, prune=True)[0]


def bodies(text: str) -> dict[str, list[str]]:
    return {name: [ast.dump(part) for part in node.body] for name, node in Source("t.py", text).functions.items()}


def test_only_tests_that_nothing_else_speaks_of_are_left_out(monkeypatch):
    text = made(["TestMany.test_run"], monkeypatch)
    before, after = bodies(TEXT), bodies(text)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {
        "test_left_out",
        "test_calls",
        "TestMany.test_other",
    }
    assert all(after[name] == [ast.dump(ast.Pass())] for name in ("test_left_out", "test_calls", "TestMany.test_other"))
    assert text.count("\n") == TEXT.count("\n")
    lines = [(before, after) for before, after in zip(TEXT.split("\n"), text.split("\n"), strict=True)]
    assert all(new in (old, "", f"{old[: len(old) - len(old.lstrip())]}pass") for old, new in lines)


def test_edits_and_the_test_that_cannot_pass_stand_where_they_would_without(monkeypatch):
    edit = Edit("t.py", "test_run", TEXT.encode().index(b"== 1") + 3, "1", "4", ("t.py::test_run",))
    text = made(["test_run"], monkeypatch, (edit,), generic=True)
    assert "assert value == 4  # and its comment" in text
    plain, name = text_of(Source("t.py", TEXT), [edit], ["test_run"], plain=True, generic=True, prune=False)
    assert bodies(text).keys() - {"test_run"} != bodies(plain).keys()
    assert name in bodies(plain)
    compile(text, "t.py", "exec")


def test_few_are_not_worth_it_and_an_edit_must_find_what_it_names():
    source = source_of("t.py", TEXT)
    assert source is source_of("t.py", TEXT)
    assert len(list(emptied(source, ["test_run"]))) == 3
    assert text_of(source, [], ["test_run"], plain=True, generic=False, prune=True) == (TEXT, "")
    wrong = Edit("t.py", "test_run", 0, "nowhere", "4", ("t.py::test_run",))
    with pytest.raises(SpecError, match=r"does not have 'nowhere' at byte 0"):
        text_of(source, [wrong], ["test_run"], plain=True, generic=False, prune=True)
