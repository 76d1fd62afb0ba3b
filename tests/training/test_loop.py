"""The loop: one mean over the whole step, what is not finite stops it, and resumed equals unbroken to the last bit."""

import json

import pytest
import torch

from assay.errors import MachineryError, UserError
from assay.models.weights import load_model, merge, new_model
from assay.training import checkpoints
from assay.training.adapters import merge_checkpoint
from assay.training.config import LoraChoice, TrainConfig
from assay.training.forward import target_logprobs
from assay.training.loop import Trainer, chat_rows, supervised
from assay.training.packing import pack
from tests.conftest import ARCHITECTURE
from tests.training.small import copying

CONFIG = TrainConfig(steps=8, peak_rate=1e-2, warmup=2, weight_decay=0.1)


def trainer(chat, out, config=CONFIG, seed=1):
    torch.manual_seed(seed)
    return Trainer(new_model(ARCHITECTURE, seed), chat, config, out)


def rows(chat, step, capacity=40):
    return pack(copying(chat)[step * 3 : step * 3 + 3], capacity)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def lines(out):
    read = [json.loads(text) for text in (out / "training.jsonl").read_text().splitlines()]
    for line in read:
        del line["seconds"]
    return read


def test_a_step_divides_once_by_all_targets_of_the_step(chat, tmp_path):
    examples = copying(chat, 9)
    model = new_model(ARCHITECTURE, 1)
    total = sum(target_logprobs(model, row).sum() for row in pack(examples, 1000))
    count = sum(sum(e.in_loss) for e in examples)
    (-total / count).backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters()}
    seen = {}
    for name, capacity in (("whole", 1000), ("rows", 30)):
        made = trainer(chat, tmp_path / name, CONFIG.model_copy(update={"clip": 1e9}))
        packed = pack(examples, capacity)
        assert (len(packed) == 1) is (name == "whole")
        log = made.step(packed, supervised)
        assert log.loss == pytest.approx(float(-total.detach()) / count, rel=1e-5)
        assert log.loss_tokens == count
        assert log.tokens == sum(len(e.ids) for e in examples)
        seen[name] = {n: p.grad for n, p in made.model.named_parameters()}
        assert all(torch.allclose(seen[name][n], wanted[n], atol=1e-6) for n in wanted)
    # the mean of the rows' means is another number, so the test can tell
    means = [float(-target_logprobs(model, row).detach().mean()) for row in pack(examples, 30)]
    assert abs(sum(means) / len(means) - float(-total.detach()) / count) > 1e-4


def test_a_denominator_may_be_given(chat, tmp_path):
    plain = trainer(chat, tmp_path / "a").step(rows(chat, 0), supervised)
    given = trainer(chat, tmp_path / "b").step(rows(chat, 0), supervised, denominator=10.0)
    assert given.loss == pytest.approx(plain.loss * plain.loss_tokens / 10.0)


def test_a_line_of_the_log_has_the_agreed_keys_and_what_was_told(chat, tmp_path):
    def objective(logprobs_N, packed):
        return -logprobs_N.sum(), {"ratio_mean": float(len(logprobs_N)), "ratio_max": float(len(logprobs_N))}

    batch = pack(copying(chat, 9), 30)
    trainer(chat, tmp_path).step(batch, objective, told={"groups": 3})
    (line,) = lines(tmp_path)
    wanted = {"step", "loss", "tokens", "loss_tokens", "rate", "gradient_norm", "clipped", "norms", "largest"}
    assert wanted <= set(line)
    assert line["groups"] == 3
    sizes = [len(row.targets_N) for row in batch]
    assert line["ratio_max"] == max(sizes)
    assert line["ratio_mean"] == pytest.approx(sum(size * size for size in sizes) / sum(sizes))
    assert set(line["norms"]) == {"matrices", "embedding", "norms", "chat_rows"}
    assert line["gradient_norm"] == pytest.approx(sum(norm**2 for norm in line["norms"].values()) ** 0.5)
    assert line["largest"] == max(line["norms"], key=line["norms"].get)


def test_a_batch_with_nothing_to_learn_from_is_an_error(chat, tmp_path):
    made = trainer(chat, tmp_path)
    before = weights(made.model)
    blank = [e.__class__(e.ids, (False,) * len(e.ids)) for e in copying(chat, 3)]
    with pytest.raises(MachineryError, match="step 1 has nothing to learn from"):
        made.step(pack(blank, 100), supervised)
    assert equal(before, weights(made.model))
    assert made.steps_done == 0


class Explode(torch.autograd.Function):
    """The identity whose gradient is infinite."""

    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("inf")


def nan_loss(logprobs_N, packed):
    return logprobs_N.sum() * float("nan"), {}


def infinite_gradient(logprobs_N, packed):
    return -Explode.apply(logprobs_N).sum(), {}


