"""Supervised training: resumes to the last bit, learns, decays no embedding, refuses doses that cannot be."""

import itertools
import shutil

import pytest
import torch
from safetensors.torch import load_file

from assay.errors import MachineryError, UserError
from assay.models.weights import new_model
from assay.training.examples import Example
from assay.training.optimizer import build_optimizer, rate_at
from assay.training.stream import reading_order
from assay.training.supervised import SupervisedConfig, check_doses, training
from tests.conftest import ARCHITECTURE

CONFIG = SupervisedConfig(batch=4, peak_rate=1e-2, warmup=2)


def examples(count=24):
    """Copying tasks: three ids, then the same three, which are learned."""
    made = []
    for n in range(count):
        ids = [20 + (n * 7 + k * 3) % 50 for k in range(3 + n % 4)]
        made.append(Example((2, *ids, 3, *ids, 4), (False,) * (len(ids) + 2) + (True,) * (len(ids) + 1)))
    return made


def weights(directory, dose):
    return load_file(directory / str(dose) / "model.safetensors")


def train(*given, tell=lambda read: None, **named):
    steps = training(*given, **named)
    while True:
        try:
            tell(next(steps))
        except StopIteration as end:
            return end.value


def run(out, chat, doses=(8, 16, 24), data=None):
    torch.manual_seed(7)
    return train(new_model(ARCHITECTURE, 1), chat, data or examples(), doses, out, CONFIG, seed=3)


def test_a_killed_training_resumes_to_the_same_bits(chat, tmp_path):
    whole = run(tmp_path / "whole", chat)
    ticks = []

    def stop(done):
        ticks.append(done)
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(new_model(ARCHITECTURE, 1), chat, examples(), (8, 16, 24), tmp_path / "cut", CONFIG, seed=3, tell=stop)
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["16", "8", "training.jsonl"]
    resumed = run(tmp_path / "cut", chat)
    for dose in (8, 16, 24):
        first, second = weights(tmp_path / "whole", dose), weights(tmp_path / "cut", dose)
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert whole == resumed


def test_a_dose_that_is_gone_is_made_again(chat, tmp_path):
    whole = run(tmp_path, chat)
    before = weights(tmp_path, 16)
    shutil.rmtree(tmp_path / "16")
    assert run(tmp_path, chat) == whole
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(tmp_path, 16).items())


def test_the_loss_falls_and_tokens_are_counted(chat, tmp_path):
    data = examples(200)
    cards = run(tmp_path, chat, (40, 200), data)
    assert cards[1].train_loss < cards[0].train_loss
    order = [data[place] for place in reading_order(range(200), 1, 3)]
    assert [card.tokens for card in cards] == [sum(len(e.ids) for e in order[:dose]) for dose in (40, 200)]
    assert cards[1].loss_tokens == sum(sum(e.in_loss) for e in data)


def test_distinct_trajectories_are_counted_apart_from_those_read(chat, tmp_path):
    config = CONFIG.model_copy(update={"passes": 2})
    cards = train(new_model(ARCHITECTURE, 1), chat, examples(12), (8, 24), tmp_path, config, seed=3)
    assert [(card.dose, card.distinct) for card in cards] == [(8, 8), (24, 12)]


def test_a_batch_with_nothing_to_learn_from_is_an_error(chat, tmp_path):
    blank = [Example(e.ids, (False,) * len(e.ids)) for e in examples()]
    with pytest.raises(MachineryError, match="nothing to learn from"):
        run(tmp_path, chat, data=blank)


def test_embeddings_norms_and_gains_do_not_decay(small_model):
    decayed, free = build_optimizer(small_model, 1e-3, 0.1).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    embedding = small_model.get_input_embeddings().weight
    assert any(p is embedding for p in free["params"])
    assert not any(p is embedding for p in decayed["params"])
    assert all(p.ndim == 2 for p in decayed["params"])


@pytest.mark.parametrize(
    ("doses", "said"),
    [((8, 4), "rising"), ((), "rising"), ((0, 4), "rising"), ((4, 6), "no multiples"), ((4, 400), "larger than")],
)
def test_doses_that_cannot_be_are_refused(doses, said):
    with pytest.raises(UserError, match=said):
        check_doses(doses, 4, 24)


def test_the_rate_warms_up_stays_and_decays():
    rates = [rate_at(step, 100, 1.0, 10, 0.3) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:70] == [1.0] * 61
    assert all(a > b for a, b in itertools.pairwise(rates[69:]))
    assert rates[-1] == pytest.approx(0.05)
