"""What is recorded of a model that runs on this machine."""

import pytest

from assay.agents.mini import MiniConfig
from assay.models import chosen
from assay.models.chosen import which
from assay.nouns.base import sha256_file
from assay.rollout.elsewhere import solver
from assay.sandbox import trees


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(3 << 20))
    return folder


def weights_of(folder, **options):
    return which(f"local:{folder}", **options).described["weights"]


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("model.safetensors", bytes(3 << 19) + b"1" + bytes((3 << 19) - 1)),
        ("tokenizer.json", b"[]"),
        ("chat_template.jinja", b"{{ messages }}"),
    ],
)
def test_a_change_anywhere_in_what_decides_the_answers_is_seen(checkpoint, name, changed):
    before = weights_of(checkpoint)
    (checkpoint / name).write_bytes(changed)
    assert weights_of(checkpoint) != before


def test_a_card_decides_nothing_and_a_template_does(checkpoint, tmp_path):
    before = weights_of(checkpoint)
    (checkpoint / "card.json").write_text('{"written": "today"}')
    assert weights_of(checkpoint) == before
    template = tmp_path / "template.jinja"
    template.write_text("one")
    first = weights_of(checkpoint, template=template)
    template.write_text("two")
    assert len({before, first, weights_of(checkpoint, template=template)}) == 3


def test_the_weights_are_read_once_for_what_is_recorded_and_for_their_key_on_a_cluster(checkpoint, monkeypatch):
    (checkpoint / "state").mkdir()
    (checkpoint / "state" / "optimizer.safetensors").write_bytes(b"1")
    read = []

    def reading(path):
        read.append(path)
        return sha256_file(path)

    monkeypatch.setattr(chosen, "sha256_file", reading)
    monkeypatch.setattr(trees, "sha256_file", reading)
    model = which(f"local:{checkpoint}")
    recorded, setting = model.described["weights"], solver(model, MiniConfig())
    assert sorted(read) == sorted(path for path in checkpoint.rglob("*") if path.is_file())
    assert recorded == weights_of(checkpoint)
    assert setting.tree == trees.keep_contents("model", checkpoint)
