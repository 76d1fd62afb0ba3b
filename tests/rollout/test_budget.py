"""Budgets of a run: what counts, what is written ahead, what a kill leaves, and what the next session starts from."""

import asyncio

import pytest

from assay.agents.mini import MiniAgent, MiniConfig
from assay.errors import UserError
from assay.ledger import Ledger, events
from assay.models.allowance import Metered
from assay.models.chosen import OnThisMachine
from assay.models.endpoint import Endpoint
from assay.models.spending import Amount, Kind, OutOfBudget
from assay.nouns import Status
from assay.rollout.budget import Budget, Limits, refuse_unkept
from assay.rollout.budget_words import amounts, figures, progress, seconds, stopped
from assay.rollout.solving import solve_all
from assay.tasks import source
from tests.agents.test_shell import Script
from tests.models.openai_server import SUBMIT, bash
from tests.rollout.test_solving import plan


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spent_events(ledger: Ledger) -> list[dict]:
    return [event.body for event in ledger.events() if event.kind == events.SPENT]


@pytest.fixture(scope="module")
def drills():
    return source("drills").load("train", 4, 11, templates=4)


def test_a_session_counts_exactly_and_a_killed_one_a_block_too_much_and_never_too_little(tmp_path):
    async def session(ledger, *, killed: bool, requests: int):
        budget = Budget(Limits(tokens=100_000), ledger)
        running = budget.running()
        await running.__aenter__()
        for _ in range(requests):
            ticket = await budget.allowance.admit(700, 300)
            (*_, last) = spent_events(ledger)
            taken = budget.spending.spent + budget.spending.held
            assert last["tokens"] >= taken.tokens  # it is written down before the request is sent
            await budget.allowance.settle(ticket, 600, 100)
        if not killed:  # a kill writes nothing
            await running.__aexit__(None, None, None)
        return budget.spending.spent.tokens

    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert asyncio.run(session(ledger, killed=False, requests=20)) == 14_000
        assert spent_events(ledger)[-1]["tokens"] == 14_000
        assert asyncio.run(session(ledger, killed=True, requests=10)) == 21_000
        after = Budget(Limits(tokens=100_000), ledger).spending.spent.tokens
        assert 21_000 <= after <= 21_000 + 1_000 + 1_000  # a block, and what a request under way might have taken
        assert len(spent_events(ledger)) < 40


def test_wall_time_is_counted_over_sessions_and_ends_what_is_under_way(tmp_path):
    clock = Clock()

    async def session(ledger, seconds):
        budget = Budget(Limits(wall_s=100), ledger, clock=clock)
        async with budget.running():
            assert budget.begins()
            clock.now += seconds
            budget.ended()
        return budget

    async def over(ledger):
        budget = Budget(Limits(wall_s=100.02), ledger, clock=clock)
        began, ended = [], []
        async with budget.running():
            began.append(budget.begins())
            await asyncio.sleep(3600)
            ended.append(1)
        return budget, began, ended

    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert asyncio.run(session(ledger, 40)).wall_s == 40
        assert asyncio.run(session(ledger, 60)).wall_s == 100
        later = Budget(Limits(wall_s=100), ledger, clock=clock)
        assert (later.begins(), later.stopped.kind) == (False, Kind.WALL)
        budget, began, ended = asyncio.run(over(ledger))
        assert (began, ended, budget.stopped.kind) == ([True], [], Kind.WALL)
        assert Budget(Limits(wall_s=500), ledger, clock=clock).begins()  # a higher one goes on


def test_a_clock_that_steps_back_hides_nothing(tmp_path, monkeypatch):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        for number, at in ((1, 500.0), (2, 100.0)):
            monkeypatch.setattr("assay.ledger.store.time.time", lambda at=at: at)
            ledger.event(events.SPENT, number=number, tokens=number * 1000, nano_usd=0, wall_s=0.0)
        assert Budget(Limits(), ledger).spending.spent == Amount(2000)


