"""Ctrl-C and SIGTERM for every verb that works for long: once ends it tidily and says how to go on, twice ends it now.

Tidily: what is under way is abandoned, sandboxes are closed, files too. Now: the process ends where it stands; the
kernel ends its sandboxes with it (`--die-with-parent`), and what is written down stays valid.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import typer

STOPPED = 130  # exit status
_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_Result = TypeVar("_Result")


class Stopping:
    """What a first signal does: cancel what `run` runs; outside of it, raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self.asked = False
        self._process = os.getpid()
        self._cancel: Callable[[], object] | None = None

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine as `asyncio.run` does. Raises KeyboardInterrupt when a signal ended it."""
        import asyncio

        async def cancellable() -> _Result:
            task, loop = asyncio.current_task(), asyncio.get_running_loop()
            assert task is not None
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
            try:
                return await work
            finally:
                self._cancel = None

        try:
            return asyncio.run(cancellable())
        except asyncio.CancelledError:
            if self.asked:
                raise KeyboardInterrupt from None
            raise

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a forked worker, for whom this was not meant
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self.asked:
            os.write(2, b"stopped at once\n")  # no print: the signal may have come amid one
            os._exit(STOPPED)
        self.asked = True
        os.write(2, b"stopping; once more stops at once\n")
        if self._cancel is None:
            raise KeyboardInterrupt
        self._cancel()


@contextmanager
def stoppable(kept: str) -> Iterator[Stopping]:
    """While it is entered, signals stop the verb; then one sentence says what is `kept` and how to go on."""
    stopping = Stopping()
    heard = [number for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]  # as a shell's `&` has it
    before = {number: signal.signal(number, stopping._note) for number in heard}
    try:
        yield stopping
    except KeyboardInterrupt:
        print(f"stopped; {kept}: {command()}", file=sys.stderr, flush=True)
        raise typer.Exit(STOPPED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def command() -> str:
    """Return the command that this process was started with, as a shell takes it; without passwords."""
    first = ["assay"] if os.path.basename(sys.argv[0]) == "assay" else [sys.executable, "-m", "assay"]
    return shlex.join([*first, *(_masked(word) for word in sys.argv[1:])])


def _masked(word: str) -> str:
    """Hide the password of a URL."""
    start = word.find("http")
    if start < 0 or "@" not in word:
        return word
    parts = urlsplit(word[start:])
    if not parts.password:
        return word
    where = parts.netloc.replace(f":{parts.password}@", ":***@")
    return word[:start] + urlunsplit(parts._replace(netloc=where))
