"""Leave to send a request: one allowance that all who ask a model share, for rates and for budgets.

A model asks it before each request and tells it afterwards what was taken. It knows no endpoint and no ledger: where
it lives is for others to say (in this process, or in one actor that workers on many machines ask), and everything that
crosses, `Ticket` and `OutOfBudget`, can be pickled.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from assay.errors import MachineryError, UserError
from assay.executors import Asking
from assay.models.base import Model, for_attempt
from assay.models.limits import RateLimit, Sent
from assay.models.prompts import Prompts
from assay.models.spending import NO_END, Amount, Spending
from assay.nouns import Message, Reply

Keep = Callable[[Amount], Awaitable[None]]  # writes down what is spent from now on, at most


@dataclass(frozen=True)
class Ticket:
    """Leave for one request: its number, and the most tokens that it may read and have written."""

    number: int
    read: int
    written: int


class Allowance(Protocol):
    """What requests are admitted by."""

    async def admit(self, read: int, written: int | None, *, about: int | None = None, holder: str = "") -> Ticket:
        """Wait until a request may be sent that reads at most `read` tokens and is answered with at most `written`.

        `about` is the likely sum, for rates; `written` None says that the reply has no known end. `holder` names who
        asks, for `abandon`. Raises OutOfBudget when it does not fit in a budget: then it is not to be sent.
        """
        ...

    async def settle(self, ticket: Ticket, read: int, written: int, cost: float | None = None) -> None:
        """Say what an admitted request took; `cost` in US dollars, None for what the price says."""
        ...


class LocalAllowance:
    """The allowance of one process: a rate limit and a budget, each of which may have no limit.

    `keep` is awaited before what is written down as spent would be passed, with the new sum. First come, first served.
    """

    def __init__(
        self, spending: Spending | None = None, rate: RateLimit | None = None, keep: Keep | None = None
    ) -> None:
        self.spending = spending or Spending()
        self._rate = rate or RateLimit()
        self._keep = keep
        self._turn = asyncio.Lock()
        self._settled = asyncio.Event()
        self._sent: dict[int, Sent] = {}
        self._holders: dict[int, str] = {}
        self._abandoned: Counter[str] = Counter()

    @property
    def limited(self) -> bool:
        """Whether there is any limit to keep."""
        return self.spending.limited or self._rate.requests is not None or self._rate.tokens is not None

    async def admit(self, read: int, written: int | None, *, about: int | None = None, holder: str = "") -> Ticket:
        """Admit as `Allowance` says. What does not fit beside the requests under way waits until they are settled.

        So a request is refused only when it would not fit with nothing else under way.
        """
        spending = self.spending
        if written is None and spending.limited:
            raise UserError(NO_END)
        most = spending.most(read, written or 0)
        begun = self._abandoned[holder]
        async with self._turn:
            while (lacking := spending.lacking(most)) is not None:
                if not spending.under_way:
                    raise lacking
                self._settled.clear()
                await self._settled.wait()
            if holder and self._abandoned[holder] != begun:
                raise MachineryError(f"{holder} was given up while it waited for leave to send")
            ticket = Ticket(spending.hold(most), read, written or 0)
            self._holders[ticket.number] = holder
            try:
                if self._keep is not None and (covered := spending.cover()) is not None:
                    await self._keep(covered)
                    spending.covered = covered  # not before: it may fail, or be cancelled
            except BaseException:
                self._release(ticket, Amount())
                raise
        try:
            self._sent[ticket.number] = await self._rate.admit(read + (written or 0) if about is None else about)
        except BaseException:
            self._release(ticket, Amount())
            raise
        return ticket

    async def settle(self, ticket: Ticket, read: int, written: int, cost: float | None = None) -> None:
        """Count as `Allowance` says. A ticket that is settled already changes nothing."""
        sent = self._sent.pop(ticket.number, None)
        if sent is not None:
            sent.tokens = read + written or sent.tokens
        self._release(ticket, self.spending.used(read, written, cost))

    async def abandon(self, holder: str) -> None:
        """Count all that `holder` has open as taken to the full: it is gone, and nobody will say what it took."""
        if not holder:
            return
        self._abandoned[holder] += 1
        for number in [number for number, name in self._holders.items() if name == holder]:
            self._sent.pop(number, None)
            self._holders.pop(number)
            self.spending.forfeit(number)
        self._settled.set()

    def _release(self, ticket: Ticket, used: Amount) -> None:
        self._holders.pop(ticket.number, None)
        self.spending.settle(ticket.number, used)
        self._settled.set()


HOLDER: ContextVar[str] = ContextVar("holder", default="")  # for whom requests are sent: a planned attempt's id


@dataclass(frozen=True)
class Central:
    """The allowance of another process, asked from this one."""

    there: Asking

    async def admit(self, read: int, written: int | None, *, about: int | None = None, holder: str = "") -> Ticket:
        """Admit as `Allowance` says, for whom HOLDER names."""
        return await self.there.call("admit", read, written, about=about, holder=holder or HOLDER.get())

    async def settle(self, ticket: Ticket, read: int, written: int, cost: float | None = None) -> None:
        """Count as `Allowance` says."""
        await self.there.call("settle", ticket, read, written, cost)

    async def abandon(self, holder: str) -> None:
        """Count what a worker that died has left open under this name as taken."""
        await self.there.call("abandon", holder)


class Metered:
    """A model of this machine whose tokens count against an allowance: asked before each turn, told after it.

    A turn that has begun is not cut short: `most_written` is what it may write at most.
    """

    def __init__(self, model: Model, allowance: Allowance, most_written: int, prompts: Prompts | None = None) -> None:
        self.name = model.name
        self._prompts = prompts or Prompts()
        self._model = model
        self._allowance = allowance
        self._most_written = most_written

    @contextmanager
    def attempt(self) -> Iterator["Metered"]:
        """Give the model for one attempt, which may keep something between its turns."""
        with for_attempt(self._model) as own:
            yield Metered(own, self._allowance, self._most_written, self._prompts)

    async def reply(self, conversation: Sequence[Message], *, seed: int) -> Reply:
        """Answer as the model does. Raises OutOfBudget in place of a turn that does not fit."""
        said = [(message.role.value, message.content) for message in conversation]
        async with admitted(self._allowance, self._prompts.most(said), self._most_written) as taken:
            reply = await self._model.reply(conversation, seed=seed)
            taken.by(reply)
        self._prompts.counted(said, reply.prompt_tokens)
        return reply


class Taken:
    """What a request took, as far as it is known: all that it might take, until somebody says less."""

    def __init__(self, ticket: Ticket) -> None:
        self.read, self.written = ticket.read, ticket.written
        self.cost: float | None = None

    def by(self, reply: Reply) -> None:
        """Take the counts of a reply, where it has them."""
        self.read = reply.prompt_tokens or self.read
        self.written = reply.sampled_tokens or len(reply.token_ids or ()) or self.written
        self.cost = reply.cost or None

    def nothing(self) -> None:
        """The request was not answered by the model: nothing is paid for it."""
        self.read = self.written = 0


@asynccontextmanager
async def admitted(
    allowance: Allowance, read: int, written: int | None, *, about: int | None = None
) -> AsyncIterator[Taken]:
    """Hold leave for one request while the block sends it; what it took is settled however the block ends."""
    ticket = await allowance.admit(read, written, about=about)
    taken = Taken(ticket)
    try:
        yield taken
    finally:
        await allowance.settle(ticket, taken.read, taken.written, taken.cost)
