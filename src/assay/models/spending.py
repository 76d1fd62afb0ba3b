"""Money and tokens of a budget: what requests have taken, what is held for those under way, what is left."""

import math
from dataclasses import dataclass
from enum import StrEnum

from assay.errors import AssayError, UserError

NANO = 1_000_000_000  # of a US dollar: money is kept in whole billionths, which sum exactly
Price = tuple[float, float]  # US dollars a million tokens read, and a million written

NO_PRICE = "a budget of money cannot be kept where no price is known: give --price IN,OUT"
NO_END = "a budget of money or tokens can be kept only where a reply has a known end: give --max-tokens"

_SHARE = 100  # what is written ahead is this part of a budget
_LEAST_TOKENS = 20_000  # and at least so much where there is no budget, so that few events are written
_LEAST_NANO = NANO // 20


class Kind(StrEnum):
    """What a budget can be of."""

    MONEY = "money"
    TOKENS = "tokens"
    WALL = "wall time"
    ATTEMPTS = "attempts"


class OutOfBudget(AssayError):
    """What is asked for does not fit in a budget: it is not done. `kind` is the budget, `why` what did not fit.

    It is no failure of anybody: an attempt that ends with it is not recorded, and stays planned.
    """

    def __init__(self, kind: Kind, why: str = "") -> None:
        super().__init__(kind, why)  # both, so that it can cross to another process
        self.kind = kind
        self.why = why

    def __str__(self) -> str:
        return f"the budget of {self.kind} is used up" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True)
class Amount:
    """Tokens read and written together, and billionths of a US dollar."""

    tokens: int = 0
    nano: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.nano + other.nano)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens - other.tokens, self.nano - other.nano)

    def at_least(self, other: "Amount") -> "Amount":
        """Return the larger of both in each part."""
        return Amount(max(self.tokens, other.tokens), max(self.nano, other.nano))

    @property
    def usd(self) -> float:
        """The money in US dollars."""
        return self.nano / NANO


def nano_of(usd: float) -> int:
    """Return dollars in billionths, rounded up: what is counted is never less than what was paid."""
    return math.ceil(round(usd * NANO, 3))


def priced(read: int, written: int, price: Price | None) -> int:
    """Return what so many tokens cost in billionths of a dollar; 0 where no price is known."""
    if price is None:
        return 0
    return math.ceil(round((read * price[0] + written * price[1]) * (NANO / 1e6), 3))


class Spending:
    """At most `usd` and `tokens`, None for no limit; `spent` is what was taken before. Arithmetic alone: no waiting.

    What a request may take at most is held before it is sent and settled by what it took. As long as no request takes
    more than was held for it, what is spent never passes a limit, whatever the order.
    """

    def __init__(
        self,
        *,
        usd: float | None = None,
        tokens: int | None = None,
        price: Price | None = None,
        spent: Amount = Amount(),
    ) -> None:
        """Raises UserError for a budget of money where nobody says what a token costs."""
        if usd is not None and price is None:
            raise UserError(NO_PRICE)
        self.most_nano = None if usd is None else math.floor(round(usd * NANO, 3))
        self.most_tokens = tokens
        self.price = price
        self.spent = spent
        self.covered = spent  # what is written down as spent, ahead of the requests that will spend it
        self._held: dict[int, Amount] = {}
        self._last = 0

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.most_nano is not None or self.most_tokens is not None

    @property
    def held(self) -> Amount:
        """What requests under way may still take."""
        return sum(self._held.values(), Amount())

    @property
    def under_way(self) -> int:
        """How many requests are under way."""
        return len(self._held)

    def most(self, read: int, written: int) -> Amount:
        """Return what a request of so many tokens takes at most."""
        return Amount(read + written, priced(read, written, self.price))

    def used(self, read: int, written: int, cost: float | None) -> Amount:
        """Return what a request took; `cost` in US dollars counts where no price is known."""
        used = self.most(read, written)
        return used if cost is None or self.price is not None else Amount(used.tokens, nano_of(cost))

    def lacking(self, need: Amount) -> OutOfBudget | None:
        """Return why `need` does not fit in what is left, or None when it does."""
        taken = self.spent + self.held
        if self.most_nano is not None and taken.nano + need.nano > self.most_nano:
            left = max(0, self.most_nano - taken.nano) / NANO
            why = f"the next request may cost up to ${need.usd:.4f} and ${left:.4f} is left"
            return OutOfBudget(Kind.MONEY, why)
        if self.most_tokens is not None and taken.tokens + need.tokens > self.most_tokens:
            left_tokens = max(0, self.most_tokens - taken.tokens)
            why = f"the next request may take up to {need.tokens:,} tokens and {left_tokens:,} are left"
            return OutOfBudget(Kind.TOKENS, why)
        return None

    def hold(self, need: Amount) -> int:
        """Hold `need` until it is settled; return its number. Raises OutOfBudget when it does not fit."""
        if (lacking := self.lacking(need)) is not None:
            raise lacking
        self._last += 1
        self._held[self._last] = need
        return self._last

    def settle(self, number: int, used: Amount) -> None:
        """Count what a request took in place of what was held. One that is settled already changes nothing."""
        if self._held.pop(number, None) is not None:
            self.spent += used

    def forfeit(self, number: int) -> None:
        """Count all that is held for a request of which nobody will say what it took."""
        self.settle(number, self._held.get(number, Amount()))

    def cover(self) -> Amount | None:
        """Return what must be written down as spent before the requests that are held are sent; None when it is.

        It is a block more than they need, so that it is seldom written, and never more than the limit where that is
        not passed already. Whoever has written it down sets `covered`.
        """
        taken = self.spent + self.held
        if taken.tokens <= self.covered.tokens and taken.nano <= self.covered.nano:
            return None
        ahead = taken + self._block()
        capped = Amount(
            ahead.tokens if self.most_tokens is None else min(ahead.tokens, self.most_tokens),
            ahead.nano if self.most_nano is None else min(ahead.nano, self.most_nano),
        )
        return capped.at_least(taken)

    def _block(self) -> Amount:
        tokens = max(_LEAST_TOKENS, self.spent.tokens // _SHARE)
        nano = max(_LEAST_NANO, self.spent.nano // _SHARE) if self.price is not None else 0
        return Amount(
            tokens if self.most_tokens is None else self.most_tokens // _SHARE,
            nano if self.most_nano is None else self.most_nano // _SHARE,
        )
