"""The sources: their registry, and how each kind of file is read."""

import gzip
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpus.recipe import load_recipe, recipe_names
from assay.corpus.sources import _html, brown, load_source, source_names

BIBLE = """[The King James Bible]

The First Book of Moses:  Called Genesis

1:1 In the beginning God created the heaven and the earth.

And the earth was without form,

1:2 and void; and darkness was upon
the face of the deep. 1:3 And God said, Let there be light.

The Book of Ruth

1:1 Now it came to pass in the days when the judges ruled.
"""


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_name_sources_that_exist(name: str) -> None:
    recipe, _ = load_recipe(name)
    assert {each.source for each in recipe.source} <= set(source_names())
    assert recipe.total_bytes == load_recipe("vintage")[0].total_bytes


@pytest.mark.parametrize("name", source_names())
def test_every_source_can_be_loaded(name: str) -> None:
    assert callable(load_source(name))


def put(path: Path, data: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_bible_verses_are_joined_without_numbers(tmp_path: Path) -> None:
    put(tmp_path / "package/gutenberg/bible-kjv.txt", BIBLE.encode())
    genesis, ruth = load_source("king_james")(tmp_path)
    assert genesis.text == (
        "In the beginning God created the heaven and the earth. And the earth was without form, and void;"
        " and darkness was upon the face of the deep. And God said, Let there be light."
    )
    assert ruth.title == "The Book of Ruth"


def test_webster_keeps_only_the_printed_book(tmp_path: Path) -> None:
    text = (
        "Coach \\Coach\\ (k[=o]ch), n.\n   A large, closed, four-wheeled carriage.\n   [1913 Webster]\n\n"
        "   A teacher of games, in a later sense.\n   [WordNet 1.5]\n\n"
        'cohost \\co"host\\, n.\n   One of several who host a broadcast of some kind.\n   [1913 Webster]\n'
        'Coaxial \\Co*ax"i*al\\, a.\n   Having one axis, as some cables do in these days.\n   [PJC]\n'
    )
    put(tmp_path / "usr/share/dictd/gcide.dict.dz", gzip.compress(text.encode()))
    entries = [entry.text for entry in load_source("webster_1913")(tmp_path)]
    assert entries == ["Coach, n. A large, closed, four-wheeled carriage."]


def test_devil_begins_at_the_first_entry(tmp_path: Path) -> None:
    text = "released 1993\n\nABASEMENT, n.  A decent and customary attitude.\n"
    put(tmp_path / "usr/share/dictd/devil.dict.dz", gzip.compress(text.encode()))
    (book,) = load_source("devils_dictionary")(tmp_path)
    assert book.text.startswith("ABASEMENT")


def test_treasury_blocks_are_unpacked_by_psalm(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/sword/modules/comments/zcom/tdavid"
    pages = [
        b'<chapter osisID="Ps.1"/><div sID="a" type="x-p"/>Blessed is the <hi>man</hi>.',
        b'<chapter osisID="Ps.2"/>Why do the heathen rage &amp; storm?',
    ]
    packed = [zlib.compress(page) for page in pages]
    index = struct.pack("<III", 0, len(packed[0]), len(pages[0]))
    index += struct.pack("<III", len(packed[0]), len(packed[1]), len(pages[1]))
    put(folder / "ot.czs", index)
    put(folder / "ot.czz", b"".join(packed))
    psalms = list(load_source("treasury_of_david")(tmp_path))
    assert [psalm.key for psalm in psalms] == ["psalm-001", "psalm-002"]
    assert psalms[0].text.strip() == "Blessed is the man."
    assert psalms[1].text.strip() == "Why do the heathen rage & storm?"


def test_brown_tags_go() -> None:
    tagged = "The/at jury/nn said/vbd ,/, ``/`` no/at evidence/nn ''/'' (/( none/pn )/) ./."
    assert brown.untag(tagged) == 'The jury said, "no evidence" (none).'


PAGE = """<html><head><title>A &amp; B</title><script>var x = 1;</script></head><body><nav>Next page, please.</nav>
<p>The kernel keeps a list of the things that it has to do before it can rest.</p>
<pre>def f(x): return x</pre><table><tr><td>A cell of a table that would be a sentence.</td></tr></table>
<p>Short.</p><p>The list is read from the front, and <code>it</code> is never empty for long.</p></body></html>"""


def test_html_gives_prose_without_code_or_tables(tmp_path: Path) -> None:
    put(tmp_path / "a.html", PAGE.encode())
    (page,) = _html.html_documents(tmp_path, 2022, "a date", minimum=10)
    assert page.title == "A B"
    assert page.text.count("\n\n") == 1
    assert not {"def", "cell", "var", "Next", "Short"} & set(page.text.split())


@given(st.text())
def test_any_page_can_be_read(page: str) -> None:
    assert all(block == " ".join(block.split()) for block in _html.page_blocks(page))
