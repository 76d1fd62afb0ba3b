"""Pre-training: the same corpus and card give the same files; echoes say passages again and change nothing else."""

import json
import random

import numpy as np
import pytest

from assay.errors import UserError
from assay.models.weights import Architecture
from assay.training.pretrain import PretrainConfig, echo, pretrain

SMALL = PretrainConfig(
    architecture=Architecture(vocabulary=300, width=16, layers=1, heads=2, inner=32, context=64),
    steps=6,
    batch=2,
    window=32,
    warmup=2,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus on disk in the shape that `assay corpus build` leaves."""
    import hashlib

    from assay.corpus.model import Card, Document

    folder = tmp_path_factory.mktemp("corpus")
    words = ["the", "ship", "came", "home", "with", "grain", "and", "all", "the", "men", "who", "had", "waited"]
    rng = random.Random(0)
    text = "\n\n".join(" ".join(rng.choices(words, k=60)) for _ in range(150))
    document = Document(
        id="a",
        source="s",
        genre="g",
        package="p",
        version="1",
        title="t",
        year=1900,
        year_evidence="said",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
    )
    lines = document.model_dump_json() + "\n"
    (folder / "documents.jsonl").write_text(lines)
    card = Card(
        recipe="tiny",
        recipe_sha256="0" * 64,
        packages=(),
        sources=(),
        documents=1,
        bytes=len(text),
        target_bytes=len(text),
        paragraphs=150,
        duplicates_removed=0,
        religious_share=0.0,
        dictionary_share=0.0,
        late_words_dropped={},
        late_words_left=0,
        documents_sha256=hashlib.sha256(lines.encode()).hexdigest(),
    )
    (folder / "card.json").write_text(card.model_dump_json())
    return folder


def test_the_same_corpus_and_configuration_give_the_same_files(corpus, tmp_path):
    cards = [pretrain(corpus, tmp_path / name, SMALL, say=lambda text: None) for name in ("a", "b")]
    assert cards[0] == cards[1]
    other = pretrain(corpus, tmp_path / "c", SMALL.model_copy(update={"seed": 1}), say=lambda text: None)
    assert other["sha256"]["model.safetensors"] != cards[0]["sha256"]["model.safetensors"]
    assert cards[0]["tokens_trained"] == 6 * 2 * 32
    assert cards[0]["corpus"]["sha256"] == json.loads((corpus / "card.json").read_text())["documents_sha256"]


def test_a_corpus_that_was_edited_is_refused(corpus, tmp_path):
    import shutil

    edited = tmp_path / "edited"
    shutil.copytree(corpus, edited)
    with (edited / "documents.jsonl").open("a") as lines:
        lines.write("{}\n")
    with pytest.raises(UserError):
        pretrain(edited, tmp_path / "out", SMALL, say=lambda text: None)
    assert not (tmp_path / "out").exists()


def test_the_shipped_bases_are_those_of_their_cards():
    import hashlib
    from pathlib import Path

    folder = Path(__file__).parents[2] / "checkpoints"
    for name in ("vintage", "modern"):
        card = json.loads((folder / name / "card.json").read_text())
        for file, wanted in card["sha256"].items():
            data = (folder / name / file).read_bytes()
            assert hashlib.sha256(data).hexdigest() == wanted
            assert len(data) <= 16 * 2**20
    cards = [json.loads((folder / name / "card.json").read_text()) for name in ("vintage", "modern")]
    assert cards[0]["config"] == cards[1]["config"]
    assert cards[0]["tokens_trained"] == cards[1]["tokens_trained"]
    assert cards[0]["corpus"] != cards[1]["corpus"]


def test_an_echo_says_a_passage_again_further_on():
    row = np.arange(1000, 1257, dtype=np.uint16)
    for seed in range(50):
        said = echo(row, 1, random.Random(seed))
        changed = np.flatnonzero(said != row)
        assert 12 <= len(changed) <= 48
        assert (np.diff(changed) == 1).all()
        passage = said[changed[0] : changed[-1] + 1]
        start = int(passage[0]) - 1000
        assert (row[start : start + len(passage)] == passage).all()
        assert start + len(passage) <= changed[0]
    assert (echo(row[:20], 3, random.Random(0)) == row[:20]).all()
