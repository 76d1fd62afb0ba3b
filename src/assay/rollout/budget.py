"""Budgets of a run: money, tokens, wall time and attempts, over all the sessions that its ledger has seen.

What a session takes is written into the ledger ahead, in blocks of about one part in a hundred, and exactly at its end:
a session that is killed has counted at most a block, and what its requests under way might have taken, too much, and
nothing too little. Attempts need no such event: those that ended have their row.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from pydantic import Field

from assay.errors import UserError
from assay.ledger import Ledger, events
from assay.models.allowance import LocalAllowance, Taken, Ticket
from assay.models.chosen import OnThisMachine, Which
from assay.models.limits import RateLimit
from assay.models.spending import NO_END, NO_PRICE, Amount, Kind, OutOfBudget, Price, Spending
from assay.nouns import Trajectory
from assay.nouns.base import Noun

_BLOCK_S = 60.0  # wall time is written ahead in blocks of so much, where it has no budget
_LEAST_BLOCK_S = 0.2


class Limits(Noun):
    """What a run may take in all, None for no limit: US dollars, tokens read and written, seconds, attempts."""

    usd: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    wall_s: float | None = Field(default=None, gt=0)
    attempts: int | None = Field(default=None, gt=0)


class Budget:
    """What a run has taken and may still take. `allowance` is for its models; the rest is for the loop.

    `stopped` is the budget that something did not fit into, and None as long as everything did.
    """

    def __init__(
        self,
        limits: Limits,
        ledger: Ledger,
        *,
        price: Price | None = None,
        rate: RateLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises UserError for a budget of money where no price is known."""
        self.limits = limits
        self._ledger = ledger
        self._clock = clock
        self._number, spent, self._wall_before = _spent_before(ledger)
        self._wall_covered = self._wall_before
        self._began: float | None = None
        self._ended = ledger.counts()[1]
        self._under_way = 0
        self._stopped: OutOfBudget | None = None
        self.from_replies = False  # whether the models that run ask for no leave, so that only their replies tell
        self.spending = Spending(usd=limits.usd, tokens=limits.tokens, price=price, spent=spent)
        self.allowance = LocalAllowance(self.spending, rate, self._keep)
        share = None if limits.wall_s is None else limits.wall_s / 100
        self._block_s = _BLOCK_S if share is None else max(_LEAST_BLOCK_S, share)

    @property
    def stopped(self) -> OutOfBudget | None:
        """What ended the run, where a budget did."""
        return self._stopped

    @property
    def attempts(self) -> int:
        """How many attempts have ended."""
        return self._ended

    @property
    def wall_s(self) -> float:
        """How long the run took so far, all sessions together."""
        return self._wall_before + (0.0 if self._began is None else self._clock() - self._began)

    def begins(self) -> bool:
        """Say whether another attempt may begin; one that does is under way until `ended` or `cut`."""
        if not self._may_begin():
            return False
        self._under_way += 1
        return True

    def ended(self, trajectory: Trajectory | None = None) -> None:
        """Count an attempt that was recorded, and what its replies took where nobody else does (`from_replies`)."""
        self._under_way -= 1
        self._ended += 1
        if self.from_replies and trajectory is not None:
            self._count(trajectory)

    def cut(self, error: OutOfBudget) -> None:
        """Take note of an attempt that a budget cut off: it is not recorded, so that it can be run again."""
        self._under_way -= 1
        self._stop(error)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count the wall time of the block, and cancel what it awaits when the budget of it is used up."""
        self._began = self._clock()
        self._cover_wall()
        ticking = asyncio.create_task(self._tick())
        limit = self.limits.wall_s
        try:
            async with asyncio.timeout(None if limit is None else max(0.0, limit - self.wall_s)) as clock:
                yield
        except TimeoutError:
            if not clock.expired():
                raise
            self._stop(OutOfBudget(Kind.WALL))
        finally:
            ticking.cancel()
            self._wall_before = self._wall_covered = self.wall_s
            self._began = None
            self.spending.covered = self.spending.spent + self.spending.held
            with suppress(UserError):  # the disk is full: what is written counts a block too much
                self._write(self.spending.covered, self._wall_covered)

    def _may_begin(self) -> bool:
        if self._stopped is not None:
            return False
        if self.limits.attempts is not None and self._ended + self._under_way >= self.limits.attempts:
            self._stop(OutOfBudget(Kind.ATTEMPTS))
        elif self.limits.wall_s is not None and self.wall_s >= self.limits.wall_s:
            self._stop(OutOfBudget(Kind.WALL))
        return self._stopped is None

    def _stop(self, error: OutOfBudget) -> None:
        self._stopped = self._stopped or error

    def _count(self, trajectory: Trajectory) -> None:
        spending = self.spending
        for step in trajectory.steps:
            taken = Taken(Ticket(0, 0, 0))
            taken.by(step.reply)
            spending.spent += spending.used(taken.read, taken.written, taken.cost)
        if (covered := spending.cover()) is not None:
            self._write(covered, max(self._wall_covered, self.wall_s))
            spending.covered = covered

    async def _keep(self, covered: Amount) -> None:
        self._write(covered, max(self._wall_covered, self.wall_s))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._block_s / 2)
            with suppress(UserError):  # the disk is full: what records the next attempt says so
                self._cover_wall()

    def _cover_wall(self) -> None:
        ahead = self.wall_s + self._block_s
        if self.limits.wall_s is not None:
            ahead = min(ahead, self.limits.wall_s)
        if self.wall_s + self._block_s / 2 >= self._wall_covered < ahead:
            self._write(self.spending.covered, ahead)
            self._wall_covered = ahead

    def _write(self, amount: Amount, wall_s: float) -> None:
        self._number += 1
        self._ledger.event(
            events.SPENT, number=self._number, tokens=amount.tokens, nano_usd=amount.nano, wall_s=round(wall_s, 3)
        )


def refuse_unkept(limits: Limits, model: Which) -> None:
    """Raise UserError for a budget that could not be kept with this model, before anything is sent."""
    if isinstance(model, OnThisMachine):
        if limits.usd is not None:
            raise UserError(
                "a model on this machine costs no money: leave the budget of money out, tokens can be limited"
            )
        if limits.tokens is not None and model.kind == "scripted":
            raise UserError("a script has no tokens: leave the budget of tokens out, attempts can be limited")
        return
    if limits.usd is not None and model.price is None:
        raise UserError(NO_PRICE)
    if (limits.usd is not None or limits.tokens is not None) and model.kind == "openai" and model.max_tokens is None:
        raise UserError(NO_END)


def _spent_before(ledger: Ledger) -> tuple[int, Amount, float]:
    """Return what the ledger says was taken so far, and the number of the event that says so."""
    said = [event.body for event in ledger.events() if event.kind == events.SPENT]
    last = max(said, key=lambda body: body["number"], default=None)  # not the last by time: clocks step back
    if last is None:
        return 0, Amount(), 0.0
    return last["number"], Amount(last["tokens"], last["nano_usd"]), last["wall_s"]