@pytest.mark.parametrize(
    ("broken", "said"), [(nan_loss, "the loss is nan, on examples 4, 5"), (infinite_gradient, "the gradient of")]
)
def test_what_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(chat, tmp_path, broken, said):
    made = trainer(chat, tmp_path)
    made.step(rows(chat, 0), supervised)
    good = made.save()
    before, state = weights(made.model), weights(load_model(good))
    with pytest.raises(UserError, match=f"Step 2 was not taken: {said}") as error:
        made.step(rows(chat, 1, 1000), broken, names=["examples 4, 5"])
    assert "examples 4, 5" in str(error.value)
    assert str(good) in str(error.value)
    assert equal(before, weights(made.model))
    assert equal(state, weights(load_model(good)))
    assert len(lines(tmp_path)) == 1
    assert checkpoints.checkpoints(tmp_path) == [good]


@pytest.mark.parametrize("lora", [None, LoraChoice(rank=4, dropout=0.2)], ids=["all weights", "lora with dropout"])
def test_resumed_equals_unbroken_to_the_last_bit(chat, tmp_path, lora):
    config = CONFIG.model_copy(update={"lora": lora})

    def run(out, until, made):
        while made.steps_done < until:
            made.step(rows(chat, made.steps_done), supervised)
            if made.steps_done % 3 == 0:
                made.position = {"read": made.steps_done * 3}
                made.save()
        return made

    whole = run(tmp_path / "whole", 8, trainer(chat, tmp_path / "whole", config))
    run(tmp_path / "cut", 5, trainer(chat, tmp_path / "cut", config))
    again = trainer(chat, tmp_path / "cut", config)
    again.model.train()
    torch.manual_seed(99)  # what the new process drew before is not what decides
    assert again.resume()
    assert (again.steps_done, again.position) == (3, {"read": 9})
    assert [line["step"] for line in lines(tmp_path / "cut")] == [1, 2, 3]
    run(tmp_path / "cut", 8, again)
    assert equal(weights(whole.model), weights(again.model))
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")
    assert (whole.tokens, whole.loss_tokens) == (again.tokens, again.loss_tokens)


def test_an_adapter_is_small_and_merges_into_plain_weights(chat, tmp_path):
    base = new_model(ARCHITECTURE, 1)
    base.save_pretrained(tmp_path / "base")
    made = Trainer(
        load_model(tmp_path / "base"), chat, CONFIG.model_copy(update={"lora": LoraChoice(rank=4)}), tmp_path
    )
    for step in range(4):
        made.step(rows(chat, step), supervised)
    directory = made.save()
    assert not (directory / "model.safetensors").exists()
    assert {"adapter_model.safetensors", "adapter_config.json", "config.json", "tokenizer.json"} <= {
        path.name for path in directory.iterdir()
    }
    (row,) = pack(copying(chat, 6), 1000)
    made.model.eval()
    with torch.no_grad():
        adapted = made.logprobs(row)
        assert not torch.allclose(target_logprobs(base, row), adapted, atol=1e-3)
        merged = merge(load_model(tmp_path / "base"), directory)
        assert torch.allclose(target_logprobs(merged, row), adapted, atol=1e-5)
        on_disk = load_model(merge_checkpoint(tmp_path / "base", directory, tmp_path / "merged"))
        assert torch.allclose(target_logprobs(on_disk, row), adapted, atol=1e-5)


def test_recomputed_activations_give_the_same_step(chat, tmp_path):
    plain = trainer(chat, tmp_path / "a")
    again = trainer(chat, tmp_path / "b", CONFIG.model_copy(update={"recompute": True}))
    for step in range(2):
        assert plain.step(rows(chat, step), supervised).loss == again.step(rows(chat, step), supervised).loss
    assert equal(weights(plain.model), weights(again.model))


def test_bfloat16_computes_with_float32_weights(chat, tmp_path):
    made = trainer(chat, tmp_path / "a", CONFIG.model_copy(update={"precision": "bfloat16"}))
    full = trainer(chat, tmp_path / "b")
    first = [made.step(rows(chat, step), supervised).loss for step in range(4)]
    second = [full.step(rows(chat, step), supervised).loss for step in range(4)]
    assert first == pytest.approx(second, rel=0.02)
    assert first != second
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}


def test_compilation_is_for_cuda(chat, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(UserError, match="`compile` is for cuda"):
        trainer(chat, tmp_path, CONFIG.model_copy(update={"compile": True}))
    with pytest.raises(UserError, match="cuda was asked for"):
        trainer(chat, tmp_path, CONFIG.model_copy(update={"device": "cuda"}))


def test_the_loss_falls_and_held_out_is_the_mean_over_targets(chat, tmp_path):
    made = trainer(chat, tmp_path, CONFIG.model_copy(update={"steps": 30}))
    held = pack(copying(chat), 50)
    before = made.held_out(held)
    for _ in range(30):
        made.step(pack(copying(chat), 50), supervised)
    count = sum(len(row.targets_N) for row in held)
    with torch.no_grad():
        alone = -sum(float(target_logprobs(made.model, row).sum()) for row in held) / count
    assert made.held_out(held) == pytest.approx(alone, rel=1e-6)
    assert made.held_out(held) < before - 1.0
    assert made.model.training


def test_chat_rows_are_the_ids_that_the_format_writes(chat):
    assert chat_rows(chat) == sorted({chat.pad, chat.user, chat.assistant, chat.end})
