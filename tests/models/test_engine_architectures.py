"""The engine over many architectures: the model's own logits, its greedy ids, and the law of neighbours for each."""

import asyncio
import random

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from assay.errors import UserError
from assay.models import engine as engine_module
from assay.models import engine_linear
from assay.models.engine import Conversation, Engine
from assay.models.engine_attention import Stepping
from assay.models.engine_check import shape_of, steady_sizes
from assay.models.engine_llama import Llama
from assay.models.engine_modules import Modules
from assay.models.weights import context_of, use_one_thread

VOCABULARY, CONTEXT = 97, 320
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
STRETCH = {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 80}
LLAMA3 = {**STRETCH, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
# (name, model type, changes of the config, whether our own forward pass takes it)
KINDS = [
    ("llama", "llama", {"tie_word_embeddings": True}, True),
    ("smollm2", "llama", {"num_attention_heads": 3, "num_key_value_heads": 1, "rms_norm_eps": 1e-5}, True),
    ("llama_biased", "llama", {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 6}, True),
    ("llama3_stretch", "llama", {"rope_parameters": LLAMA3}, True),
    ("yarn", "llama", {"rope_parameters": {**STRETCH, "rope_type": "yarn"}}, True),
    ("qwen2", "qwen2", {}, True),
    ("qwen3", "qwen3", {"head_dim": 16, "tie_word_embeddings": True}, True),
    ("mistral", "mistral", {"sliding_window": None}, True),
    ("mistral_window", "mistral", {"sliding_window": 24}, False),
    ("qwen2_window", "qwen2", {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1}, False),
    ("gemma", "gemma", {"head_dim": 16}, False),
    ("gemma2", "gemma2", {"head_dim": 16, "sliding_window": 24, "query_pre_attn_scalar": 16}, False),
    ("gemma3", "gemma3_text", {"head_dim": 16, "sliding_window": 24, "query_pre_attn_scalar": 16}, False),
    (
        "gpt2",
        "gpt2",
        {"n_embd": 48, "n_head": 6, "n_layer": 3, "n_positions": CONTEXT, "num_key_value_heads": None},
        False,
    ),
    ("olmo2", "olmo2", {}, False),
    ("phi3", "phi3", {}, False),
    ("granite", "granite", {"attention_multiplier": 0.3, "logits_scaling": 2.0}, False),
]
NAMES = [name for name, *_ in KINDS]
PROMPTS = [[random.Random(n).randrange(3, VOCABULARY) for _ in range(4 + 23 * n)] for n in range(12)]


def build(model_type: str, changes: dict) -> torch.nn.Module:
    use_one_thread(0)
    config = AutoConfig.for_model(model_type, **{**SMALL, **changes})
    config._attn_implementation = "eager" if model_type in ("gemma2", "bloom", "mamba") else "sdpa"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # biases and gains too, or nothing would tell them apart
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * (0.3 if name.endswith("bias") else 0.1))
    return model


@pytest.fixture(scope="module", params=KINDS, ids=NAMES)
def kind(request):
    name, model_type, changes, ours = request.param
    return name, build(model_type, changes), ours


def take(engine, prompt, **changes):
    settings = {"most": 24, "stops": frozenset({2}), "temperature": 0.8, "seed": 1} | changes
    return engine.sample(prompt, **settings)


def plain_logprobs(model, prompt, ids, temperature):
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + ids]), use_cache=False).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits.double() / temperature, -1).gather(1, torch.tensor(ids)[:, None])[:, 0]


def test_log_probabilities_are_those_of_transformers_own_forward(kind):
    _, model, ours = kind
    engine = Engine(model, slots=8)
    assert isinstance(engine._forward, Llama if ours else Modules)

    async def all_of_them():
        return await asyncio.gather(*(take(engine, p, seed=n, stops=frozenset()) for n, p in enumerate(PROMPTS)))

    for prompt, got in zip(PROMPTS, asyncio.run(all_of_them()), strict=True):
        expected = plain_logprobs(model, prompt, got.ids, 0.8)
        assert torch.tensor(got.logprobs, dtype=torch.float64) == pytest.approx(expected, abs=1e-5)


def test_greedy_ids_are_those_of_generate(kind):
    _, model, _ = kind
    prompt = PROMPTS[7]
    got = asyncio.run(take(Engine(model, slots=4), prompt, temperature=0))
    expected = model.generate(
        torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=2, pad_token_id=0, bos_token_id=None
    )
    assert got.ids == expected[0, len(prompt) :].tolist()


def test_neighbours_change_nothing_to_the_last_bit(kind):
    """Fresh prompts, prompts that begin alike, and second turns; alone and in company that comes and goes."""
    _, model, _ = kind
    shared = PROMPTS[8]
    prompts = [*PROMPTS[:8], [*shared, 5, 6], [*shared, 7], [*shared, 5, 6]]

    async def attempt(engine, number, wait):
        await asyncio.sleep(wait)
        mine = Conversation()
        try:
            first = await take(engine, prompts[number], seed=number, conversation=mine)
            longer = prompts[number] + first.ids + [9, 8, 7, 6]
            return first, await take(engine, longer, seed=number, conversation=mine, top_p=0.9)
        finally:
            engine.close(mine)

    async def company(engine, order, pause):
        rng = random.Random(3)
        order = list(order)
        found = await asyncio.gather(*(attempt(engine, n, rng.random() * pause) for n in order))
        return dict(zip(order, found, strict=True))

    together = asyncio.run(company(Engine(model, slots=6), range(11), 0.0))
    shuffled = asyncio.run(company(Engine(model, slots=6), reversed(range(11)), 0.05))
    alone = {n: asyncio.run(attempt(Engine(model, slots=6), n, 0)) for n in range(11)}
    assert together == alone
    assert shuffled == alone


