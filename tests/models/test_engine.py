"""The decode engine: what one request gets does not depend on its neighbours, and agrees with transformers."""

import asyncio
import random

import pytest
import torch

from assay.errors import MachineryError
from assay.models.engine import Engine
from assay.models.weights import new_model, use_one_thread
from assay.nouns import Finish
from tests.conftest import ARCHITECTURE

PROMPTS = [[random.Random(n).randrange(380) for _ in range(5 + 7 * n)] for n in range(12)]


def sample(engine, prompt, seed=0, **changes):
    settings = {"most": 20, "stops": frozenset({4}), "temperature": 0.9} | changes
    return engine.sample(prompt, seed=seed, **settings)


async def gather(engine, order, pause=False):
    rng = random.Random(5)

    async def one(number):
        if pause:
            await asyncio.sleep(rng.random() * 0.05)
        return number, await sample(engine, PROMPTS[number], seed=number)

    return dict(await asyncio.gather(*(one(number) for number in order)))


def test_neighbours_and_order_change_nothing_to_the_last_bit(small_model):
    together = asyncio.run(gather(Engine(small_model, slots=8), range(12)))
    alone = {n: asyncio.run(sample(Engine(small_model, slots=8), PROMPTS[n], seed=n)) for n in range(12)}
    shuffled = asyncio.run(gather(Engine(small_model, slots=8), reversed(range(12)), pause=True))
    assert together == alone == shuffled


def test_log_probabilities_are_those_of_a_plain_forward_pass(small_model):
    prompt = PROMPTS[3]
    got = asyncio.run(sample(Engine(small_model), prompt, temperature=1.0))
    with torch.inference_mode():
        logits = small_model(input_ids=torch.tensor([prompt + got.ids])).logits[0]
    expected = torch.log_softmax(logits[len(prompt) - 1 : -1].double(), -1)
    for place, (token, logprob) in enumerate(zip(got.ids, got.logprobs, strict=True)):
        assert logprob == pytest.approx(float(expected[place, token]), abs=1e-4)


def test_greedy_agrees_with_transformers_generate(small_model):
    prompt = PROMPTS[4]
    got = asyncio.run(sample(Engine(small_model), prompt, temperature=0))
    expected = small_model.generate(
        torch.tensor([prompt]), max_new_tokens=20, do_sample=False, eos_token_id=4, pad_token_id=1
    )
    assert got.ids == expected[0, len(prompt) :].tolist()


def test_sampling_follows_the_distribution(small_model):
    engine = Engine(small_model)
    prompt = PROMPTS[1]

    async def many():
        return await asyncio.gather(*(sample(engine, prompt, seed=n, most=1, temperature=1.0) for n in range(3000)))

    counts = torch.zeros(380)
    for got in asyncio.run(many()):
        counts[got.ids[0]] += 1
    with torch.inference_mode():
        expected = torch.softmax(small_model(input_ids=torch.tensor([prompt])).logits[0, -1], -1)
    top = expected.topk(10).indices
    error = (expected * (1 - expected) / 3000).sqrt()
    assert ((counts / 3000 - expected).abs()[top] < 4.5 * error[top]).all()


def test_a_prompt_without_room_ends_with_context(small_model):
    engine = Engine(small_model)
    full = [5] * ARCHITECTURE.context
    assert asyncio.run(sample(engine, full)).finish is Finish.CONTEXT
    nearly = asyncio.run(sample(engine, full[:-3], stops=frozenset()))
    assert (len(nearly.ids), nearly.finish) == (3, Finish.LENGTH)


def test_a_model_that_gives_nan_raises_and_never_hangs():
    use_one_thread(0)
    model = new_model(ARCHITECTURE, 0)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(MachineryError, match="not finite"):
        asyncio.run(sample(Engine(model), PROMPTS[0]))
