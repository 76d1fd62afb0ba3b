"""Rate limits of an endpoint: so many requests and so many tokens in any minute, kept before they are broken."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MINUTE = 60.0


@dataclass
class Sent:
    """One request: when it was sent, and how many tokens it takes (an estimate, until the answer says)."""

    at: float
    tokens: int


class RateLimit:
    """At most `requests` and `tokens` within any `window_s` seconds; None is no limit. First come, first served.

    Tokens are those read and sampled. What a request will take is guessed when it is sent and corrected by what the
    endpoint counted, so a run of answers that are longer than any before may overshoot by what was guessed too low.
    """

    def __init__(
        self,
        requests: int | None = None,
        tokens: int | None = None,
        *,
        window_s: float = MINUTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requests = requests
        self.tokens = tokens
        self.window_s = window_s
        self._clock = clock
        self._sent: deque[Sent] = deque()
        self._turn = asyncio.Lock()

    async def admit(self, tokens: int) -> Sent:
        """Wait until a request of about so many tokens may be sent. One above the limit waits for an empty minute."""
        async with self._turn:
            while (wait := self._wait(tokens)) > 0:  # noqa: ASYNC110 it is the clock that is waited for
                await asyncio.sleep(wait)
            sent = Sent(self._clock(), tokens)
            if self.requests is not None or self.tokens is not None:
                self._sent.append(sent)
            return sent

    def _wait(self, tokens: int) -> float:
        """Return the seconds until the oldest request that stands in the way is a window old; 0 when none does."""
        now = self._clock()
        while self._sent and self._sent[0].at + self.window_s <= now:
            self._sent.popleft()
        if not self._sent:
            return 0.0
        many = self.requests is not None and len(self._sent) >= self.requests
        large = self.tokens is not None and sum(each.tokens for each in self._sent) + tokens > self.tokens
        return self._sent[0].at + self.window_s - now if many or large else 0.0
