"""The engine's memory: taken as it is used, prompts that begin alike read once, rows that leave nothing behind."""

import asyncio
import copy

import pytest
import torch

from assay.errors import MachineryError, UserError
from assay.models.engine import Conversation, Engine
from assay.models.engine_cache import CHUNK, Cache, Shape
from assay.models.weights import Architecture, new_model, use_one_thread

SHAPE = Shape(layers=2, heads=2, width=4, dtype=torch.float32, device=torch.device("cpu"))
LONG = Architecture(vocabulary=380, width=32, layers=2, heads=2, inner=64, context=2048)


@pytest.fixture(scope="module")
def model():
    use_one_thread(0)
    return new_model(LONG, 0)


def ids(count, seed=0):
    return torch.randint(5, 380, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def take(engine, prompt, **changes):
    settings = {"most": 8, "stops": frozenset(), "temperature": 0.9, "seed": 3} | changes
    return engine.sample(prompt, **settings)


def test_memory_follows_what_is_used_and_not_slots_times_context():
    cache = Cache(SHAPE, 32, 8192)
    rows = [cache.take(100) for _ in range(32)]
    assert cache.bytes == 32 * 128 * SHAPE.bytes
    rows[0].ids = list(range(100))
    rows[0].shelf.part(rows[0].place, 0, 100).fill_(7.0)
    for length in range(100, 5000):
        cache.grow(rows[0], length)
    assert rows[0].shelf.capacity >= 4999
    assert (rows[0].shelf.part(rows[0].place, 0, 100) == 7.0).all()
    assert cache.bytes < 60_000 * SHAPE.bytes  # 32 slots of 8,192 would be 262,144
    for row in rows:
        cache.give_back(row)
    cache.take(3000)
    assert cache.bytes <= 8192 * SHAPE.bytes  # idle shelves are given back before a new one is taken


def test_rows_are_never_given_twice():
    cache = Cache(SHAPE, 40, 512)
    rows = [cache.take(50 + 9 * n) for n in range(40)]
    assert len({(id(row.shelf), row.place) for row in rows}) == 40
    for row in rows[::2]:
        cache.give_back(row)
    for row in rows[1::2]:
        cache.grow(row, 500)
    again = [cache.take(300) for _ in range(20)]
    assert len({(id(row.shelf), row.place) for row in [*rows[1::2], *again]}) == 40


def count_reads(engine, monkeypatch):
    read = []
    inner = engine._compute

    def compute(ids, positions, memory, last=False):
        if last:
            read.append(len(ids))
        return inner(ids, positions, memory, last)

    monkeypatch.setattr(engine, "_compute", compute)
    return read


def test_a_group_of_samples_reads_its_prompt_once(model, monkeypatch):
    prompt = ids(3 * CHUNK + 10)
    engine = Engine(model, slots=8)
    read = count_reads(engine, monkeypatch)

    async def group():
        return await asyncio.gather(*(take(engine, prompt, seed=n) for n in range(12)))

    found = asyncio.run(group())
    assert sum(read) == len(prompt) + 11 * 10
    fresh = [asyncio.run(take(Engine(model, slots=8), prompt, seed=n)) for n in range(12)]
    assert found == fresh
    assert len({tuple(each.ids) for each in found}) > 6


def test_samples_one_after_another_on_one_row_read_their_prompt_once(model, monkeypatch):
    prompt = ids(2 * CHUNK + 30)
    engine = Engine(model, slots=1)
    read = count_reads(engine, monkeypatch)

    async def group():
        return [await take(engine, prompt, seed=n) for n in range(3)]

    found = asyncio.run(group())
    assert sum(read) == len(prompt) + 2 * 30
    assert found == [asyncio.run(take(Engine(model, slots=1), prompt, seed=n)) for n in range(3)]


def test_active_rows_lie_together():
    cache = Cache(SHAPE, 20, 512)
    rows = [cache.take(100) for _ in range(20)]
    for row in rows[:15]:
        cache.give_back(row)
    assert [cache.take(100).place for _ in range(3)] == [0, 1, 2]


def test_a_turn_reads_only_what_is_new(model, monkeypatch):
    engine = Engine(model, slots=2)
    read = count_reads(engine, monkeypatch)

    async def attempt():
        mine = Conversation()
        prompt = ids(300)
        for _ in range(3):
            got = await take(engine, prompt, conversation=mine)
            prompt = [*prompt, *got.ids, *ids(20, seed=9)]
        engine.close(mine)

    asyncio.run(attempt())
    assert sum(read) == 300 + 2 * 21  # the last id sampled, and twenty new ones


def test_changed_weights_are_followed(model):
    own = copy.deepcopy(model)
    engine = Engine(own, slots=2)
    prompt = ids(200)
    before = asyncio.run(take(engine, prompt))
    mine = Conversation()
    asyncio.run(take(engine, prompt, conversation=mine))
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    after = asyncio.run(take(engine, prompt, conversation=mine))
    assert after == asyncio.run(take(Engine(own, slots=2), prompt))
    assert after.logprobs != before.logprobs


def test_a_request_that_is_cancelled_gives_its_row_back(model):
    engine = Engine(model, slots=2)

    async def go():
        begun = asyncio.Event()
        told = [lambda *_: begun.set(), lambda *_: None]
        gone = [asyncio.create_task(take(engine, ids(50, n), most=1500, on_token=told[n])) for n in (1, 0)]
        waits = asyncio.create_task(take(engine, ids(60), most=5))
        await begun.wait()
        assert len(engine._active) == 2
        for task in gone:
            task.cancel()
        return await waits

    assert asyncio.run(go()) == asyncio.run(take(Engine(model, slots=2), ids(60), most=5))
    assert engine.cache.held == []


def test_not_a_number_in_one_row_fails_that_request_only(model):
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.model.embed_tokens.weight[7] = float("nan")
    broken.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    broken.config.tie_word_embeddings = False
    engine = Engine(broken, slots=4)
    good, bad = [n for n in ids(40) if n != 7], [9, 7, 12]

    async def go(*prompts):
        return await asyncio.gather(*(take(engine, p, most=2) for p in prompts), return_exceptions=True)

    first, failed = asyncio.run(go(good, bad))
    assert isinstance(failed, MachineryError)
    assert "not finite" in str(failed)
    # the row that met it holds nothing of it
    assert asyncio.run(go(good, good, good, good)) == [first] * 4


def test_ids_of_another_tokenizer_and_odd_settings_are_named(model):
    engine = Engine(model, slots=2)
    with pytest.raises(MachineryError, match="does not belong to the model"):
        asyncio.run(take(engine, [5, 380]))
    with pytest.raises(MachineryError, match="empty"):
        asyncio.run(take(engine, []))
    for odd in ({"top_p": 0.0}, {"temperature": -1.0}, {"temperature": float("nan")}):
        with pytest.raises(UserError, match="Temperature"):
            asyncio.run(take(engine, [5], **odd))


def test_tokens_are_told_and_can_end_a_request(model):
    told = []

    def third(token, logprob):
        told.append((token, logprob))
        return len(told) == 3

    got = asyncio.run(take(Engine(model, slots=2), ids(30), on_token=third))
    assert list(zip(got.ids, got.logprobs, strict=True)) == told
    assert (len(got.ids), str(got.finish)) == (3, "stop")