async def company_of(engine, count=10):
    return await asyncio.gather(*(take(engine, PROMPTS[n], seed=n, stops=frozenset()) for n in range(count)))


@pytest.mark.parametrize("model_type", ["llama", "qwen2"])
def test_without_onednn_the_laws_hold_all_the_same(model_type, monkeypatch):
    monkeypatch.setattr(engine_linear, "has_onednn", lambda: False)
    model = build(model_type, {"mlp_bias": True})
    found = asyncio.run(company_of(Engine(model, slots=8)))
    for number, got in enumerate(found):
        assert got == asyncio.run(take(Engine(model, slots=8), PROMPTS[number], seed=number, stops=frozenset()))
        expected = plain_logprobs(model, PROMPTS[number], got.ids, 0.8)
        assert torch.tensor(got.logprobs, dtype=torch.float64) == pytest.approx(expected, abs=1e-5)


def test_rows_that_may_not_be_padded_have_lengths_of_their_own(monkeypatch):
    """Where the measurement forbids padding, the results are the same, and lengths are no one else's."""
    model = build("llama", {})
    padded = asyncio.run(company_of(Engine(model, slots=8)))
    monkeypatch.setattr(engine_module, "padding_is_harmless", lambda *_: False)
    seen = []
    inner = Stepping.__init__

    def plan(self, *given):
        inner(self, *given)
        seen.append([len(group.places) for group in self._groups])

    monkeypatch.setattr(Stepping, "__init__", plan)
    assert [got.ids for got in asyncio.run(company_of(Engine(model, slots=8)))] == [got.ids for got in padded]
    assert {count for groups in seen for count in groups} == {1}


def test_batch_sizes_that_change_a_bit_are_not_used():
    class Odd:
        """A forward pass whose bits differ below 16 rows."""

        def logits(self, ids_N, positions_N, memory, last=False):
            return ids_N[:, None].float() * (1.0 if len(ids_N) >= 16 else 1.0000001)

    model = build("llama", {})
    assert steady_sizes(model, Odd(), shape_of(model), 32) == [16, 24, 32]
    assert Engine(model, slots=6)._sizes[-1] == 6


def test_a_model_in_training_mode_is_sampled_without_dropout():
    changes = next(changes for name, _, changes, _ in KINDS if name == "gpt2")
    model = build("gpt2", {**changes, "resid_pdrop": 0.5})
    expected = asyncio.run(take(Engine(model, slots=2), PROMPTS[3]))
    model.train()
    assert asyncio.run(take(Engine(model, slots=2), PROMPTS[3])) == expected
    assert model.training


@pytest.mark.parametrize("model_type", ["llama", "qwen3", "gemma"])
def test_bfloat16_is_the_models_own_within_its_rounding(model_type):
    """The precision of a GPU, on the CPU: the code is the same."""
    model = build(model_type, {"head_dim": 16, "initializer_range": 0.05}).to(torch.bfloat16)
    engine = Engine(model, slots=4)

    async def all_of_them():
        return await asyncio.gather(*(take(engine, p, seed=n, stops=frozenset()) for n, p in enumerate(PROMPTS)))

    found = asyncio.run(all_of_them())
    assert found == asyncio.run(all_of_them())
    assert engine.cache.shelves[0].store.dtype == torch.bfloat16
    for prompt, got in zip(PROMPTS, found, strict=True):
        gap = torch.tensor(got.logprobs, dtype=torch.float64) - plain_logprobs(model, prompt, got.ids, 0.8)
        assert gap.abs().max() < 0.1


@pytest.mark.parametrize(
    ("model_type", "changes"),
    [
        ("mamba", {"state_size": 8}),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}),
        ("bloom", {"n_head": 6, "n_layer": 2}),
    ],
)
def test_an_architecture_that_cannot_be_decoded_is_refused_with_a_sentence(model_type, changes):
    model = build(model_type, changes)
    with pytest.raises(UserError, match="cannot decode") as caught:
        Engine(model)
    assert "\n" not in str(caught.value)


def test_the_context_counts_what_rotary_positions_are_stretched_to():
    def context(**rope):
        return context_of(AutoConfig.for_model("llama", **SMALL, rope_parameters={"rope_theta": 1e4, **rope}))

    assert context(rope_type="default") == CONTEXT
    assert context(rope_type="linear", factor=2.0) == 2 * CONTEXT
    assert context(rope_type="yarn", factor=8.0, original_max_position_embeddings=80) == 640
    assert (
        context(rope_type="llama3", **{k: v for k, v in LLAMA3.items() if k not in ("rope_type", "rope_theta")})
        == CONTEXT
    )
    assert context_of(AutoConfig.for_model("gpt2", n_positions=64)) == 64
