"""The packed forward pass equals each document's own, its gradients those of plain cross-entropy."""

import random

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from assay.errors import UserError
from assay.training import head, linear
from assay.training.examples import Example
from assay.training.forward import target_logprobs
from assay.training.packing import pack, pack_one

SIZES = {
    "vocab_size": 97,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "max_position_embeddings": 128,
}


def llama():
    return LlamaForCausalLM(
        LlamaConfig(**SIZES, num_attention_heads=3, num_key_value_heads=3, tie_word_embeddings=True)
    )


def smollm2():
    """Grouped queries and tied embeddings, as SmolLM2."""
    config = LlamaConfig(**SIZES, num_attention_heads=6, num_key_value_heads=2, tie_word_embeddings=True)
    config.rope_parameters = {"rope_theta": 100000.0, "rope_type": "default"}
    return LlamaForCausalLM(config)


def qwen3():
    """Norms on queries and keys, and a head width that is not hidden size over heads."""
    return Qwen3ForCausalLM(
        Qwen3Config(**SIZES, num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False)
    )


def sliding():
    """A window shorter than the longer documents."""
    return MistralForCausalLM(
        MistralConfig(**SIZES, num_attention_heads=4, num_key_value_heads=2, head_dim=8, sliding_window=7)
    )


def gpt2():
    """Learned positions."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=97, n_embd=24, n_layer=2, n_head=3, n_positions=128, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
        )
    )


def alone():
    """A model whose architecture takes no attention function of ours."""
    model = llama()
    model._supports_attention_backend = False
    return model


def hybrid():
    """Short convolutions between attention layers, which see across documents in a row."""
    sizes = {**SIZES, "num_attention_heads": 4, "num_key_value_heads": 2}
    return Lfm2ForCausalLM(Lfm2Config(**sizes, layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False))


ARCHITECTURES = [llama, smollm2, qwen3, sliding, gpt2, alone, hybrid]


def examples(seed=0, lengths=(5, 40, 23, 2, 31, 1, 18), vocabulary=97):
    rng = random.Random(seed)
    return [
        Example(
            tuple(rng.randrange(vocabulary) for _ in range(n)),
            tuple(rng.random() < 0.4 or place == n - 1 for place in range(n)),
        )
        for n in lengths
    ]


def build(architecture, dtype=torch.float64):
    torch.manual_seed(0)
    model = architecture().to(dtype)
    for parameter in model.parameters():  # initial weights of 0.02 would make every distribution flat
        torch.nn.init.normal_(parameter, std=0.3)
    return model.train()


def plain_logprobs(model, example, temperature=1.0):
    """What transformers itself gives for one document alone: (targets,)."""
    ids = torch.tensor(example.ids)[None]
    logits = model(input_ids=ids).logits[0, :-1] / temperature
    learned = torch.tensor(example.in_loss[1:], dtype=torch.bool)
    return -cross_entropy(logits, ids[0, 1:], reduction="none")[learned]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_equals_each_document_alone(architecture, temperature):
    model, data = build(architecture), examples()
    expected = {n: plain_logprobs(model, example, temperature) for n, example in enumerate(data)}
    seen = 0
    for row in pack(data, 64):
        found = target_logprobs(model, row, temperature=temperature)
        for number, member in enumerate(row.members):
            torch.testing.assert_close(found[row.document_N == number], expected[member], rtol=0, atol=1e-9)
            seen += 1
    assert seen == len(data)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kept", [True, False], ids=["logits kept", "logits made again"])
def test_gradients_equal_cross_entropy(architecture, kept, monkeypatch):
    monkeypatch.setattr(head, "CHUNK_ELEMENTS", 97 * 4)  # several chunks, the last one short
    if not kept:
        monkeypatch.setattr(head, "KEPT_ELEMENTS", 0)
    model, data = build(architecture), examples()
    weights = torch.linspace(0.5, 2.0, len(data), dtype=torch.float64)
    loss = sum(-weights[n] * plain_logprobs(model, example).sum() for n, example in enumerate(data))
    loss.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    for row in pack(data, 64):
        weight_N = weights[torch.tensor(row.members)][row.document_N]
        (-weight_N * target_logprobs(model, row)).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_attention_stays_inside_documents(architecture):
    model, data = build(architecture, torch.float32), examples()
    before = pack_one(data, range(len(data)))
    changed = [*data]
    changed[1] = Example(tuple((token + 1) % 97 for token in data[1].ids), data[1].in_loss)
    after = pack_one(changed, range(len(data)))
    with torch.no_grad():
        old, new = target_logprobs(model, before), target_logprobs(model, after)
    other = before.document_N != 1
    assert torch.equal(old[other], new[other])
    assert not torch.equal(old[~other], new[~other])


def test_other_uses_of_the_model_stay_as_they_were():
    model, data = build(llama, torch.float32), examples()
    ids = torch.tensor(data[1].ids)[None]
    padded = torch.ones_like(ids)
    padded[0, :3] = 0
    before = [model(input_ids=ids).logits, model(input_ids=ids, attention_mask=padded).logits]
    target_logprobs(model, pack_one(data, [0, 1]))
    after = [model(input_ids=ids).logits, model(input_ids=ids, attention_mask=padded).logits]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_gradient_checkpointing_gives_the_same_gradients():
    row = pack_one(examples(), range(7))
    gradients = []
    for checkpointing in (False, True):
        model = build(qwen3)
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        target_logprobs(model, row).sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again, rtol=1e-12, atol=1e-12)


def test_an_adapter_is_trained_through():
    peft = pytest.importorskip("peft")
    base, row = build(llama), pack_one(examples(), range(7))
    plain = target_logprobs(base, row).detach()
    model = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted = target_logprobs(model, row)
    assert (adapted - plain).abs().max() > 0.01
    adapted.sum().backward()
    trained = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    assert trained
    assert all("lora" in name for name in trained)


def test_what_the_head_cannot_reproduce_is_refused():
    model, row = build(llama), pack_one(examples(), [0])
    model.config.logit_scale = 0.25
    with pytest.raises(UserError, match="changes its logits after the LM head"):
        target_logprobs(model, row)
    model.config.logit_scale = 1.0
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["lm_head"]))
    with pytest.raises(UserError, match="not a plain linear layer"):
        target_logprobs(adapted, row)


def test_the_head_with_bias_and_short_types(monkeypatch):
    monkeypatch.setattr(head, "CHUNK_ELEMENTS", 50 * 3)
    monkeypatch.setattr(head, "KEPT_ELEMENTS", 0)
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(8, 6), torch.randn(50, 6), torch.randn(50)
    targets, flow = torch.randint(50, (8,)), torch.randn(8)

    def run(dtype, plain):
        leaves = [tensor.clone().to(dtype).requires_grad_() for tensor in (hidden, weight, bias)]
        if plain:
            logits = torch.nn.functional.linear(*(leaf.float() for leaf in leaves)) / 0.8
            found = -cross_entropy(logits, targets, reduction="none")
        else:
            found = head.linear_logprobs(*leaves, targets, 0.8)
        found.mul(flow).sum().backward()
        return found.detach(), [leaf.grad for leaf in leaves]

    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.1)):
        found, gradients = run(dtype, plain=False)
        expected, expected_gradients = run(dtype, plain=True)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        for gradient, other in zip(gradients, expected_gradients, strict=True):
            assert gradient.dtype == dtype
            torch.testing.assert_close(gradient, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("architecture", [smollm2, qwen3])
def test_bfloat16_by_autocast(architecture):
    """Near float32, and with gradients of every weight in float32."""
    model, row = build(architecture).float(), pack_one(examples(), range(7))
    for parameter in model.parameters():
        parameter.data.mul_(0.3)
    exact = target_logprobs(model, row)
    with torch.autocast("cpu", torch.bfloat16):
        found = target_logprobs(model, row)
    assert found.dtype == torch.float32
    assert 0 < (found - exact).abs().max() < 0.05
    found.sum().backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in model.parameters())


def test_linear_layers_by_onednn():
    """Values and gradients of the fast kernel, which float64 tests do not reach."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(48, 80)
    rows = torch.randn(2, 150, 48)

    def run(module):
        leaf = rows.clone().requires_grad_()
        found = module(leaf)
        found.pow(2).sum().backward()
        gradients = [leaf.grad, module.weight.grad, module.bias.grad]
        module.zero_grad()
        return found.detach(), gradients

    expected, gradients = run(layer)
    with torch.no_grad():
        outside = layer(rows)
    linear.use_onednn(layer)
    if not linear.has_onednn():
        pytest.skip("this torch has no oneDNN linear kernel")
    found, fast = run(layer)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for gradient, other in zip(fast, gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-3)
    with torch.no_grad():
        assert torch.equal(layer(rows), outside)
        with linear.training_pass():  # with and without gradients, the same bits
            assert torch.equal(layer(rows), found)


def test_float32_stays_near_float64():
    row = pack_one(examples(lengths=(40, 25, 60)), [0, 1, 2])
    losses = []
    for dtype in (torch.float32, torch.float64):
        model = build(smollm2).to(dtype)
        found = target_logprobs(model, row)
        found.sum().backward()
        losses.append((found.detach().double(), [p.grad.double() for p in model.parameters()]))
    torch.testing.assert_close(losses[0][0], losses[1][0], rtol=1e-3, atol=1e-3)
    for short, long in zip(losses[0][1], losses[1][1], strict=True):
        assert (short - long).norm() < 1e-3 * long.norm()


def test_no_targets_and_a_bad_temperature():
    model = build(llama, torch.float32)
    row = pack_one([Example((1, 2, 3), (False, False, False))], [0])
    assert target_logprobs(model, row).shape == (0,)
    with pytest.raises(ValueError, match="above 0"):
        target_logprobs(model, row, temperature=0.0)
