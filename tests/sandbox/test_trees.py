"""Trees: built once, whole or not at all, and refused by name when they are not there."""

import asyncio
import os
import time

import pytest

from assay.errors import MachineryError
from assay.sandbox import trees


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    return tmp_path


def test_built_once_and_found_again():
    built = []

    def build(folder):
        built.append(folder)
        (folder / "x.txt").write_text("1")

    first = trees.prepare("toolz-1.0", build)
    assert trees.prepare("toolz-1.0", build) == first == trees.tree("toolz-1.0")
    assert len(built) == 1
    assert (first / "x.txt").read_text() == "1"
    assert trees.mounts({"/pkg": "toolz-1.0"}) == {"/pkg": first}


def test_a_failed_build_leaves_nothing(cache):
    def build(folder):
        (folder / "half").write_text("")
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        trees.prepare("x", build)
    assert list((cache / "trees").iterdir()) == []


def test_a_rival_that_was_first_wins(cache):
    def build(folder):
        (cache / "trees" / "x").mkdir()
        (cache / "trees" / "x" / "theirs").write_text("")
        (folder / "ours").write_text("")

    assert [p.name for p in trees.prepare("x", build).iterdir()] == ["theirs"]


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "a b"])
def test_odd_keys_are_refused(key):
    with pytest.raises(MachineryError, match="key"):
        trees.tree(key)


def test_an_absent_tree_is_named():
    with pytest.raises(MachineryError, match="nonesuch"):
        trees.mounts({"/pkg": "nonesuch"})


def test_a_tree_of_contents_has_another_key_when_a_byte_in_the_middle_differs(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    keys = []
    for number, middle in enumerate((b"a", b"b", b"a")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(bytes(2 << 20) + middle + bytes(2 << 20))
        keys.append(trees.keep_contents("model", folder))
        assert (trees.tree(keys[-1]) / "model.safetensors").read_bytes()[2 << 20 : (2 << 20) + 1] == middle
    assert keys[0] == keys[2] != keys[1]
    script = tmp_path / "say.json"
    script.write_text("[]")
    assert (trees.tree(trees.keep_contents("model", script)) / "say.json").read_text() == "[]"


def test_what_killed_builders_left_goes_and_what_another_is_building_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    folder = tmp_path / "trees"
    for name in (".same-abc", ".old-abc", ".young-abc"):
        (folder / name / "inside").mkdir(parents=True)
    two_days_ago = time.time() - 2 * 86_400
    os.utime(folder / ".old-abc", (two_days_ago, two_days_ago))

    async def build(place):
        (place / "made").touch()

    asyncio.run(trees.prepare_slowly("same", build))
    assert sorted(path.name for path in folder.iterdir()) == [".young-abc", "same"]
