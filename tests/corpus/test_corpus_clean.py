"""The pure cleaning functions: examples of what goes and stays, and properties that always hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus import clean
from assay.corpus.late_words import LATE_WORDS, late_words

WORDS = st.lists(st.text("abcdefgh.,;'", min_size=1, max_size=12), min_size=1, max_size=400).map(" ".join)


def paragraphs(text: str, reason=clean.reason_vintage) -> list[str]:
    """Return the clean paragraphs of a text."""
    return list(clean.clean_paragraphs(text, reason, lambda why, paragraph: None))


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("This book is brought to you by Project Gutenberg and its friends.", "boilerplate"),
        ("Produced by David Widger and an anonymous volunteer", "boilerplate"),
        ("Copyright 1954 by somebody who came later than the book.", "boilerplate"),
        ("Write by e-mail to the address below for more of the same.", "boilerplate"),
        ("Transcriber's note: the spelling was kept as it was.", "boilerplate"),
        ("The second edition appeared in 1947 with a new preface.", "late_year"),
        ("He wrote the software in an afternoon, and slept well after it.", "late_word"),
        ("Editor's note: this chapter is from the second manuscript.", "editors_note"),
        ("def add(a, b):\n    return a + b", "code"),
        (">>> print('hello')", "code"),
        ("import os", "code"),
        ("if (x) { y = 1; } else { y = 2; }", "code"),
        ("* * * * *", "not_words"),
        ("1.5 2.5 3.5 4.5 5.5 6.5", "not_words"),
        ("ἐν ἀρχῇ ἦν ὁ λόγος", "foreign_script"),
    ],
)
def test_what_goes_from_vintage(block: str, why: str) -> None:
    assert clean.reason_vintage(block) == why


@pytest.mark.parametrize(
    "block",
    [
        "Upon this pretext he left the room; and no one followed him.",
        "[Enter King Henry, Bedford, and Gloucester.]",
        '"Yes."',
        "The army had 2,000 men and cost $1,950 a day in the year 1898.",
        "The import duties were raised, and from that time the class of goods was better.",
        "Soberly, a. Grave; serious; solemn. [Obs.]",
        "The public domain includes all the lands that are not yet sold.",
    ],
)
def test_what_stays_in_vintage(block: str) -> None:
    assert clean.reason_vintage(block) is None


def test_modern_keeps_late_words_and_drops_code() -> None:
    assert clean.reason_modern("The software was written in 1999 and is still in use.") is None
    assert clean.reason_modern("class Thing(Base):") == "code"


def test_lines_are_joined_and_quotes_made_plain() -> None:
    assert paragraphs("“It is—so,”\nhe said.\n\n\n  And\u00a0left… ") == ['"It is--so," he said.', "And left..."]


def test_licence_is_cut_at_both_ends() -> None:
    body = "The book itself, in many words. " * 40
    text = f"*** START OF THE PROJECT GUTENBERG EBOOK X ***{body}End of Project Gutenberg's X. License."
    assert clean.strip_gutenberg(text) == body


def test_emphasis_marks_go() -> None:
    assert (
        clean.strip_emphasis("_You_ want =this= and snake_case_name stays") == "You want this and snake_case_name stays"
    )


@pytest.mark.parametrize("word", LATE_WORDS)
def test_every_late_word_is_found(word: str) -> None:
    assert word in set(late_words(f"It was a {word.title()}, he said."))


@given(st.text())
def test_normalise_twice_is_normalise_once(text: str) -> None:
    once = clean.normalise(text)
    assert clean.normalise(once) == once


@given(WORDS, st.integers(min_value=20, max_value=300))
def test_split_keeps_the_words_and_the_limit(paragraph: str, limit: int) -> None:
    parts = list(clean.split_long(paragraph, limit))
    assert all(len(part) <= limit for part in parts)
    assert "".join(parts).replace(" ", "") == paragraph.replace(" ", "")


@given(st.text())
def test_paragraphs_are_single_clean_lines(text: str) -> None:
    for paragraph in paragraphs(text, clean.reason_common):
        assert paragraph == " ".join(paragraph.split()) != ""


@given(st.lists(st.text(max_size=90)))
def test_duplicates_are_removed_once_and_for_all(lines: list[str]) -> None:
    once = list(clean.without_duplicates(lines, set()))
    assert list(clean.without_duplicates(once, set())) == once
    keys = [key for key in map(clean.duplicate_key, once) if key]
    assert len(keys) == len(set(keys))


@given(st.text())
def test_vintage_output_holds_no_late_word(text: str) -> None:
    for paragraph in paragraphs(text + " computer\n\nA plain line of words."):
        assert not list(late_words(paragraph))
