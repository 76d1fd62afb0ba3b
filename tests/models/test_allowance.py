"""Allowances: in whatever order requests begin, end, fail or are cancelled, what is spent never passes a budget."""

import asyncio
import pickle
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UserError
from assay.models.allowance import LocalAllowance, Metered, Ticket, admitted
from assay.models.limits import RateLimit
from assay.models.prompts import Prompts
from assay.models.spending import NANO, Amount, Kind, OutOfBudget, Spending, nano_of, priced
from assay.nouns import Finish, Message, Reply, Role

HOW = ("replies", "nothing", "fails", "cancelled", "worker gone")
REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 5000),  # the most that it reads
        st.integers(1, 5000),  # the most that is written
        st.floats(0, 1),  # the part of both that it takes
        st.sampled_from(HOW),
    ),
    min_size=1,
    max_size=25,
)


class Kept:
    """Writes down what is spent, as a ledger does; and yields to others meanwhile."""

    def __init__(self) -> None:
        self.amount = Amount()

    async def __call__(self, amount: Amount) -> None:
        await asyncio.sleep(0)
        self.amount = amount


@settings(max_examples=150, deadline=None)
@given(
    requests=REQUESTS,
    tokens=st.none() | st.integers(1, 40_000),
    usd=st.none() | st.floats(0.000001, 0.5),
    before=st.integers(0, 5000),
    order=st.randoms(use_true_random=False),
)
def test_no_interleaving_spends_more_than_the_budget(requests, tokens, usd, before, order):
    price = (3.0, 15.0)
    spent = Amount(before, priced(before, 0, price))
    spending = Spending(usd=usd, tokens=tokens, price=price, spent=spent)
    kept = Kept()
    allowance = LocalAllowance(spending, keep=kept)
    used, refused, sent, under_way = [], [], [], {}

    def begin(number):
        sent.append(number)
        under_way[number] = spending.most(*requests[number][:2])
        check()

    def check():
        whole = spending.spent + spending.held
        if spent.tokens <= (tokens or spent.tokens) and spent.usd <= (usd or spent.usd):
            assert tokens is None or whole.tokens <= tokens
            assert usd is None or whole.nano <= usd * NANO
        for part in ("tokens", "nano"):  # what was sent was written down before
            written = getattr(spending.spent, part) + sum(getattr(most, part) for most in under_way.values())
            assert getattr(kept.amount, part) >= written or not sent

    async def one(number, gate):
        read, written, part, how = requests[number]
        took = (int(read * part), int(written * part))
        try:
            if how == "worker gone":
                await allowance.admit(read, written, holder=f"worker {number}")
                begin(number)
                used.append((read, written))
                await gate.wait()
                under_way.pop(number)
                await allowance.abandon(f"worker {number}")
                return
            async with admitted(allowance, read, written) as taken:
                begin(number)
                used.append(took if how == "replies" else (0, 0) if how == "nothing" else (read, written))
                try:
                    await gate.wait()
                finally:
                    under_way.pop(number)
                if how == "replies":
                    taken.read, taken.written = took
                elif how == "nothing":
                    taken.nothing()
                elif how == "fails":
                    raise RuntimeError("cut in mid-stream")
                else:
                    await asyncio.sleep(3600)
        except OutOfBudget as error:
            refused.append(error.kind)
        except RuntimeError:
            pass

    async def inside():
        gates = [asyncio.Event() for _ in requests]
        tasks = [asyncio.create_task(one(number, gate)) for number, gate in enumerate(gates)]
        left = list(range(len(requests)))
        while left:
            for _ in range(order.randrange(4)):
                await asyncio.sleep(0)
                check()
            number = left.pop(order.randrange(len(left)))
            gates[number].set()
            if requests[number][3] == "cancelled":
                for _ in range(order.randrange(20)):
                    await asyncio.sleep(0)
                tasks[number].cancel()
            check()
        ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=60)  # nobody for ever
        assert {type(each) for each in ended} <= {type(None), asyncio.CancelledError}, ended

    asyncio.run(inside())
    check()
    assert spending.under_way == 0
    total = sum((Amount(r + w, priced(r, w, price)) for r, w in used), spent)
    assert spending.spent == total
    assert set(refused) <= {Kind.MONEY, Kind.TOKENS}
    if tokens is None and usd is None:
        assert not refused


def test_what_does_not_fit_beside_others_waits_for_them_and_is_refused_only_alone():
    async def inside():
        allowance = LocalAllowance(Spending(tokens=1000))
        first = await allowance.admit(500, 300)
        waiting = asyncio.create_task(allowance.admit(200, 100))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        await allowance.settle(first, 500, 100)
        second = await waiting
        await allowance.settle(second, 200, 100)
        await allowance.settle(second, 200, 100)  # told twice, counted once
        assert allowance.spending.spent.tokens == 900
        with pytest.raises(OutOfBudget, match="up to 101 tokens and 100 are left"):
            await allowance.admit(100, 1)
        await allowance.settle(await allowance.admit(99, 1), 99, 1)
        assert allowance.spending.spent.tokens == 1000

    asyncio.run(inside())


