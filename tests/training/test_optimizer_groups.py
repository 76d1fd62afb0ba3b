"""Groups of parameters: what decays, what is clipped by what, and that a leap of the gains cuts nothing else."""

import itertools

import pytest
import torch

from assay.models.weights import new_model
from assay.training.optimizer import Groups, build_optimizer, clip_gradients
from assay.training.schedule import cosine_at
from tests.conftest import ARCHITECTURE


def with_gradients(chat_rows=(1, 2), scale=1.0):
    model = new_model(ARCHITECTURE, 0)
    torch.manual_seed(0)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter) * scale
    return model, Groups(model, chat_rows)


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def test_norms_by_kind_are_those_of_the_gradients():
    model, groups = with_gradients()
    norms = {kind: square**0.5 for kind, square in groups.squares().items()}
    embedding = model.get_input_embeddings().weight.grad
    assert norms["chat_rows"] == pytest.approx(float(embedding[[1, 2]].norm()), rel=1e-5)
    others = [row for row in range(len(embedding)) if row not in (1, 2)]
    assert norms["embedding"] == pytest.approx(float(embedding[others].norm()), rel=1e-4)
    gains = torch.cat([p.grad for p in model.parameters() if p.ndim < 2])
    assert norms["norms"] == pytest.approx(float(gains.norm()), rel=1e-5)
    whole = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert groups.clip(1e9).norm == pytest.approx(float(whole.norm()), rel=1e-5)


def test_gains_that_leap_cut_only_themselves():
    model, groups = with_gradients(scale=1e-4)
    for parameter in model.parameters():
        if parameter.ndim < 2:
            parameter.grad *= 1e8
    before = gradients(model)
    clip = groups.clip(1.0)
    after = gradients(model)
    assert (clip.largest, clip.clipped) == ("norms", True)
    gains = {name for name, kind in groups.kinds.items() if kind == "norms"}
    assert all(torch.equal(before[name], after[name]) for name in before if name not in gains)
    assert float(torch.cat([after[name] for name in gains]).norm()) == pytest.approx(1.0, rel=1e-3)


def test_under_one_clip_of_the_whole_norm_they_silence_the_matrices():
    """The fault that clipping by kind avoids: the same leap makes the matrices' gradient a ten thousandth."""
    model, groups = with_gradients(scale=1e-4)
    for parameter in model.parameters():
        if parameter.ndim < 2:
            parameter.grad *= 1e8
    before = gradients(model)
    groups.clip(1.0, by="whole")
    after = gradients(model)
    name = next(name for name, kind in groups.kinds.items() if kind == "matrices")
    assert float(after[name].norm() / before[name].norm()) < 1e-4


def test_each_kind_is_cut_to_the_limit_chat_rows_apart():
    _, groups = with_gradients(scale=3.0)
    clip = groups.clip(0.5)
    assert all(norm > 0.5 for norm in clip.norms.values())
    assert {kind: square**0.5 for kind, square in groups.squares().items()} == pytest.approx(
        dict.fromkeys(clip.norms, 0.5), rel=1e-3
    )


def test_the_whole_clip_is_torchs():
    first, groups = with_gradients()
    second, _ = with_gradients()
    clip = groups.clip(0.7, by="whole")
    norm, largest = clip_gradients(second, 0.7)
    assert clip.norm == pytest.approx(norm, rel=1e-5)
    assert largest in clip.norms
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-7)


def test_a_gradient_that_is_not_finite_is_reported_and_not_spread():
    model, groups = with_gradients()
    next(p for p in model.parameters() if p.ndim < 2).grad[0] = float("nan")
    before = gradients(model)
    clip = groups.clip(1.0)
    assert clip.norm != clip.norm
    after = gradients(model)
    assert all(torch.equal(before[name], after[name]) for name in before if before[name].isfinite().all())


def test_only_matrices_decay():
    model = new_model(ARCHITECTURE, 0)
    kept = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = build_optimizer(model, 0.1, 0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    kinds = Groups(model).kinds
    for name, parameter in model.named_parameters():
        shrunk = not torch.equal(parameter, kept[name])
        assert shrunk is (kinds[name] == "matrices"), name


def test_other_architectures_have_the_same_kinds():
    from transformers import AutoModelForCausalLM, GPT2Config

    model = AutoModelForCausalLM.from_config(
        GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=100, n_positions=64, tie_word_embeddings=False)
    )
    kinds = Groups(model).kinds
    assert kinds["transformer.wte.weight"] == kinds["transformer.wpe.weight"] == kinds["lm_head.weight"] == "embedding"
    assert kinds["transformer.h.0.attn.c_attn.weight"] == "matrices"
    assert kinds["transformer.h.0.attn.c_attn.bias"] == kinds["transformer.ln_f.weight"] == "norms"


def test_the_norm_of_the_chat_rows_is_their_mean():
    model = new_model(ARCHITECTURE, 0)
    rows = model.get_input_embeddings().weight.detach()[[1, 2]]
    assert Groups(model, (1, 2)).chat_rows_norm() == pytest.approx(float(rows.norm(dim=1).mean()), rel=1e-6)
    assert Groups(model).chat_rows_norm() is None


def test_the_cosine_warms_up_and_ends_at_its_share():
    rates = [cosine_at(step, 50, 2.0, 5, 0.1) for step in range(50)]
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[4:]))
    assert rates[-1] == pytest.approx(0.2)
