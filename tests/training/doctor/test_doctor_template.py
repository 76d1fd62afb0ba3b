"""Faults planted in chat templates: no end token, the first token doubled, earlier turns rewritten."""

import json
import shutil

import pytest

from assay.training.doctor import Patient, Status, examine
from tests.training.doctor.test_doctor_data import failed, statuses

# the twins' tokenizer has these as special tokens; the template writes them as another model's would
ASSISTANT = "{% if message.role == 'assistant' %}<|assistant|>{{ message.content }}{END}"
OTHERS = "{% else %}<|user|>{{ message.content }}<|end|>{% endif %}"
ASKED = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
TEMPLATE = "{FIRST}{% for message in messages %}" + ASSISTANT + OTHERS + "{% endfor %}" + ASKED


@pytest.fixture
def templated(base, tmp_path):
    """Write a model directory with a template of its own."""

    def write(first="<|doc|>", end="<|end|>"):
        folder = shutil.copytree(base, tmp_path / "model")
        text = TEMPLATE.replace("{FIRST}", first).replace("{END}", end)
        (folder / "chat_template.jinja").write_text(text)
        (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<|doc|>", "eos_token": "<|end|>"}))
        return folder

    return write


def test_a_sound_template_passes(templated):
    found = statuses(examine(Patient(templated(), most=16)))
    assert {found[name] for name in ("template.end", "template.bos", "template.prefix")} == {Status.OK}


def test_a_template_without_an_end_token_is_found(templated):
    finding = failed(examine(Patient(templated(end=""), most=16)))["template.end"]
    assert "never shown where to stop" in finding.advice


def test_a_template_that_writes_the_first_token_twice_is_found(templated):
    finding = failed(examine(Patient(templated(first="<|doc|><|doc|>"), most=16)))["template.bos"]
    assert "twice" in finding.advice


def test_a_template_after_which_no_special_token_stands_is_found(templated):
    folder = templated(end="")
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("<|user|>", "User: ").replace("<|assistant|>", "Assistant: "))
    found = examine(Patient(folder, most=16))
    assert "has no end token" in failed(found)["template"].advice
    # what needs the format is not judged without it
    assert {finding.status for finding in found if finding.check in ("replies", "sampler_live")} == {Status.SKIPPED}
