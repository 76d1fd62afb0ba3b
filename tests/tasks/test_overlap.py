"""Overlap: it finds what two splits share, and drills share no text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.nouns import Task
from assay.tasks.drills import load
from assay.tasks.overlap import fingerprint, overlap


def test_drills_share_no_text() -> None:
    found = overlap({"train": load("train", 1200, 0), "seen": load("seen", 200, 0), "unseen": load("unseen", 100, 0)})
    assert found.clean
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("train", "seen"),
        ("train", "unseen"),
        ("seen", "unseen"),
    ]
    assert all(pair.equal_modules == 0 for pair in found.pairs)
    seen, unseen = found.pairs[:2]
    assert seen.second_tasks == 200
    assert unseen.median_share < seen.median_share < 0.9


def test_a_leaked_task_is_found_and_named() -> None:
    train, seen = load("train", 50, 1), load("seen", 20, 1)
    leaked = seen[7].model_copy(update={"id": "drills/train/99999"})
    found = overlap({"train": [*train, leaked], "seen": seen})
    assert not found.clean
    assert found.pairs[0].equal_texts == 1
    assert found.pairs[0].worst[0] == (seen[7].id, 1.0)
    assert found.pairs[0].max_share == 1.0


def test_spaces_and_case_do_not_hide_a_leak() -> None:
    task = load("seen", 1, 2)[0]
    spaced = task.model_copy(update={"instruction": "  " + task.instruction.upper().replace(" ", "\n ")})
    assert fingerprint(task) == fingerprint(spaced)
    assert overlap({"train": [spaced], "seen": [task]}).pairs[0].equal_texts == 1


def test_a_text_twice_in_one_split() -> None:
    task = load("seen", 1, 2)[0]
    assert overlap({"seen": [task, task]}).repeated == {"seen": 1}
    assert not overlap({"seen": [task, task]}).clean


@given(n=st.integers(1, 40), count=st.integers(0, 6))
def test_shares_are_parts_of_one(n: int, count: int) -> None:
    pool: list[Task] = POOL
    pair = overlap({"a": pool[:count], "b": pool[3:]}, n=n).pairs[0]
    assert 0.0 <= pair.median_share <= pair.max_share <= 1.0
    assert pair.equal_texts == max(0, count - 3)


POOL = load("train", 8, 5)


def test_a_whole_split_in_itself() -> None:
    assert overlap({"a": POOL, "b": POOL}).pairs[0].median_share == pytest.approx(1.0)
