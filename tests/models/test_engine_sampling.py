"""Drawing ids: the right distribution, top-p as defined, each row on its own, NaN where there is nothing to draw."""

import math
import random

import pytest
import torch

from assay.models.engine_sampling import Manner, draw


def manner(seed=0, temperature=1.0, top_p=1.0):
    return Manner(temperature, top_p, random.Random(seed))


@pytest.mark.parametrize("vocabulary", [3, 64, 97, 2048, 49152])
def test_an_inverted_cumulative_sum_is_what_is_drawn(vocabulary):
    """Against the plain definition in float64, for vocabularies that are and are not whole blocks."""
    torch.manual_seed(vocabulary)
    logits = 3 * torch.randn(16, vocabulary)
    ids, logprobs = draw(logits, [manner(seed, 0.7) for seed in range(16)])
    exact = torch.softmax(logits.double() / 0.7, -1)
    for row, (token, logprob) in enumerate(zip(ids, logprobs, strict=True)):
        uniform = random.Random(row).random()
        reached = exact[row].cumsum(-1)
        assert (reached[token - 1] if token else 0.0) <= uniform + 1e-5
        assert uniform <= reached[token] + 1e-5
        assert logprob == pytest.approx(math.log(exact[row, token]), abs=1e-5)


def test_every_row_gets_what_it_would_get_alone_to_the_last_bit():
    torch.manual_seed(1)
    for vocabulary in (380, 2048, 50257):
        logits = 4 * torch.randn(9, vocabulary)
        kinds = [(0.0, 1.0), (1.0, 1.0), (0.6, 0.9)] * 3
        together = draw(logits, [manner(n, *kind) for n, kind in enumerate(kinds)])
        alone = [draw(logits[n : n + 1], [manner(n, *kind)]) for n, kind in enumerate(kinds)]
        assert together[0] == [ids[0] for ids, _ in alone]
        assert together[1] == [logprobs[0] for _, logprobs in alone]


@pytest.mark.parametrize("vocabulary", [50, 3000])
def test_top_p_keeps_the_fewest_ids_that_reach_it(vocabulary):
    torch.manual_seed(2)
    logits = torch.randn(1, vocabulary)
    chances, order = torch.softmax(logits[0].double(), -1).sort(descending=True)
    for top_p in (0.1, 0.5, 0.95):
        kept = set(order[: int((chances.cumsum(-1) < top_p).sum()) + 1].tolist())
        drawn = draw(logits.expand(1500, -1), [manner(n, 1.0, top_p) for n in range(1500)])
        assert set(drawn[0]) <= kept
        assert len(set(drawn[0])) > 0.5 * min(len(kept), 800)
        # the log-probability is the model's own, not renewed within the nucleus
        assert drawn[1][0] == pytest.approx(float(torch.log_softmax(logits[0].double(), -1)[drawn[0][0]]), abs=1e-5)


def test_a_tiny_top_p_and_temperature_zero_take_the_likeliest():
    torch.manual_seed(3)
    logits = torch.randn(8, 200)
    best = logits.argmax(-1).tolist()
    assert draw(logits, [manner(n, 0.0) for n in range(8)])[0] == best
    assert draw(logits, [manner(n, 1.0, 1e-9) for n in range(8)])[0] == best


def test_an_impossible_id_is_never_drawn():
    logits = torch.full((2000, 130), float("-inf"))
    logits[:, [3, 64, 128]] = 0.0
    ids, logprobs = draw(logits, [manner(n) for n in range(2000)])
    assert set(ids) == {3, 64, 128}
    assert logprobs == pytest.approx([math.log(1 / 3)] * 2000)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_give_nan_in_their_row_only(bad):
    torch.manual_seed(4)
    logits = torch.randn(3, 100)
    logits[1, 17] = bad
    for temperature in (0.0, 1.0):
        logprobs = draw(logits, [manner(n, temperature) for n in range(3)])[1]
        assert [math.isnan(value) for value in logprobs] == [False, True, False]