def test_attempts_that_ended_count_and_one_that_is_cut_off_is_not_recorded(tmp_path, drills):
    class Dear(Script):
        """Takes more than there is for one of the tasks."""

        async def reply(self, conversation, *, seed):
            if drills[2].instruction in conversation[1].content:
                raise OutOfBudget(Kind.TOKENS, "it is dear")
            return await super().reply(conversation, seed=seed)

    def run(ledger, limits, model):
        budget = Budget(limits, ledger)

        async def inside():
            async with budget.running():
                tasks = {task.id: task for task in drills}
                agent = MiniAgent(MiniConfig())
                await solve_all(plan(drills), tasks, agent, model, ledger, workers=1, gradings=1, budget=budget)

        asyncio.run(inside())
        return budget

    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_tasks(drills)
        ledger.plan(plan(drills))
        first = run(ledger, Limits(attempts=1), Script(bash(SUBMIT)))
        assert (first.attempts, first.stopped.kind, len(ledger.finished())) == (1, Kind.ATTEMPTS, 1)
        second = run(ledger, Limits(tokens=1000, attempts=4), Dear(bash(SUBMIT)))
        assert (second.attempts, second.stopped.kind) == (2, Kind.TOKENS)
        assert {a.plan.task_id for a in ledger.attempts()} == {drills[0].id, drills[1].id}
        third = run(ledger, Limits(attempts=4), Script(bash(SUBMIT)))
        assert third.stopped is None
        assert [a.status for a in ledger.attempts()] == [Status.EMPTY] * 4


def test_a_model_of_this_machine_stops_between_turns(tmp_path, drills):
    class Talks(Script):
        """Counts as a local model does."""

        async def reply(self, conversation, *, seed):
            reply = await super().reply(conversation, seed=seed)
            return reply.model_copy(update={"token_ids": (1,) * 50, "prompt_tokens": 1000})

    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.add_tasks(drills[:1])
        ledger.plan(plan(drills[:1]))
        budget = Budget(Limits(tokens=20_000), ledger)
        model = Metered(Talks(*[bash("echo on")] * 100), budget.allowance, 50)

        async def inside():
            async with budget.running():
                tasks = {drills[0].id: drills[0]}
                await solve_all(
                    plan(drills[:1]), tasks, MiniAgent(), model, ledger, workers=1, gradings=1, budget=budget
                )

        asyncio.run(inside())
        assert ledger.finished() == set()
        assert budget.stopped.kind is Kind.TOKENS
        assert 5_000 < budget.spending.spent.tokens <= 20_000
        assert Budget(Limits(), ledger).spending.spent == budget.spending.spent


def test_the_words_say_how_much_of_each_and_what_to_raise(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.event(events.SPENT, number=1, tokens=310_000, nano_usd=1_200_000_000, wall_s=720.0)
        limits = Limits(usd=5, tokens=1_000_000, wall_s=7200, attempts=100)
        budget = Budget(limits, ledger, price=(3.0, 15.0))
        assert progress(budget) == "$1.20 of $5, 310k of 1M tokens, 12 min of 2 h, 0 of 100 attempts"
        assert progress(Budget(Limits(), ledger)) == ""
        budget.begins()
        budget.cut(OutOfBudget(Kind.MONEY, "the next request may cost up to $4 and $3.80 is left"))
        said = stopped(budget, 60, 100)
        assert said.startswith("stopped by the budget of money ($1.20 of $5; the next request may cost up to $4 and")
        assert said.endswith("60 of 100 attempts are left; raise --budget-usd to go on")
        assert set(amounts(budget)) == set(Kind)
        assert figures(budget)["stopped_by"] == "money"
        with pytest.raises(UserError, match="--price"):
            Budget(limits, ledger)


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("15 min", 900), ("2h", 7200), ("1D", 86400)]
)
def test_durations_are_read(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "2 weeks", "h", "1e3", "١h", "nan", "inf"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UserError, match="duration"):
        seconds(text)


def test_budgets_that_could_not_be_kept_are_refused(tmp_path):
    chat = Endpoint("http://h/v1", "m")
    ids = Endpoint("http://h/v1", "m", kind="completions")
    local, script = OnThisMachine("local", tmp_path), OnThisMachine("scripted", tmp_path)
    for limits, model, said in (
        (Limits(usd=1), chat, "--price"),
        (Limits(usd=1), Endpoint("http://h/v1", "m", price=(1.0, 1.0)), "--max-tokens"),
        (Limits(tokens=1), chat, "--max-tokens"),
        (Limits(usd=1), local, "costs no money"),
        (Limits(tokens=1), script, "no tokens"),
    ):
        with pytest.raises(UserError, match=said):
            refuse_unkept(limits, model)
    for model in (chat, ids, local, script):
        refuse_unkept(Limits(wall_s=1, attempts=1), model)
    refuse_unkept(Limits(tokens=1), ids)
    refuse_unkept(Limits(tokens=1), local)
    refuse_unkept(Limits(usd=1, tokens=1), Endpoint("http://h/v1", "m", price=(1.0, 1.0), max_tokens=9))
