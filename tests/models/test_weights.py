"""Checkpoints of any architecture come back as they were; what is none is refused with a sentence."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from assay.errors import UserError
from assay.models.weights import load_model, merge, use_one_thread

SMALL = {
    "vocab_size": 90,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
IDS = torch.tensor([[5, 8, 13, 21, 34]])


def make(model_type="llama", **changes):
    use_one_thread(0)
    config = AutoConfig.for_model(model_type, **{**SMALL, **changes})
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def logits(model):
    with torch.inference_mode():
        return model(input_ids=IDS).logits


@pytest.mark.parametrize("model_type", ["llama", "qwen2", "qwen3", "mistral", "gpt2"])
@pytest.mark.parametrize("sharded", [False, True])
def test_a_saved_model_comes_back(model_type, sharded, tmp_path):
    model = make(model_type, tie_word_embeddings=model_type != "mistral")
    model.save_pretrained(tmp_path, max_shard_size="20KB" if sharded else "1GB")
    assert (tmp_path / "model.safetensors.index.json").is_file() == sharded
    loaded = load_model(tmp_path)
    assert type(loaded) is type(model)
    assert torch.equal(logits(loaded), logits(model))


def test_precision_is_what_was_asked_for(tmp_path):
    make().save_pretrained(tmp_path)
    assert load_model(tmp_path).dtype == torch.float32
    assert load_model(tmp_path, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_an_adapter_is_merged_into_the_model_it_names(tmp_path):
    make().save_pretrained(tmp_path / "base")
    adapted = get_peft_model(load_model(tmp_path / "base"), LoraConfig(r=4, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn_like(parameter))
    adapted.save_pretrained(tmp_path / "adapter")
    merged = load_model(tmp_path / "adapter")
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert logits(merged) == pytest.approx(logits(adapted.eval()), abs=1e-5)
    assert not torch.allclose(logits(merged), logits(load_model(tmp_path / "base")), atol=1e-3)
    config = tmp_path / "adapter" / "adapter_config.json"
    for named in (str(tmp_path / "nowhere"), "someone/on-a-hub"):
        config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": named}))
        with pytest.raises(UserError, match="no directory here"):
            load_model(tmp_path / "adapter")
        moved = load_model(tmp_path / "adapter", base=tmp_path / "base")
        assert logits(moved) == pytest.approx(logits(merged), abs=1e-5)
    with pytest.raises(UserError, match="There is no checkpoint in"):
        load_model(tmp_path / "adapter", base=tmp_path / "nowhere")
    with pytest.raises(UserError, match="There is no adapter in"):
        merge(load_model(tmp_path / "base"), tmp_path / "base")
    tensors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    save_file(
        {name: each[:, :3].clone() for name, each in tensors.items()},
        tmp_path / "adapter" / "adapter_model.safetensors",
    )
    with pytest.raises(UserError, match="does not fit"):
        merge(load_model(tmp_path / "base"), tmp_path / "adapter")
    config.write_text("{")
    with pytest.raises(UserError, match="does not name the model"):
        load_model(tmp_path / "adapter")


def spoil_missing(directory):
    tensors = load_file(directory / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})


def spoil_shape(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))


def spoil_architecture(directory):
    config = json.loads((directory / "config.json").read_text())
    changed = {**config, "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    (directory / "config.json").write_text(json.dumps(changed))


def spoil_heads(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "num_attention_heads": 0}))


def spoil_kind(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "hidden_act": "nope"}))


def spoil_more(directory):
    tensors = load_file(directory / "model.safetensors")
    tensors["model.layers.0.self_attn.q_proj.bias"] = torch.zeros(32)
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})


def spoil_unknown(directory):
    (directory / "config.json").write_text(json.dumps({"model_type": "no_such_model"}))


def spoil_bytes(directory):
    (directory / "model.safetensors").write_bytes(b"not safetensors at all")


def spoil_config(directory):
    (directory / "config.json").write_text("{")


def spoil_no_config(directory):
    (directory / "config.json").unlink()


SPOILERS = [
    (spoil_missing, "1 tensors do not fit, model.layers.1.mlp.up_proj.weight"),
    (spoil_shape, r"6 tensors do not fit, model\.layers\.0\.mlp\.down_proj\.weight for one"),
    (spoil_heads, "cannot be loaded: .*zero"),
    (spoil_kind, "cannot be loaded: KeyError 'nope'"),
    (spoil_architecture, "not those of Qwen3ForCausalLM"),
    (spoil_more, "q_proj.bias"),
    (spoil_unknown, "cannot be loaded"),
    (spoil_bytes, "cannot be loaded"),
    (spoil_config, "cannot be loaded"),
    (spoil_no_config, "cannot be loaded"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILERS, ids=[spoil.__name__ for spoil, _ in SPOILERS])
def test_what_is_no_such_checkpoint_is_refused_with_a_sentence(spoil, said, tmp_path, capfd):
    make().save_pretrained(tmp_path)
    spoil(tmp_path)
    with pytest.raises(UserError, match=said) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "LOAD REPORT" not in capfd.readouterr().err


def test_a_directory_without_weights_and_a_missing_device_are_named(tmp_path):
    with pytest.raises(UserError, match="no checkpoint in"):
        load_model(tmp_path)
    make().save_pretrained(tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no device 'cuda'"):
            load_model(tmp_path, device="cuda")
