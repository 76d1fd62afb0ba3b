"""Rate limits: in no window more than allowed, nobody waits without need, first come first served."""

import asyncio
import random

import pytest

from assay.models.limits import RateLimit


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self, monkeypatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("assay.models.limits.asyncio.sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("seed", range(20))
def test_no_minute_has_more_requests_or_tokens_than_allowed(monkeypatch, seed):
    draw = random.Random(seed)
    clock = Clock(monkeypatch)
    limit = RateLimit(draw.randrange(1, 8), draw.randrange(100, 1000), clock=clock)
    sent = []

    async def inside():
        for _ in range(60):
            guess = draw.randrange(1, 100)
            one = await limit.admit(guess)
            sent.append((clock.now, guess))
            one.tokens = guess
            clock.now += draw.random() * 3

    asyncio.run(inside())
    for start, _ in sent:
        within = [tokens for at, tokens in sent if start <= at < start + 60]
        assert len(within) <= limit.requests
        assert sum(within) <= limit.tokens
    assert clock.now > 200  # it did bind


def test_without_need_nobody_waits(monkeypatch):
    clock = Clock(monkeypatch)

    async def inside():
        for _ in range(1000):
            await RateLimit(clock=clock).admit(10**9)
        limit = RateLimit(5, None, clock=clock)
        for _ in range(5):
            await limit.admit(1)
        assert clock.now == 100.0
        await limit.admit(1)
        assert clock.now == 160.0

    asyncio.run(inside())


def test_what_the_answer_took_counts_in_place_of_the_guess(monkeypatch):
    clock = Clock(monkeypatch)

    async def inside():
        limit = RateLimit(None, 100, clock=clock)
        (await limit.admit(90)).tokens = 10
        await limit.admit(90)
        assert clock.now == 100.0
        await limit.admit(500)  # more than fits into any minute: it goes when nothing else is in one
        assert clock.now == 160.0

    asyncio.run(inside())


def test_first_come_first_served():
    async def inside():
        limit = RateLimit(2, None, window_s=0.05)
        order = []

        async def one(number):
            await limit.admit(1)
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(7):
                group.create_task(one(number))
        return order

    assert asyncio.run(inside()) == list(range(7))
