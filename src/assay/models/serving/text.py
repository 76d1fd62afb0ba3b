"""Text out of token ids that come one by one: whole characters only, and none of a text that ends the answer."""

from collections.abc import Callable, Sequence

_HALF = "\ufffd"  # what a decoder makes of bytes that are not a whole character yet


class Decoded:
    """The text of ids so far. `add` returns what is new, which may be "" while a character is incomplete.

    Only the last few ids are decoded again for each new one, so an answer takes time in its length, not its square.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._start = self._said = 0  # ids from `start` are decoded again; those before `said` have given their text

    def add(self, token: int) -> str:
        """Take one id; return the text that is certain now."""
        self._ids.append(token)
        return self._new(whole=True)

    def end(self) -> str:
        """Return what was still held back."""
        return self._new(whole=False)

    def _new(self, *, whole: bool) -> str:
        before = self._decode(self._ids[self._start : self._said])
        now = self._decode(self._ids[self._start :])
        if len(now) <= len(before) or (whole and now.endswith(_HALF)):
            return ""
        self._start, self._said = self._said, len(self._ids)
        return now[len(before) :]


class Stopped:
    """Text up to the first of some stop texts, which may come in pieces. `done` once one of them was there."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""  # may be the beginning of a stop text
        self.done = False

    def add(self, text: str) -> str:
        """Take a piece; return what is certainly no part of a stop text."""
        if self.done:
            return ""
        self._held += text
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.done = True
            certain, self._held = self._held[: min(places)], ""
            return certain
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        certain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return certain

    def end(self) -> str:
        """Return what was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that begins `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