def test_money_needs_a_price_and_a_known_end():
    with pytest.raises(UserError, match="--price"):
        Spending(usd=1.0)
    with pytest.raises(UserError, match="--max-tokens"):
        asyncio.run(LocalAllowance(Spending(tokens=10**9)).admit(1, None))
    assert asyncio.run(LocalAllowance().admit(1, None)).written == 0


def test_what_an_endpoint_says_that_it_cost_counts_where_no_price_is_given():
    async def inside(price):
        allowance = LocalAllowance(Spending(price=price))
        await allowance.settle(await allowance.admit(1000, 1000), 1000, 1000, 0.25)
        return allowance.spending.spent.usd

    assert asyncio.run(inside(None)) == 0.25
    assert asyncio.run(inside((1.0, 2.0))) == 0.003


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1000), st.floats(0, 1000))
def test_money_is_never_rounded_down(read, written, a, b):
    assert priced(read, written, (a, b)) >= (read * a + written * b) * 1000 * (1 - 1e-12) - 1e-3
    assert nano_of(a) >= a * NANO * (1 - 1e-12) - 1e-3


def test_what_is_written_ahead_is_a_block_more_and_never_passes_the_limit():
    spending = Spending(tokens=100_000)
    written = []
    for _ in range(100):
        spending.settle(spending.hold(Amount(100)), Amount(100))
        if (covered := spending.cover()) is not None:
            spending.covered = covered
            written.append(covered.tokens)
    assert written == sorted(set(written))
    assert all(later - earlier > 1000 for earlier, later in pairwise(written))
    assert len(written) <= 10
    spending.hold(Amount(90_000))
    assert spending.cover() == Amount(100_000)
    spending.covered = Amount(100_000)
    assert spending.cover() is None


def test_all_that_crosses_can_be_pickled():
    error = pickle.loads(pickle.dumps(OutOfBudget(Kind.TOKENS, "too many")))
    assert (error.kind, error.why, str(error)) == (Kind.TOKENS, "too many", "the budget of tokens is used up: too many")
    assert pickle.loads(pickle.dumps(Ticket(1, 2, 3))) == Ticket(1, 2, 3)


def test_a_request_that_is_given_up_before_it_is_sent_holds_nothing():
    async def inside():
        allowance = LocalAllowance(Spending(tokens=1000), RateLimit(1))
        await allowance.admit(1, 1)
        waiting = asyncio.create_task(allowance.admit(10, 10))  # for its minute
        await asyncio.sleep(0.01)
        assert allowance.spending.held.tokens == 22
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert allowance.spending.held.tokens == 2

    asyncio.run(inside())


def test_what_cannot_be_written_down_is_not_sent_and_holds_nothing():
    asked = []

    async def full(amount):
        asked.append(amount)
        raise UserError("the disk is full")

    async def inside():
        allowance = LocalAllowance(Spending(tokens=1000), keep=full)
        for _ in range(2):  # what was not written once is written before the next
            with pytest.raises(UserError, match="full"):
                await allowance.admit(10, 10)
        assert asked == [Amount(30)] * 2
        assert allowance.spending.under_way == 0
        assert allowance.spending.spent == Amount()

    asyncio.run(inside())


def test_the_turns_of_a_model_on_this_machine_count():
    class Local:
        name = "local"
        asked = 0

        async def reply(self, conversation, *, seed):
            self.asked += 1
            return Reply(text="ok", finish=Finish.STOP, token_ids=(1, 2, 3), prompt_tokens=40)

    async def inside():
        local, allowance = Local(), LocalAllowance(Spending(tokens=500))
        model = Metered(local, allowance, most_written=10)
        hello = [Message(role=Role.USER, content="é" * 10)]
        with model.attempt() as own:
            for turns in range(1, 12):  # the first is reckoned by its bytes, the next by what was counted in it
                assert allowance.spending.spent.tokens == (turns - 1) * 43
                await own.reply(hello, seed=0)
            with pytest.raises(OutOfBudget):
                await own.reply(hello, seed=0)
        return local.asked, allowance.spending.spent.tokens

    assert asyncio.run(inside()) == (11, 473)


def test_a_conversation_that_grows_is_reckoned_from_what_was_counted_of_it():
    prompts = Prompts()
    first = [("system", "s" * 1000), ("user", "u" * 3000)]
    longer = [*first, ("assistant", "a" * 100), ("user", "é" * 50)]
    assert 4000 < prompts.most(first) < 4500
    prompts.counted(first, 1100)
    prompts.counted(longer, 0)  # nobody counted
    assert prompts.most(first) == 1100
    assert 1300 <= prompts.most(longer) < 1350
    assert prompts.most([("system", "s" * 1000), ("assistant", "u" * 3000)]) > 4000  # another conversation
    for number in range(9000):
        prompts.counted([("user", str(number))], 1)
    assert prompts.most(first) > 4000  # forgotten: reckoned by its bytes again
